"""What the decoding of one problem takes, in calls and tokens: arithmetic on the waves of its search.

The closed forms are in `docs/planning.md`: without reuse every call pays for its whole prompt; with it each engine computes
a token of a prefix once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cordspec.extension.kinds.scorer import ScoreEffort
from cordspec.extension.kinds.search import Wave
from cordspec.plan.assumptions import Assumptions


@dataclass(frozen=True, slots=True)
class Pool:
    """Who proposes: the model of each teacher, by name, and the models that score."""

    teachers: tuple[str, ...]
    provers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelEffort:
    """One model in one problem: calls, tokens generated and scored, and prompt tokens without and with reuse."""

    model: str
    role: str
    calls: float
    generated: float
    scored: float
    prefilled_naive: float
    prefilled: float
    resident: float
    """Prompt tokens whose states it holds at the end, where kept prefixes share nothing but the question."""


def decode_effort(waves: Sequence[Wave], pool: Pool, score: ScoreEffort, assumed: Assumptions) -> list[ModelEffort]:
    """The effort of one problem, by model and role."""
    share = 1 / len(pool.teachers)
    found = [_teacher(name, waves, pool, share, assumed) for name in dict.fromkeys(pool.teachers)]
    return found + [_prover(name, waves, pool, score, share, assumed) for name in dict.fromkeys(pool.provers)]


def _teacher(name: str, waves: Sequence[Wave], pool: Pool, share: float, assumed: Assumptions) -> ModelEffort:
    mine = share * pool.teachers.count(name)
    calls = sum(wave.proposals for wave in waves) * mine
    generated = sum(wave.proposals * wave.length for wave in waves) * assumed.step_tokens * mine
    naive = sum(wave.proposals * _prefix(wave, assumed) for wave in waves) * mine
    foreign = 0.0 if name in pool.provers else (1 - mine) * _survivors(waves) * assumed.step_tokens
    boundaries = calls * assumed.boundary_tokens if len(waves) > 1 else 0.0
    kept = max(wave.kept for wave in waves)
    return ModelEffort(
        name, "teacher", calls + mine, generated + assumed.answer_tokens * mine, 0.0, naive,
        assumed.prompt_tokens + foreign + boundaries, assumed.prompt_tokens + kept * assumed.trace_tokens,
    )  # fmt: skip


def _prover(
    name: str, waves: Sequence[Wave], pool: Pool, score: ScoreEffort, share: float, assumed: Assumptions
) -> ModelEffort:
    own = share * pool.teachers.count(name)
    calls = sum(wave.proposals for wave in waves)
    tail = assumed.cue_tokens + score.scored
    steps = sum(wave.proposals * wave.length for wave in waves) * assumed.step_tokens
    naive = sum(
        wave.proposals * score.calls * (_prefix(wave, assumed) + wave.length * assumed.step_tokens + tail)
        for wave in waves
    )
    reused = assumed.prompt_tokens * (not own) + (1 - own) * steps
    reused += calls * (assumed.boundary_tokens + score.calls * tail)
    kept = max(wave.kept for wave in waves)
    return ModelEffort(
        name, "scorer", calls * score.calls, calls * score.calls * score.generated, calls * score.calls * score.scored,
        naive, reused, 0.0 if own else assumed.prompt_tokens + kept * assumed.trace_tokens,
    )  # fmt: skip


def _prefix(wave: Wave, assumed: Assumptions) -> float:
    """Tokens of the prompt of one proposal."""
    return assumed.prompt_tokens + wave.depth * assumed.step_tokens


def _survivors(waves: Sequence[Wave]) -> float:
    """Steps that are kept and that somebody extends: what the others' steps cost a teacher to read."""
    return sum(wave.kept * wave.length for wave in waves) if len(waves) > 1 else 0.0
