"""How closely a probe looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """Sizes of a probe; most of its cost is ``problems * steps * candidates * rollouts``.

    ``gap`` is the least difference of two labels (shares of rollouts that end right) for a pair to count as a right and a
    wrong step.
    """

    problems: int = 24
    samples: int = 3
    """Steps of each teacher for each prefix that is probably right; one for a wrong one."""
    rollouts: int = 6
    """Continuations to the end for each candidate, in turns over the teachers; half as many after a wrong prefix."""
    depth: int = 16
    """Steps of a trace that are probed, from the first."""
    gap: float = 0.3
    plays: int = 40
    """Simulated searches of each problem."""
    draws: int = 1_000
    """Bootstrap draws over problems."""
    level: float = 0.9
    """Of the intervals."""
