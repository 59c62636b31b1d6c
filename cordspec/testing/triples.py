"""Prefixes, steps and answers of every kind that has ever given wrong scores."""

from __future__ import annotations

import random
from typing import Final

from cordspec.plugin import ANSWER_END, ScoreRequest, Segment, forced_answer_prompt
from cordspec.testing.subject import Subject

STEPS: Final = (
    "\n### Step {n}. The shelf holds {a} cups, and {b} more make {c}.",
    "\n### Step {n}. {a} + {b} = {c}",
    "\n### Step {n}. Wait, let me check that: {c} - {b} is {a}. So it is right.",
    "\n### Step {n}. Zählen wir: {a} und {b} – das sind {c} 🙂.",
    "\n### Step {n}. 数え直す: {a}+{b}={c}。",
)
ANSWERS: Final = (
    "{c}", "7", "{a}, {b}", "x", "Ünïcødé {c}", "答えは{c}", "\\frac{{{a}}}{{{b}}}", "A {a}, B {b}, C {c}", " {c}", "the",
    "s {a}",
    "{c} cups, or a dozen and {b} cups more than there were at first",
)  # fmt: skip
"""One token, many tokens, non-ASCII, and such as join with the text before them (a leading blank, an ``s``)."""
SHARING: Final = 8
"""Triples that share a prefix."""


def drawn(subject: Subject) -> list[ScoreRequest]:
    """The triples of a subject; each prefix is shared by several, and some lie exactly on a boundary of a block."""
    rng = random.Random(subject.seed)
    requests: list[ScoreRequest] = []
    while len(requests) < subject.triples:
        numbers = {"a": rng.randrange(2, 99), "b": rng.randrange(2, 99)}
        prefix = "".join(_step(rng, at + 1, numbers) for at in range(rng.randrange(0, 4)))
        if len(requests) // SHARING % 3 == 1 and subject.traits.block > 1:
            prefix = _to_boundary(subject, prefix)
        for _ in range(SHARING):
            thinking = prefix + rng.choice(["", _step(rng, 9, numbers)])
            prompt = forced_answer_prompt(subject.engine.opening(subject.question), thinking)
            answer = rng.choice(ANSWERS).format(**numbers, c=sum(numbers.values()))
            requests.append(ScoreRequest(prompt, answer, ANSWER_END))
    return requests[: subject.triples]


def _step(rng: random.Random, number: int, numbers: dict[str, int]) -> str:
    numbers |= {"a": rng.randrange(2, 99)}
    return rng.choice(STEPS).format(n=number, **numbers, c=numbers["a"] + numbers["b"])


def _to_boundary(subject: Subject, thinking: str) -> str:
    """The thinking, longer, so that what is in front of the answer ends where a block of held states ends."""
    block = subject.traits.block
    for _ in range(4 * block):
        prompt = forced_answer_prompt(subject.engine.opening(subject.question), thinking)
        length = subject.oracle.length("".join(segment.text for segment in prompt))
        if length % block == 0:
            return thinking
        thinking += " so" if length % block > block // 2 or not thinking else "\n### Step 2. And so on"
    return thinking


def repeated(requests: list[ScoreRequest]) -> list[ScoreRequest]:
    """Answers that go on from answers which were scored before: their states may be held further than the prefix."""
    longer = [
        ScoreRequest((*one.prompt, Segment(one.target)), " and no more", ANSWER_END) for one in requests[:SHARING]
    ]
    return [*requests[: 2 * SHARING], *longer]
