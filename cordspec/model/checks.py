"""Rules across blocks, one small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final

from cordspec.diagnostics import Diagnostic, Label
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search
from cordspec.model.experiment import Experiment


def check(experiment: Experiment) -> list[Diagnostic]:
    """Everything that the blocks get wrong together."""
    return [diagnostic for rule in RULES for diagnostic in rule(experiment)]


def _no_circles(experiment: Experiment) -> Iterator[Diagnostic]:
    graph = {block.name: {ref.name for _, ref in block.refs()} for block in experiment.blocks.values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(dict.fromkeys(error.args[1]))
        first = experiment.blocks[circle[0]]
        related = tuple(Label(experiment.blocks[name].span, "part of the circle") for name in circle[1:])
        path = " -> ".join(f"`{name}`" for name in error.args[1])
        yield Diagnostic("E105", f"blocks refer to each other in a circle: {path}", first.span, "starts here", related)


def _pool_temperatures(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("pool"):
        pool = experiment.pool(block.name)
        if not isinstance(pool.temperature, tuple) or len(pool.teachers) == 1:
            continue
        if len(pool.temperature) != len(pool.teachers):
            message = f"{len(pool.temperature)} temperatures for {len(pool.teachers)} teachers"
            yield Diagnostic("E207", message, block.span_of("temperature"), "give one for all, or one for each")


def _scorer_fits_search(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("decode"):
        decode = experiment.decode(block.name)
        scorer = experiment.blocks[decode.scorer.name].component
        search = experiment.blocks[decode.search.name].component
        assert scorer is not None and issubclass(scorer, Scorer)
        assert search is not None and issubclass(search, Search)
        if scorer.unit not in ("either", search.unit):
            message = f"`{decode.scorer}` scores a {scorer.unit}, but `{decode.search}` extends by a {search.unit}"
            yield Diagnostic("E208", message, block.span_of("scorer"), f"needs a scorer of a {search.unit}")


def _matched_decodes(experiment: Experiment) -> Iterator[Diagnostic]:
    """A search that is sized to another decode needs that decode's spending on the same problems."""
    for block in experiment.of_kind("decode"):
        decode = experiment.decode(block.name)
        search = experiment.blocks[decode.search.name]
        for place, ref in search.refs():
            if ref.kind == "decode" and experiment.decode(ref.name).problems != decode.problems:
                message = f"`{search.name}` matches the tokens of `{ref}`, which is over other problems"
                related = (Label(search.span_of(*place), "matched here"),)
                yield Diagnostic("E209", message, block.span_of("problems"), "both need the same problems", related)


def _same_problems_twice(experiment: Experiment) -> Iterator[Diagnostic]:
    """A student must not be measured on the very problems that it was trained on."""
    trained = {
        block.name: {experiment.decode(ref.name).problems.name if ref.kind == "decode" else ref.name}
        for block in experiment.of_kind("student")
        for place, ref in block.refs()
        if place == ("data",)
    }
    for block in experiment.of_kind("eval"):
        refs = dict(block.refs())
        student, problems = refs.get(("model",)), refs.get(("problems",))
        if student and problems and problems.name in trained.get(student.name, ()):
            message = f"`{student}` is trained on `{problems}` and measured on it too"
            yield Diagnostic("W604", message, block.span_of("problems"), "its numbers will say nothing")


def _identical_teachers(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("pool"):
        pool = experiment.pool(block.name)
        if len(pool.teachers) > 1 and len(set(pool.teachers)) == 1 and pool.temperature == 0.0:
            message = "all teachers are the same model at temperature 0, so they all propose the same"
            yield Diagnostic("W602", message, block.span_of("teachers"), "raise the temperature, or name one of them")


RULES: Final[tuple[Callable[[Experiment], Iterator[Diagnostic]], ...]] = (
    _no_circles,
    _pool_temperatures,
    _scorer_fits_search,
    _matched_decodes,
    _same_problems_twice,
    _identical_teachers,
)
