"""The run's end of lm-eval's process: starts it, and has a model answer what it asks, through the journal."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cordspec.artifacts.choosing import choose
from cordspec.artifacts.harnessed import Harnessed
from cordspec.artifacts.manifest import read_manifest
from cordspec.artifacts.store import RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.domain.inference import GenerateRequest, Sampling, ScoreRequest
from cordspec.domain.prompt import THINK_CLOSE, Segment, thinking_prompt
from cordspec.errors import PreflightError, UsageError
from cordspec.extension.component import EngineAccess
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.processes import keyless_environment
from cordspec.run.gather import gather
from cordspec.run.ledger import Ledger
from cordspec.run.recorded import recorded_experiment
from cordspec.run.seeds import derive
from cordspec.run.workshop import Engines, Models, component_errors

LONGEST_LINE: Final = 1 << 30
"""Bytes of one message of lm-eval: all requests of a kind come in one."""
TOKENS: Final = 256
"""Of a generation whose task does not say how many, as lm-eval has it."""
OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
KNOWN: Final = frozenset(("until", "max_gen_toks", "temperature", "do_sample", "top_p", "top_k"))


@dataclass(frozen=True, slots=True)
class Tasks:
    """What is to be evaluated. ``include`` are directories with tasks, ``shots`` the examples before each question."""

    names: tuple[str, ...]
    include: tuple[str, ...] = ()
    limit: int | None = None
    shots: int | None = None
    chat: bool = False
    """Put each context into the model's own template, up to `<think>`, and take what stands after its thinking."""


async def evaluate(run: Path, model: str, tasks: Tasks, registry: Registry) -> Harnessed:
    """Evaluate a model or a student of a run on tasks of lm-eval; the result is written beside the run's stages.

    Raises:
        UsageError: there is no such run, model or task, or a task asks for something that is not there.
        PreflightError: lm-eval is not installed.
    """
    directory = RunDirectory(run)
    manifest = read_manifest(run)
    experiment = recorded_experiment(run, manifest.sets, registry)
    trained = {entry.block: entry.id for entry in manifest.stages if entry.kind == "train"}
    name = choose("model", model, [*(block.name for block in experiment.of_kind("model")), *trained])
    ledger = Ledger()
    with Journal(directory.journal) as journal:
        engines = Engines(journal)
        try:
            models = Models(experiment, engines)
            for student, stage in trained.items():
                directory.verify(stage)
                models.add_student(student, directory, stage)
            engine = models.view(name, "evaluated", ledger)
            answering = _Answering(engine, tasks.chat, experiment.options.seed, experiment.options.in_flight)
            with component_errors(experiment.blocks[name]):
                found = await _driven(answering, tasks)
            identity = models.component(name).fingerprint()
        finally:
            await engines.close()
    made = Harnessed(name, identity, tasks.names, tasks.shots, tasks.limit, tasks.chat, found, ledger.as_dict())
    directory.write(made.file, made.to_json())
    return made


async def _driven(answering: _Answering, tasks: Tasks) -> dict[str, Any]:
    """What lm-eval found, driven to its end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cordspec.run.harness.worker", stdin=pipe, stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL, env=_environment(), limit=LONGEST_LINE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    include = [str(Path(one).resolve()) for one in tasks.include] or None
    message: object = {"tasks": tasks.names, "include": include, "limit": tasks.limit, "shots": tasks.shots}
    try:
        while True:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            if not line:
                raise _wrong(f"its process ended with code {await process.wait()}")
            said: dict[str, Any] = json.loads(line, parse_constant=lambda _: None)  # NaN, where there is no error
            if "done" in said:
                return dict(said["done"])
            if "ask" not in said:
                raise _refused(said)
            message = await answering.answers(said["ask"], said["requests"])
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _refused(said: dict[str, Any]) -> PreflightError | UsageError:
    if "lacking" in said:
        message = f"tasks of lm-eval need {said['lacking']}"
        return PreflightError(Diagnostic("E601", message, help='pip install "cordspec[lm-eval]"'))
    return _wrong(said["wrong"])


def _wrong(reason: str) -> UsageError:
    help = "tasks with data on this machine, without a network; a context before every text"
    return UsageError(Diagnostic("E813", f"lm-eval cannot evaluate this: {reason}", help=help))


def _environment() -> dict[str, str]:
    return {**keyless_environment("HOME", "HF_HOME", "HF_DATASETS_CACHE"), **OFFLINE}


@dataclass(frozen=True, slots=True)
class _Answering:
    """A model that answers what lm-eval asks."""

    engine: EngineAccess
    chat: bool
    seed: int
    at_a_time: int

    async def answers(self, what: str, requests: Sequence[Any]) -> list[object]:
        """The answers to requests of one kind, in order."""
        slots = asyncio.Semaphore(self.at_a_time)
        seen: Counter[str] = Counter()

        async def one(request: Any, before: int) -> object:
            context, asked = request
            async with slots:
                if what == "loglikelihood":
                    return await self._likelihood(context, asked)
                return await self._generation(context, asked, before)

        numbered = []
        for request in requests:
            key = json.dumps(request, sort_keys=True)
            numbered.append((request, seen[key]))
            seen[key] += 1
        return await gather(one(*each) for each in numbered)

    async def _likelihood(self, context: str, continuation: str) -> tuple[float, bool]:
        """The log-probability of a continuation in nats, and whether the model, taking likeliest tokens, writes it."""
        if not context:
            raise _wrong("a text with nothing before it is not scored")
        if self.chat:
            raise _wrong("log-likelihoods are of plain texts, and the model's template is asked for")
        prompt = (Segment(context),)
        scored = await self.engine.score(ScoreRequest(prompt, continuation, ""))
        if not scored.values:
            raise _wrong("a context and its continuation are longer than the model's context")
        greedy = GenerateRequest(prompt, Sampling(0.0), (), len(scored.values), 0)
        written = await self.engine.generate(greedy)
        return round(sum(scored.values), 6), written.text == continuation

    async def _generation(self, context: str, settings: dict[str, Any], before: int) -> str:
        """A continuation; of equal requests each has a draw of its own, ``before`` are those that came earlier."""
        unknown = sorted(settings.keys() - KNOWN)
        if unknown:
            raise _wrong(f"it asks for {', '.join(unknown)} in `generation_kwargs`")
        until = settings.get("until") or []
        stop = (until,) if isinstance(until, str) else tuple(until)
        drawn = settings.get("do_sample", float(settings.get("temperature", 0.0)) > 0)
        temperature = float(settings.get("temperature", 1.0)) if drawn else 0.0
        sampling = Sampling(temperature, float(settings.get("top_p", 1.0)), int(settings.get("top_k", 0)))
        tokens = int(settings.get("max_gen_toks", TOKENS))
        seed = derive(self.seed, "lm_eval", context, before)
        prompt = thinking_prompt(self.engine.opening(context), "") if self.chat else (Segment(context),)
        said = await self.engine.generate(GenerateRequest(prompt, sampling, stop, tokens, seed))
        if not self.chat:
            return said.text
        _, closed, written = said.text.rpartition(THINK_CLOSE)
        return written if closed else ""
