"""Seeded streams of problems, split by content so that nothing a model was trained on is ever an unseen problem."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from cordspec.plugin import ANSWER_CUE, ANSWER_END, Problem, Solution
from cordspec_mini.families import chain_arithmetic, inventory
from cordspec_mini.families.operations import SLIPS, Skill

Family = Literal["inventory", "chain_arithmetic"]
Split = Literal["unseen", "lessons"]


class Drawn(Protocol):
    """A drawn problem of any family."""

    @property
    def question(self) -> str: ...
    @property
    def step_tags(self) -> tuple[str, ...]: ...
    def work(
        self, rng: random.Random, errors: Mapping[Skill, float], slips: Sequence[int] = SLIPS
    ) -> tuple[list[str], list[int]]: ...
    def complete(self, found: Sequence[int]) -> list[int]: ...
    @staticmethod
    def answer(found: Sequence[int]) -> str: ...


_FAMILIES = {"inventory": inventory, "chain_arithmetic": chain_arithmetic}
HEADER = "\n### Step {n}. {body}"


def split_of(question: str) -> Split:
    """The split that a question belongs to for ever: half of all questions are reserved and never taught."""
    return "unseen" if hashlib.sha256(question.encode()).digest()[0] < 128 else "lessons"


def stream(family: Family, seed: int, lengths: tuple[int, int], split: Split) -> Iterator[tuple[Drawn, random.Random]]:
    """Distinct problems of one split, in a fixed order, each with the generator that goes on with its solution."""
    seen: set[str] = set()
    rng = random.Random(f"{family}:{seed}:{lengths}")
    misses = 0
    while misses < 10_000:
        drawn: Drawn = _FAMILIES[family].draw(rng, rng.randint(*lengths))
        if drawn.question in seen or split_of(drawn.question) != split:
            misses += 1
            continue
        misses = 0
        seen.add(drawn.question)
        yield drawn, random.Random(f"{drawn.question}:{seed}")


def solved(
    drawn: Drawn,
    rng: random.Random,
    errors: Mapping[Skill, float],
    early_answers: float = 0.0,
    slips: Sequence[int] = SLIPS,
) -> Problem:
    """The problem with a worked solution that has planned errors.

    With probability ``early_answers`` the trace is cut at a random step and followed by the answer at once: what it has
    found so far as it found it, the rest computed without writing. A step is labelled right when its text is that of the
    step at its place in the solution without errors: in a chain a step that carries on an error is wrong.
    """
    bodies, found = drawn.work(rng, errors, slips)
    shown = rng.randint(0, len(bodies) - 1) if rng.random() < early_answers else len(bodies)
    if shown < len(bodies):
        found = drawn.complete(found[:shown])
    steps = tuple(HEADER.format(n=n, body=body) for n, body in enumerate(bodies[:shown], 1))
    labels = tuple(float(body == right) for body, right in zip(bodies[:shown], right_bodies(drawn), strict=False))
    answer = f"{ANSWER_CUE}{drawn.answer(found)}{ANSWER_END}"
    return Problem(drawn.question, reference(drawn), Solution("".join(steps), answer, steps, labels), drawn.step_tags)


def right_bodies(drawn: Drawn) -> list[str]:
    """The bodies of the steps of the solution without errors."""
    return drawn.work(random.Random(0), {})[0]


def reference(drawn: Drawn) -> str:
    """The true answer."""
    return drawn.answer(drawn.complete([]))
