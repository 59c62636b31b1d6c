"""Options of components: pydantic models whose field types know how they are written in a spec.

A field is declared with the types below and the binder of `cordspec.model` does the rest: it checks units, looks up
references and reports every mistake at its place in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from cordspec.domain.facts import Capability

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

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

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A number, and what it counts."""
        return {**handler(schema), "x-cordspec-unit": self.dimension}


@dataclass(frozen=True, slots=True)
class RefTo:
    """Marks a reference to a block of one of these kinds; a model must be able to do what is needed."""

    kinds: tuple[str, ...]
    needs: tuple[Capability, ...] = ()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The name of a block."""
        return {"type": "string", "x-cordspec-reference": list(self.kinds)}


@dataclass(frozen=True, slots=True)
class ComponentOf:
    """Marks the bare name of an installed component of this kind that needs no block of its own."""

    kind: str


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Marks a text that may hold these placeholders in braces, and must hold each of them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """Marks the name of a column of a data set; one that carries the answer must not be shown to a teacher as well."""

    carries_answer: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """Marks the revision of something that others may change: a commit of 40 hexadecimal digits, or empty."""


@dataclass(frozen=True, slots=True)
class Assignments:
    """Marks settings of other blocks, by their paths; they are typed by the fields that they set."""


@dataclass(frozen=True, slots=True)
class NotIdentity:
    """Marks a setting that changes no artifact, and so is not part of a fingerprint."""


def identity_fields(options: type[BaseModel]) -> list[str]:
    """The fields that decide what a stage makes."""
    marked = {name: field.metadata for name, field in options.model_fields.items()}
    return [name for name, marks in marked.items() if not any(isinstance(mark, NotIdentity) for mark in marks)]


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

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Its two ends."""
        return {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


Tokens = Annotated[int, Unit("tokens")]
"""A number of tokens, written ``2048tok``."""
Bytes = Annotated[int, Unit("bytes")]
"""A size in bytes, written ``80GiB``."""
Seconds = Annotated[float, Unit("seconds")]
"""A duration in seconds, written ``20s`` or ``3h``."""
Fraction = Annotated[float, Unit("fraction")]
"""A share in 0..1, written ``30%``."""

TeacherRef = Annotated[Ref, RefTo(("model",), ("continue",))]
ProverRef = Annotated[Ref, RefTo(("model", "student"), ("score",))]
"""A model, or a student: a lighter prover may be trained first."""
RewardModelRef = Annotated[Ref, RefTo(("model",), ("reward",))]
WriterRef = Annotated[Ref, RefTo(("model",), ("chat",))]
"""A judge or an integrator: it is asked, and answers."""
EvaluatedRef = Annotated[Ref, RefTo(("model", "student"), ("continue",))]
InitRef = Annotated[Ref, RefTo(("model", "student"), ("weights",))]
ProblemsRef = Annotated[Ref, RefTo(("problems",))]
DecodeRef = Annotated[Ref, RefTo(("decode",))]
TracesRef = Annotated[Ref, RefTo(("decode", "problems"))]
PoolRef = Annotated[Ref, RefTo(("pool",))]
SegmenterRef = Annotated[Ref, RefTo(("segmenter",))]
ScorerRef = Annotated[Ref, RefTo(("scorer",))]
SearchRef = Annotated[Ref, RefTo(("search",))]
GraderName = Annotated[str, ComponentOf("grader")]
TrackerName = Annotated[str, ComponentOf("tracker")]
