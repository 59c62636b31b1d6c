"""What a miniature model is good at, measured: errors by skill for a teacher, sharpness by depth for a prover."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from cordspec.plugin import (
    ANSWER_END,
    Engine,
    GenerateRequest,
    Sampling,
    ScoreRequest,
    forced_answer_prompt,
    thinking_prompt,
)
from cordspec_mini.families.drawing import HEADER, Drawn, Family, reference, stream
from cordspec_mini.families.operations import SKILLS, SLIPS

LENGTHS = (4, 6)
TEMPERATURE = 0.6


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of ``n`` trials."""

    value: float
    n: int

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.value * (1 - self.value) / self.n)


def skill_errors(engine: Engine, family: Family, problems: int, seed: int) -> dict[str, Rate]:
    """The share of wrong steps by skill, each step drawn once at temperature 0.6 after a right prefix.

    A step is right when its text is that of the worked solution.
    """
    asked: list[tuple[str, str, GenerateRequest]] = []
    for drawn in _unseen(family, problems, seed):
        opening = engine.opening(drawn.question)
        bodies, _ = drawn.work(random.Random(0), {})
        thinking = ""
        for number, (body, skill) in enumerate(zip(bodies, drawn.step_tags, strict=True), 1):
            header = HEADER.format(n=number, body="")
            prompt = thinking_prompt(opening, thinking + header.rstrip())
            stop = (HEADER.format(n=number + 1, body="").rstrip(), "</think>")
            draw = _seed(drawn.question, number, seed)
            asked.append((skill, body, GenerateRequest(prompt, Sampling(TEMPERATURE), stop, 48, draw)))
            thinking += header + body
    answers = asyncio.run(_generate(engine, [request for _, _, request in asked]))
    wrong: defaultdict[str, list[bool]] = defaultdict(list)
    for (skill, body, _), said in zip(asked, answers, strict=True):
        wrong[skill].append(said.strip() != body)
    return {skill: Rate(sum(wrong[skill]) / len(wrong[skill]), len(wrong[skill])) for skill in SKILLS}


def sharpness(engine: Engine, family: Family, problems: int, seed: int) -> list[Rate]:
    """By depth, the share of right steps whose score is above that of a wrong sibling, after a right prefix.

    The sibling has a slip in its result; the score is predictive perplexity; a tie counts half.
    """
    asked: list[tuple[int, ScoreRequest]] = []
    for drawn in _unseen(family, problems, seed):
        opening = engine.opening(drawn.question)
        thinking = ""
        for number, pair in enumerate(siblings(drawn, seed), 1):
            for said in pair:
                prompt = forced_answer_prompt(opening, thinking + HEADER.format(n=number, body=said))
                asked.append((number, ScoreRequest(prompt, reference(drawn), ANSWER_END)))
            thinking += HEADER.format(n=number, body=pair[0])
    answers = asyncio.run(engine.score([request for _, request in asked]))
    scores = [round(math.fsum(answer.values) / len(answer.values), 9) for answer in answers]
    above: defaultdict[int, list[float]] = defaultdict(list)
    for at in range(0, len(asked), 2):
        right, wrong = scores[at], scores[at + 1]
        above[asked[at][0]].append(1.0 if right > wrong else 0.5 if right == wrong else 0.0)
    return [Rate(sum(above[depth]) / len(above[depth]), len(above[depth])) for depth in sorted(above)]


def siblings(drawn: Drawn, seed: int) -> Iterator[tuple[str, str]]:
    """For each step of the worked solution its body, and the body of a sibling with a slip in its result."""
    bodies, found = drawn.work(random.Random(0), {})
    rng = random.Random(_seed(drawn.question, 0, seed))
    for body, value in zip(bodies, found, strict=True):
        slipped = rng.choice([value + slip for slip in SLIPS if value + slip >= 0])
        yield body, body.removesuffix(f"{value}.") + f"{slipped}."


async def _generate(engine: Engine, requests: list[GenerateRequest]) -> list[str]:
    return [answer.text for answer in await engine.generate(requests)]


def _unseen(family: Family, problems: int, seed: int) -> Iterator[Drawn]:
    return (drawn for drawn, _ in islice(stream(family, seed, LENGTHS, "unseen"), problems))


def _seed(question: str, number: int, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{question}:{number}:{seed}".encode()).digest()[:7], "big")
