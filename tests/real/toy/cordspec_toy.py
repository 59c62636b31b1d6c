"""Components without a model: what they say is a hash of what they are asked. Runs of seconds, with a torch-free process."""

import asyncio
import os
import signal
import time
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from cordspec.plugin import (
    EngineCounters,
    EngineTraits,
    Generation,
    Grader,
    InitRef,
    Model,
    Options,
    Rewards,
    Segment,
    TokenLogprobs,
    TracesRef,
    Trainer,
    TrainingOutcome,
    TrainingStep,
    hookimpl,
    prompt_text,
)


def number_of(*what):
    return int.from_bytes(sha256(repr(what).encode()).digest()[:4], "big")


def note(what):
    """Keep count outside of the process of what was asked, where a test wants that."""
    if "TOY_LOG" in os.environ:
        with Path(os.environ["TOY_LOG"]).open("a") as log:
            log.write(f"{what}\n")


class ToyEngine:
    """``steps`` steps, then an answer. A model called `silent` says nothing, `broken` cannot be asked after a while.
    A question with poison in it ends the process.
    """

    def __init__(self, name, delay, steps):
        self.name, self.delay, self.steps = name, delay, steps
        self.counters, self.traits, self.asked = EngineCounters(), EngineTraits("toy", block=0), 0

    def opening(self, question):
        return (Segment(question),)

    def count_tokens(self, text):
        return len(text.split())

    async def generate(self, requests):
        await self._take_time()
        return [self._generation(request) for request in requests]

    def _generation(self, request):
        prompt = prompt_text(request.prompt)
        if "poison" in prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        tokens = len(prompt.split())
        if "</think>" in prompt:
            return Generation(f" {number_of(prompt) % 3}", 1, "end", prompt_tokens=tokens)
        if self.name == "silent":
            return Generation("", 0, "end", prompt_tokens=tokens)
        if not request.stop:
            said = f"\n\nall at once\n</think> {number_of(request.seed) % 3}"
            return Generation(said, 5, "end", prompt_tokens=tokens)
        done = prompt.partition("<think>")[2].count("\n\n")
        draw = number_of(self.name, prompt, request.seed) % 50
        if request.stop[0] == "</think>":
            return Generation("".join(f"\n\n{draw} so {at}" for at in range(self.steps)), 9, "stop", "</think>", tokens)
        stop = "</think>" if done + 1 >= self.steps else "\n\n"
        return Generation(f"\n\n{self.name} {draw} because {done}", 4, "stop", stop, prompt_tokens=tokens)

    async def score(self, requests):
        note("score")
        await self._take_time()
        asked = [(prompt_text(one.prompt), one.target) for one in requests]
        return [TokenLogprobs((-(number_of(*one) % 1000) / 500 - 0.01,), 5) for one in asked]

    async def reward(self, requests):
        return [Rewards(tuple(0.5 for _ in one.steps), 5) for one in requests]

    async def _take_time(self):
        self.asked += 1
        if self.name == "broken" and self.asked > 6:
            raise RuntimeError("it went away")
        note("begin")
        await asyncio.sleep(self.delay)
        note("end")

    async def close(self):
        pass


class ToyOptions(Options):
    name: str
    weights: str = ""
    delay: float = 0.0
    steps: int = 3


class Toy(Model[ToyOptions]):
    name: ClassVar[str] = "toy"

    def fingerprint(self):
        path = Path(self.options.weights) if self.options.weights else None
        held = path.read_bytes() if path is not None and path.is_file() else b""
        return sha256(f"{self.options.name}:{self.options.steps}:{path}".encode() + held).hexdigest()

    def open(self):
        return ToyEngine(self.options.name, self.options.delay, self.options.steps)

    def at(self, weights):
        return Toy(self.options.model_copy(update={"weights": str(weights / "weights")}))

    def weights_path(self):
        return Path(self.options.weights)


class ToyTrainerOptions(Options):
    init: InitRef
    data: TracesRef
    steps: int = 3
    delay: float = 0.0


class ToyTrainer(Trainer[ToyTrainerOptions]):
    name: ClassVar[str] = "toy_sft"

    def train(self, job):
        for step in range(self.options.steps):
            time.sleep(self.options.delay)
            job.on_step(TrainingStep(step + 1, self.options.steps, 1.0))
        job.out.mkdir()
        (job.out / "weights").write_text(repr([one.question for one in job.examples]))
        return TrainingOutcome((1.0,), len(job.examples), 10, 0)


class Exact(Grader):
    name: ClassVar[str] = "toy_exact"

    def grade(self, written, reference):
        return written.strip() == reference


@hookimpl
def cordspec_components():
    yield Toy
    yield ToyTrainer
    yield Exact
