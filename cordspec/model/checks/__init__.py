"""Rules across blocks, one small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cordspec.diagnostics import Diagnostic
from cordspec.model.checks import answers, practice, references, resources
from cordspec.model.experiment import Experiment

RULES: Final[tuple[Callable[[Experiment], Iterator[Diagnostic]], ...]] = (
    references.pool_temperatures,
    references.scorer_fits_search,
    references.matched_decodes,
    references.capabilities,
    references.expected_metrics,
    references.graders_fit_problems,
    answers.columns,
    answers.reached,
    resources.gpus,
    resources.contexts,
    practice.same_problems_twice,
    practice.identical_teachers,
    practice.unpinned,
    practice.absent,
)


def check(experiment: Experiment) -> list[Diagnostic]:
    """Everything that the blocks get wrong together. Where they refer to each other in a circle, only that."""
    circles = list(references.no_circles(experiment))
    return circles or [diagnostic for rule in RULES for diagnostic in rule(experiment)]
