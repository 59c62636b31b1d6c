"""Options of components: pydantic models whose field types know how they are written in a spec.

A field is declared with the types below and the binder of `cordspec.model` does the rest: it checks units, looks up
references and reports every mistake at its place in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

Dimension = Literal["tokens", "bytes", "seconds", "fraction"]


class Options(BaseModel):
    """Base of all options: frozen, unknown keys refused, every default checked."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, arbitrary_types_allowed=True, defer_build=True
    )


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a number that is written with a unit of this dimension."""

    dimension: Dimension


@dataclass(frozen=True, slots=True)
class RefTo:
    """Marks a reference to a block of one of these kinds."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComponentOf:
    """Marks the bare name of an installed component of this kind that needs no block of its own."""

    kind: str


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Marks a text that may hold these placeholders in braces, and must hold each of them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A resolved reference to a block."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed range ``LO..HI``; percentages are stored as fractions."""

    low: float
    high: float


Tokens = Annotated[int, Unit("tokens")]
"""A number of tokens, written ``2048tok``."""
Bytes = Annotated[int, Unit("bytes")]
"""A size in bytes, written ``80GiB``."""
Seconds = Annotated[float, Unit("seconds")]
"""A duration in seconds, written ``20s`` or ``3h``."""
Fraction = Annotated[float, Unit("fraction")]
"""A share in 0..1, written ``30%``."""

ModelRef = Annotated[Ref, RefTo(("model",))]
ModelOrStudentRef = Annotated[Ref, RefTo(("model", "student"))]
ProblemsRef = Annotated[Ref, RefTo(("problems",))]
DecodeRef = Annotated[Ref, RefTo(("decode",))]
TracesRef = Annotated[Ref, RefTo(("decode", "problems"))]
PoolRef = Annotated[Ref, RefTo(("pool",))]
SegmenterRef = Annotated[Ref, RefTo(("segmenter",))]
ScorerRef = Annotated[Ref, RefTo(("scorer",))]
SearchRef = Annotated[Ref, RefTo(("search",))]
GraderName = Annotated[str, ComponentOf("grader")]
