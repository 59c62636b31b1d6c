"""Options of the kinds of block that cordspec itself implements: `experiment`, `pool` and `decode`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordspec.extension.options import (
    GraderName,
    ModelRef,
    Options,
    PoolRef,
    ProblemsRef,
    ScorerRef,
    SearchRef,
    SegmenterRef,
    Tokens,
)

Temperature = Annotated[float, Field(ge=0.0, le=10.0)]


class ExperimentOptions(Options):
    """The experiment itself; a spec has exactly one."""

    seed: int = Field(0, ge=0, description="every random draw of the run derives from it")
    in_flight: int = Field(64, ge=1, le=4096, description="problems worked on at the same time; changes no result")


class PoolOptions(Options):
    """The teachers of a decode with their sampling settings."""

    teachers: tuple[ModelRef, ...] = Field(
        min_length=1, description="the models that propose steps, in tie-break order"
    )
    temperature: Temperature | Annotated[tuple[Temperature, ...], Field(min_length=1)] = Field(
        0.6, description="one for all, or a list: one per teacher, or several of a single teacher"
    )
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="nucleus sampling")
    top_k: int = Field(0, ge=0, description="draw from the k likeliest tokens only; 0 for all")


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
    budget: Budget = Field(Budget(), description="what one trace may cost")
    keep: Literal["all", "correct"] = Field("all", description="which traces go into the training set")
    grader: GraderName = Field("math_verify", description="checks the final answers")


CORE_KINDS: dict[str, type[Options]] = {
    "experiment": ExperimentOptions,
    "pool": PoolOptions,
    "decode": DecodeOptions,
}
