"""What a simulation is told, and how the engines of an experiment are laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cordspec.plan.assumptions import Assumptions
from cordspec.plan.machine import Gpu
from cordspec.run.simulating.prover import SIBLINGS

Entry = Literal["memory", "count", "one by one"]
"""How problems are let in: as a run does, by what engines can hold; as many as may be in flight at once; or the same, each
when the one before it has told its first wave. The last is no way of a run: problems that begin together are at their
largest together, and this shows what that costs.
"""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a model is served: ``replicas`` of it on ``gpus`` GPUs each."""

    gpus: int
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulation of a decode.

    ``problems`` are made up, and named after ``seed``: another seed is another set. At most ``in_flight`` of them are worked
    on at the same time; see `Entry`. ``cv`` is the coefficient of variation of step lengths, ``correlation`` that of a
    step's score with its prefix's. ``placements`` are those that differ from what the spec says, by model.
    """

    problems: int
    in_flight: int
    entry: Entry = "memory"
    seed: int = 1
    cv: float = 0.5
    correlation: float = SIBLINGS
    assumed: Assumptions = field(default_factory=Assumptions)
    gpu: Gpu = field(default_factory=Gpu)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    eager: bool = True
    """Whether expansions begin when they are certain, or with their wave (`Driver.eager`)."""
    guesses: int = 0
    """As `Driver.guesses`."""
