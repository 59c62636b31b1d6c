"""Options of the kinds of block that cordspec itself implements: `experiment`, `pool`, `decode` and `sweep`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordspec.extension.options import (
    Assignments,
    Bytes,
    Fraction,
    GraderName,
    NotIdentity,
    Options,
    PoolRef,
    ProblemsRef,
    ScorerRef,
    SearchRef,
    Seconds,
    SegmenterRef,
    TeacherRef,
    Tokens,
    TrackerName,
)

Temperature = Annotated[float, Field(ge=0.0, le=10.0)]
Weight = Annotated[int, Field(ge=1, le=64)]


class Cluster(Options):
    """The machines that an experiment is meant for; nothing is started or reserved with it."""

    gpus: int = Field(ge=1, le=100_000, description="GPUs in all")
    gpu_memory: Bytes = Field(80 * 2**30, gt=0, description="memory of each GPU")


class ExperimentOptions(Options):
    """The experiment itself; a spec has exactly one."""

    seed: int = Field(0, ge=0, description="every random draw of the run derives from it")
    in_flight: int = Field(64, ge=1, le=4096, description="problems worked on at the same time; changes no result")
    cluster: Cluster | None = Field(None, description="the machines it is meant for, to check and to plan with")
    trackers: Annotated[tuple[TrackerName, ...] | None, NotIdentity()] = Field(
        None,
        description="what is told losses and metrics while it runs; trackio in a run that trains and has it, if left out; "
        "changes no result",
    )


class PoolOptions(Options):
    """The teachers of a decode with their sampling settings."""

    teachers: tuple[TeacherRef, ...] = Field(
        min_length=1, description="the models that propose steps, in tie-break order"
    )
    temperature: Temperature | Annotated[tuple[Temperature, ...], Field(min_length=1)] = Field(
        0.6, description="one for all, or a list: one per teacher, or several of a single teacher"
    )
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="nucleus sampling")
    top_k: int = Field(0, ge=0, description="draw from the k likeliest tokens only; 0 for all")
    weights: Annotated[tuple[Weight, ...], Field(min_length=1)] | None = Field(
        None, description="proposals of each teacher where a weight of 1 makes one; all alike without it"
    )
    absence: Literal["wait", "degrade", "fail"] = Field(
        "wait",
        description="when a teacher cannot be asked: wait for it, go on without it (which is recorded), or fail at once",
    )
    patience: Annotated[Seconds, NotIdentity()] = Field(
        600.0, ge=0, description="how long an absent teacher, or a prover, is waited for before the run fails"
    )

    censoring: Annotated[Fraction, NotIdentity()] = Field(
        0.05, ge=0, le=1, description="share of a teacher's answers that may be lost to its model's `deadline`"
    )

    @property
    def members(self) -> tuple[tuple[TeacherRef, float], ...]:
        """Each teacher with its temperature; a single model with a list of temperatures is as many teachers."""
        if not isinstance(self.temperature, tuple):
            return tuple((ref, self.temperature) for ref in self.teachers)
        refs = self.teachers * len(self.temperature) if len(self.teachers) == 1 else self.teachers
        return tuple(zip(refs, self.temperature, strict=True))


class Budget(Options):
    """What one trace may cost."""

    thinking: Tokens = Field(16_384, gt=0, description="tokens before `</think>`, each in its author's own tokens")
    answer: Tokens = Field(4_096, gt=0, description="tokens of the final answer")
    steps: int = Field(256, gt=0, description="steps of a trace")


class DecodeOptions(Options):
    """The making of traces: search over steps of a pool, guided by a scorer."""

    problems: ProblemsRef = Field(description="the questions")
    pool: PoolRef = Field(description="the teachers")
    segmenter: SegmenterRef = Field(description="where a step ends")
    scorer: ScorerRef = Field(description="how good a candidate is")
    search: SearchRef = Field(description="which prefixes to extend and which to keep")
    budget: Budget = Field(default_factory=Budget, description="what one trace may cost")
    keep: Literal["all", "correct"] = Field("all", description="which traces go into the training set")
    grader: GraderName = Field("math_verify", description="checks the final answers")
    speculate: Annotated[int, NotIdentity()] = Field(
        0,
        ge=0,
        le=4096,
        description="requests that a teacher's model may have under way and still be asked for what only may be needed; "
        "0 for never. Changes no result; guesses that do not come true are wasted tokens",
    )


class SweepOptions(Options):
    """Variants of the experiment: which settings take which values. Stages that variants share are made once."""

    mode: Literal["one_at_a_time", "grid", "zip"] = Field(
        "one_at_a_time",
        description="change one setting at a time, combine all with all, or take the first values, the second, ...",
    )
    vary: Annotated[dict[str, object], Assignments()] = Field(
        description="`BLOCK.FIELD = [VALUE, ...]`: the settings and their values"
    )
    skip: Annotated[tuple[object, ...], Assignments()] = Field(
        (), description="`[{ BLOCK.FIELD = VALUE, ... }]`: combinations that are left out"
    )
    repeat: Annotated[dict[str, object], Assignments()] = Field(
        {}, description="`BLOCK.FIELD = [VALUE, ...]`, such as seeds: every variant is run with each, and averaged"
    )
    compare: Literal["paired", "none"] = Field(
        "paired", description="whether the report compares variants with the base"
    )


CORE_KINDS: dict[str, type[Options]] = {
    "experiment": ExperimentOptions,
    "pool": PoolOptions,
    "decode": DecodeOptions,
    "sweep": SweepOptions,
}
