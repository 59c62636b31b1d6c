"""Blocks that do not go together."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from cordspec.diagnostics import Diagnostic, Label
from cordspec.extension.kinds.engine import Model
from cordspec.extension.kinds.evaluator import Evaluator
from cordspec.extension.kinds.grader import Grader
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search
from cordspec.extension.kinds.trainer import Trainer
from cordspec.model.experiment import Experiment


def no_circles(experiment: Experiment) -> Iterator[Diagnostic]:
    graph = {block.name: {ref.name for _, ref in block.refs()} for block in experiment.blocks.values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(dict.fromkeys(error.args[1]))
        first = experiment.blocks[circle[0]]
        related = tuple(Label(experiment.blocks[name].span, "part of the circle") for name in circle[1:])
        path = " -> ".join(f"`{name}`" for name in error.args[1])
        yield Diagnostic("E105", f"blocks refer to each other in a circle: {path}", first.span, "starts here", related)


def pool_temperatures(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("pool"):
        pool = experiment.pool(block.name)
        temperatures = pool.temperature if isinstance(pool.temperature, tuple) else ()
        if temperatures and len(pool.teachers) > 1 and len(temperatures) != len(pool.teachers):
            message = f"{len(temperatures)} temperatures for {len(pool.teachers)} teachers"
            yield Diagnostic("E207", message, block.span_of("temperature"), "give one for all, or one for each")
        elif pool.weights is not None and len(pool.weights) != len(pool.members):
            message = f"{len(pool.weights)} weights for {len(pool.members)} teachers"
            yield Diagnostic("E207", message, block.span_of("weights"), "give one for each, or leave them out")


def scorer_fits_search(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("decode"):
        decode = experiment.decode(block.name)
        scorer = experiment.blocks[decode.scorer.name].component
        search = experiment.blocks[decode.search.name].component
        assert scorer is not None and issubclass(scorer, Scorer)
        assert search is not None and issubclass(search, Search)
        if scorer.unit not in ("either", search.unit):
            message = f"`{decode.scorer}` scores a {scorer.unit}, but `{decode.search}` extends by a {search.unit}"
            yield Diagnostic("E208", message, block.span_of("scorer"), f"needs a scorer of a {search.unit}")


def matched_decodes(experiment: Experiment) -> Iterator[Diagnostic]:
    """A search that is sized to another decode needs that decode's spending on the same problems."""
    for block in experiment.of_kind("decode"):
        decode = experiment.decode(block.name)
        search = experiment.blocks[decode.search.name]
        for place, ref in search.refs():
            if ref.kind == "decode" and experiment.decode(ref.name).problems != decode.problems:
                message = f"`{search.name}` matches the tokens of `{ref}`, which is over other problems"
                related = (Label(search.span_of(*place), "matched here"),)
                yield Diagnostic("E209", message, block.span_of("problems"), "both need the same problems", related)


def capabilities(experiment: Experiment) -> Iterator[Diagnostic]:
    """A model must be able to do what the fields that name it need."""
    for block in experiment.blocks.values():
        for place, ref in block.refs():
            component = experiment.blocks[ref.name].component
            if component is not None and issubclass(component, Trainer):
                able, who = component.makes, f"a student of `{component.name}`"
            elif component is not None and issubclass(component, Model):
                able, who = experiment.model(experiment.blocks[ref.name]).capabilities, f"`{component.name}`"
            else:
                continue
            lacking = [need for need in block.needs(place) if need not in able]
            if lacking:
                means = " and ".join(MEANING[need] for need in lacking)
                message = f"{block.kind} `{block.name}` needs `{ref}` to {means}, which {who} cannot"
                related = (Label(experiment.blocks[ref.name].span, f"its component is `{component.name}`"),)
                yield Diagnostic("E602", message, block.span_of(*place), "name another model", related)


MEANING = {
    "continue": "continue raw prompts",
    "score": "give log-probabilities of a given text",
    "reward": "reward steps",
    "chat": "answer messages",
    "weights": "hand out weights to train from",
}


def graders_fit_problems(experiment: Experiment) -> Iterator[Diagnostic]:
    """A grader of one source's problems grades no others, and cannot help a scorer, which knows answers only."""
    for block in experiment.blocks.values():
        for grader in block.helpers:
            if not issubclass(grader, Grader) or not grader.sources:
                continue
            graded = [experiment.blocks[ref.name] for place, ref in block.refs() if place == ("problems",)]
            if [one for one in graded if one.component is not None and one.component.name in grader.sources]:
                continue
            named = " or ".join(f"`{source}`" for source in grader.sources)
            message = f"the grader `{grader.name}` grades problems of {named} only"
            related = tuple(Label(one.span, "these are others") for one in graded)
            yield Diagnostic("E212", message, block.span_of("grader"), "name another grader", related)


def expected_metrics(experiment: Experiment) -> Iterator[Diagnostic]:
    """``expect`` names metrics that the evaluator gives."""
    for block in experiment.of_kind("eval"):
        assert block.component is not None and issubclass(block.component, Evaluator)
        names = block.component.metric_names
        for metric in getattr(block.options, "expect", {}):
            if metric not in names:
                label = f"it gives {', '.join(names)}" if names else "it gives none"
                message = f"`{block.component.name}` has no metric `{metric}`"
                yield Diagnostic("E211", message, block.span_of("expect", metric), label)
