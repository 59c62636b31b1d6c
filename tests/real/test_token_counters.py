"""The token counters of a real run against sums over the recorded texts, recounted with the tokenizers alone.

The sums are those of a step-level search with B kept prefixes and K teachers, taken step by step: without held states every
call pays for its whole prompt; with them each model computes a token of a prefix once, and what it wrote itself never.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from cordspec import api
from cordspec.artifacts.events import read_events
from cordspec.artifacts.manifest import read_manifest
from cordspec.domain.events import Event, Expanded, Finished, Formed, Proposed, Scored
from cordspec.run import assembling
from cordspec.run.driver import Driver
from cordspec_mini.models import CHECKPOINTS
from tests.real.test_runs import DECODES

SPEC = DECODES.replace("count = 6", "count = 5").replace("in_flight = 8", "in_flight = 1").split("decode curated")[0]
CLOSE = "\n</think>"
NAMES = ("adder", "subtracter", "multiplier", "prover")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wave by wave, as it is recounted: a teacher that begins early may read a step which it is just writing itself."""
    there = tmp_path_factory.mktemp("counters")
    (there / "small.cord").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembling, "Driver", partial(Driver, eager=False))
        return api.execute(api.load(there / "small.cord"), there / "run")


@pytest.fixture(scope="module")
def events(run: Path) -> list[Event]:
    (path,) = run.glob("stages/decode-traces-*/events.jsonl")
    return list(read_events(path))


class Held:
    """The token sequences that one model has seen, as a set of all their beginnings: slow and plain."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, ...]] = {()}

    def new(self, ids: list[int]) -> int:
        length = len(ids)
        while tuple(ids[:length]) not in self._seen:
            length -= 1
        return len(ids) - length

    def add(self, ids: list[int]) -> None:
        self._seen.update(tuple(ids[:length]) for length in range(len(ids) + 1))


class Recount:
    """Goes through the events wave by wave and counts what each model had to read, with and without held states."""

    def __init__(self, run: Path, events: list[Event]) -> None:
        self._ids = {name: AutoTokenizer.from_pretrained(CHECKPOINTS / name) for name in NAMES}
        (path,) = run.glob("stages/problems-p-*/problems.jsonl")
        self._problems = {row["id"]: row for row in map(json.loads, path.read_text().splitlines())}
        self._thinking: dict[tuple[str, str], str] = {}
        self.held: defaultdict[str, Held] = defaultdict(Held)  # problems share how their questions begin
        self.prompt: defaultdict[str, int] = defaultdict(int)
        self.prefilled: defaultdict[str, int] = defaultdict(int)
        self.generated: defaultdict[str, int] = defaultdict(int)
        waves: defaultdict[tuple[str, int], list[Event]] = defaultdict(list)
        for event in events:
            waves[event.problem, event.wave].append(event)
        for (problem, _), wave in waves.items():
            self._wave(problem, wave)

    def _wave(self, problem: str, wave: list[Event]) -> None:
        asked = {one.number: one for one in wave if isinstance(one, Expanded)}
        said = {one.number: one for one in wave if isinstance(one, Proposed)}
        for number, expansion in asked.items():
            before = self._thinking.get((problem, expansion.parent), "")
            prompt = f"{self._opening(problem)}<think>{before}" + ("" if before else "\n### Step 1.")
            self._read(expansion.teacher, prompt)
            text = "".join(said[number].steps)
            closed = CLOSE if said[number].closes and not said[number].forced else ""
            self.held[expansion.teacher].add(
                self._encode(expansion.teacher, f"{self._opening(problem)}<think>{before}{text}{closed}")
            )
            self.generated[expansion.teacher] += said[number].generated
        formed = {one.candidate: one for one in wave if isinstance(one, Formed)}
        for one in formed.values():
            before = self._thinking.get((problem, one.parent), "")
            self._thinking[problem, one.key] = before + "".join(said[one.candidate].steps)
        for score in (one for one in wave if isinstance(one, Scored)):
            self._score(problem, self._thinking[problem, formed[score.candidate].key])
        for end in (one for one in wave if isinstance(one, Finished)):
            thinking = self._thinking[problem, end.key]
            self._read(end.writer, f"{self._opening(problem)}<think>{thinking}{CLOSE}")
            self.generated[end.writer] += sum(call.generated for call in end.calls)

    def _opening(self, problem: str) -> str:
        return f"Question: {self._problems[problem]['question']}\n"

    def _encode(self, model: str, text: str) -> list[int]:
        return list(self._ids[model](text)["input_ids"])

    def _read(self, model: str, prompt: str) -> None:
        ids = self._encode(model, prompt)
        self.prompt[model] += len(ids)
        self.prefilled[model] += self.held[model].new(ids[:-1])
        self.held[model].add(ids[:-1])

    def _score(self, problem: str, thinking: str) -> None:
        forced = f"{self._opening(problem)}<think>{thinking}{CLOSE}\n\nThe final answer is "
        answer = self._problems[problem]["answer"]
        whole = self._encode("prover", f"{forced}{answer}.")[:-1]
        spans = self._ids["prover"](f"{forced}{answer}.", return_offsets_mapping=True)["offset_mapping"]
        first = next(at for at, (_, last) in enumerate(spans) if last > len(forced))
        self.prompt["prover"] += first
        held = self.held["prover"]
        self.prefilled["prover"] += held.new(whole[:-1])
        held.add(whole[: first - 1])


def calls(events: list[Event], field: str) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for event in events:
        for call in getattr(event, "calls", ()):
            found[call.model] += getattr(call, field)
    return dict(found)


def close(found: dict[str, int], wanted: dict[str, int]) -> bool:
    return found.keys() == wanted.keys() and all(abs(found[name] / wanted[name] - 1) <= 0.02 for name in wanted)


def test_the_counters_are_the_sums_over_the_recorded_lengths(run: Path, events: list[Event]) -> None:
    again = Recount(run, events)
    assert calls(events, "prompt_tokens") == dict(again.prompt)
    assert calls(events, "generated") == {**again.generated, "prover": 0}
    assert close(calls(events, "prefilled"), dict(again.prefilled)), (calls(events, "prefilled"), again.prefilled)
    naive, cached = sum(again.prompt.values()), sum(again.prefilled.values())
    print(f"prompt tokens {naive:,}, computed {cached:,}: {naive / cached:.1f} times less")
    assert naive > 3 * cached  # short problems: three or four steps


def test_what_events_count_is_what_the_engines_computed(run: Path, events: list[Event]) -> None:
    engine = read_manifest(run).engine
    assert sum(calls(events, "prefilled").values()) == engine["prefilled"]
    assert sum(calls(events, "generated").values()) == engine["generated"]
    ledger = json.loads(next(run.glob("stages/decode-traces-*/ledger.json")).read_text())
    assert sum(one["prefilled_tokens"] for one in ledger.values()) == engine["prefilled"]
