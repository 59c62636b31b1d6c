"""`tracker`: where the numbers of a run are shown beside those of other runs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from cordspec.extension.component import Component, OptionsT

RunEnd = Literal["finished", "stopped", "failed"]
"""How a run ended: to its end, by a signal, by an error."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What a tracker is told of a run: no command line, no environment, no text of a problem or of a model.

    ``variant`` is `base` in a spec without a sweep. ``directory`` is in the run's own, and there when a tracker begins.
    """

    experiment: str
    variant: str
    directory: Path


class Tracker(Component[OptionsT]):
    """Is told numbers of one variant of a run. It changes nothing: what it raises is told once, and the run goes on.

    All three are called from one thread that belongs to this tracker, in order; one that is slow or hangs holds up nobody.
    Options have defaults, since a spec names trackers by their bare names. What goes over a network does so because the
    operator said so, never because a spec did.
    """

    kind: ClassVar[str] = "tracker"

    @abstractmethod
    def begin(self, run: TrackedRun) -> None:
        """The variant begins, or goes on in another process.

        Raises:
            Unavailable: a package is missing.
        """

    @abstractmethod
    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a stage, all finite. ``step`` counts optimiser steps of a training; other stages have one step, 0.

        A training that goes on from a checkpoint may tell steps again that an earlier process told.
        """

    @abstractmethod
    def end(self, status: RunEnd) -> None:
        """Nothing more comes. Called once after `begin`, also when `log` failed; what is held is to be released."""
