"""`mini_integrator`: merges traces of the miniature by a rule. It is no language model, and nothing in it is learned.

It stands where the paper asks a large language model, so that integration runs offline in seconds. What it shows is that the
machinery works; it says nothing about how well models merge.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from cordspec.plugin import (
    Capability,
    Component,
    Engine,
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    Model,
    Options,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    Unavailable,
    hookimpl,
    prompt_text,
)

RULE = "a rule, not a model"
_BLOCK = re.compile(r"<reasoning_step_(\d+)>\n(.*?)\n</reasoning_step_\1>", re.DOTALL)
_SHELF = re.compile(r"Shelf (\w): .* = (\d+)\.")
_RESULT = re.compile(r"= (\d+)\.")

Item = TypeVar("Item", bound=Hashable)


def merge_by_rule(prompt: str) -> str:
    """The integrated trace of all solutions in a prompt, as the JSON that is asked for; a sentence if there are none.

    It has as many steps as most solutions. Each is the text that most solutions have at its place, ties going to the earlier
    solution; its category is `verification` where two or more agree, else `progressive`. The answer is read off the merged
    steps: what was found for each shelf, or else the last result. Nothing is computed and nothing checked.
    """
    solutions = _solutions(prompt)
    if not solutions:
        return "There is nothing to merge."
    merged: dict[str, object] = {}
    steps: list[str] = []
    for at in range(_commonest([len(solution) for solution in solutions])[0]):
        text, votes = _commonest([" ".join(solution[at].split()) for solution in solutions if at < len(solution)])
        steps.append(text)
        category = "verification" if votes > 1 else "progressive"
        merged[f"integrated_step{at + 1}"] = {"content": text, "category": category}
    answer = _answer(steps)
    if answer:
        merged["answer_part"] = [answer]
    return json.dumps(merged, indent=1)


def _solutions(prompt: str) -> list[list[str]]:
    """The steps of each solution: a block numbered 1 begins the next one."""
    solutions: list[list[str]] = []
    for number, text in _BLOCK.findall(prompt):
        if number == "1":
            solutions.append([])
        if solutions:
            solutions[-1].append(text)
    return solutions


def _commonest(items: Sequence[Item]) -> tuple[Item, int]:
    """The item that is there most often, the first such one, and how often."""
    return Counter(items).most_common(1)[0]


def _answer(steps: Sequence[str]) -> str:
    shelves = [found.groups() for step in steps if (found := _SHELF.search(step))]
    if shelves:
        return ", ".join(f"{shelf} {value}" for shelf, value in shelves)
    results = [found.group(1) for step in steps if (found := _RESULT.search(step))]
    return results[-1] if results else ""


class RuleEngine:
    """Answers an integration prompt by `merge_by_rule`. Tokens are words between white space; seeds change nothing."""

    def __init__(self) -> None:
        self._counters = EngineCounters()

    @property
    def counters(self) -> EngineCounters:
        return self._counters

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits("a rule", block=0)

    def opening(self, question: str) -> Prompt:
        return (Segment(question),)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        return [self._generation(request) for request in requests]

    def _generation(self, request: GenerateRequest) -> Generation:
        prompt = prompt_text(request.prompt)
        words = re.findall(r"\s*\S+", merge_by_rule(prompt))
        text, cut = "".join(words[: request.max_tokens]), len(words) > request.max_tokens
        read, wrote = self.count_tokens(prompt), min(len(words), request.max_tokens)
        so_far = self._counters
        self._counters = EngineCounters(so_far.prefilled + read, so_far.reused, so_far.generated + wrote)
        return Generation(text, wrote, "length" if cut else "end", None, read, read)

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        raise Unavailable(f"a rule gives no log-probabilities: `mini_integrator` is {RULE}")

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable(f"a rule gives no rewards: `mini_integrator` is {RULE}")

    async def close(self) -> None:
        """Nothing is held."""


class MiniIntegrator(Model[Options]):
    """A rule, not a model: it merges traces of the miniature by a vote on each step."""

    name: ClassVar[str] = "mini_integrator"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"chat"})

    def fingerprint(self) -> str:
        return f"mini_integrator:{self.version}"

    def open(self) -> Engine:
        return RuleEngine()

    def at(self, weights: Path) -> Model:
        raise Unavailable(f"`mini_integrator` is {RULE}: there are no weights to train from")

    def weights_path(self) -> Path:
        raise Unavailable(f"`mini_integrator` is {RULE}: there are no weights to train from")


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniIntegrator
