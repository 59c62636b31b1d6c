"""The embedded engine against a naive loop, through whole runs: 64 problems of the miniature at beam 4.

Both sides run the decode of `specs/hello.cord` through `cordspec.api.execute`, with the same search code and seeds, on
all cores. The naive side works on one problem at a time and answers one request at a time: for every step and every score it
encodes the whole prompt text again and puts all of it through the model; within one generation it keeps its states, between
requests nothing. The traces must be the same to the byte.

Run by ``make bench``. Targets: at least 5 times less wall time, and at least 90 % of the run inside model code.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import DynamicCache

from cordspec import api
from cordspec.artifacts.manifest import read_manifest
from cordspec.plugin import (
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    prompt_text,
)
from cordspec_hf import engine as embedded
from cordspec_hf import passes, prefix_tree, row_states, running
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.prompting.frame import PromptFrame
from cordspec_hf.rows import DecodingRow
from cordspec_hf.sampling import draw

PROBLEMS = 64
LEAST_RATIO, LEAST_INSIDE = 5.0, 0.90
THREADS = os.cpu_count() or 1
"""Both sides have all cores."""
SPEC = Path(__file__).parents[1] / "specs" / "hello.cord"


class NaiveEngine:
    """What one writes first: no batches, and nothing kept from one request to the next."""

    def __init__(self, model, tokenizer, prefix_tokens: int, frame: PromptFrame) -> None:
        self._model = model
        self._frame = frame
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(tokenizer)
        self._ends = embedded._end_tokens(model, tokenizer)
        self._token_text: dict[int, str] = {}
        self.counters = EngineCounters()
        self.traits = EngineTraits("naive", block=0)

    def opening(self, question: str) -> Prompt:
        return self._frame.around(question)

    def count_tokens(self, text: str) -> int:
        return len(self._encoder.encode((Segment(text),)).ids)

    @torch.inference_mode()
    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        return [self._generation(request) for request in requests]

    @torch.inference_mode()
    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        return [self._logprobs(request) for request in requests]

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    def _generation(self, request: GenerateRequest) -> Generation:
        ids = self._encoder.encode(request.prompt).ids
        row = DecodingRow(request, ids, request.max_tokens, self._ends, self._decode, self._token_text)
        cache, new = DynamicCache(), torch.tensor([ids])
        while not row.over:
            logits = self._model(new, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
            (token,) = draw(logits, [request.sampling], [row.uniforms])
            row.take(token)
            new = torch.tensor([[token]])
        return row.generation()

    def _logprobs(self, request: ScoreRequest) -> TokenLogprobs:
        start = len(prompt_text(request.prompt))
        whole = self._encoder.encode((*request.prompt, Segment(request.target + request.after)))
        first, last = whole.overlapping(start, start + len(request.target))
        logprobs = torch.log_softmax(self._model(torch.tensor([whole.ids]), use_cache=False).logits[0], dim=-1)
        targets = torch.tensor(whole.ids[first:last])[:, None]
        return TokenLogprobs(tuple(logprobs[first - 1 : last - 1].gather(1, targets)[:, 0].tolist()), first)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


@dataclass
class Stopwatch:
    """Seconds by what they were spent on, in the device's thread."""

    seconds: Counter[str] = field(default_factory=Counter)

    def around(self, owner: object, name: str, what: str) -> None:
        inner: Callable = getattr(owner, name)

        def timed(*args: object, **kwargs: object) -> object:
            begin = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self.seconds[what] += time.perf_counter() - begin

        setattr(owner, name, timed)


@dataclass
class Run:
    """One decode: its traces, its stage's wall seconds, the process's CPU seconds, what its engines counted."""

    traces: bytes
    wall: float
    cpu: float
    engine: dict[str, float]


def run(engine: type, in_flight: int, problems: int) -> Run:
    with tempfile.TemporaryDirectory() as there, torch.inference_mode():
        embedded.TransformersEngine = engine  # what a model of the spec is opened with
        sets = [f"shelves.count={problems}", f"hello.in_flight={in_flight}"]
        begin = time.process_time()
        out = api.execute(api.load(SPEC, sets), Path(there) / "run", only=("traces",))
        cpu = time.process_time() - begin
        manifest = read_manifest(out)
        (stage,) = (one for one in manifest.stages if one.kind == "decode")
        (traces,) = out.glob("stages/decode-traces-*/traces.jsonl")
        return Run(traces.read_bytes(), stage.seconds, cpu, dict(manifest.engine))


def main() -> int:
    torch.set_num_threads(THREADS)
    ours = embedded.TransformersEngine
    run(ours, 1, 1)  # imports
    watch = Stopwatch()
    watch.around(passes.Passes, "_forward", "forward passes")
    watch.around(running, "draw", "drawing")
    for owner, name in (
        (row_states.RowStates, "add"),
        (row_states.RowStates, "drop"),
        (prefix_tree.PrefixTree, "insert"),
    ):
        watch.around(owner, name, "states")
    watch.around(prefix_tree.PrefixTree, "evict", "states")
    fast = run(ours, PROBLEMS, PROBLEMS)
    naive = run(NaiveEngine, 1, PROBLEMS)
    assert fast.traces == naive.traces, "the traces differ"
    inside = fast.engine["busy"] / fast.wall
    split = {what: seconds / fast.wall for what, seconds in watch.seconds.items()}
    split["other work of the engine"] = inside - sum(split.values())
    split["idle"] = 1 - inside
    ratio = naive.wall / fast.wall
    print(
        f"{PROBLEMS} problems of the miniature, beam 4, three teachers and a prover; float64, {THREADS} threads; same traces"
    )
    print(
        f"naive divided by ours: {ratio:.1f}x in wall time, {naive.cpu / fast.cpu:.1f}x in CPU time (target {LEAST_RATIO}x)"
    )
    print(f"inside model code: {inside:.0%} of the run (target {LEAST_INSIDE:.0%})")
    for what, share in split.items():
        print(f"  {what:<26} {share:6.1%}")
    result = {
        "machine": f"{platform.machine()}, {THREADS} threads", "torch": torch.__version__, "problems": PROBLEMS,
        "ratio_wall": ratio, "ratio_cpu": naive.cpu / fast.cpu, "inside_model_code": inside, "split": split,
        "seconds": {"ours": fast.wall, "naive": naive.wall}, "counters": fast.engine,
    }  # fmt: skip
    if "--write" in sys.argv:
        target = Path(__file__).parent / "results" / "embedded_engine.json"
        target.write_text(json.dumps(result, indent=2) + "\n")
    return int(ratio < LEAST_RATIO or inside < LEAST_INSIDE)


if __name__ == "__main__":
    raise SystemExit(main())
