"""What a student is trained on: worked solutions, or pairs of steps, as its trainer wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cordspec.artifacts.pairs import closes, pairs_of, scored_by_problem
from cordspec.artifacts.records import CandidateRecord
from cordspec.domain.problem import Solution
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.trainer import Continuation, PreferencePair, TrainingExample, Wants
from cordspec.extension.options import Ref
from cordspec.run.stages.decode import candidates_of, traces_of
from cordspec.run.workshop import Workshop

NEEDED: Final[Mapping[Wants, str]] = {
    "solutions": "it needs traces or worked solutions",
    "pairs": "it needs right traces, and proposals that scored lower than theirs for the same prefix",
}


def examples_of(shop: Workshop, data: Ref) -> list[TrainingExample]:
    """The worked solutions of problems, or the traces of a decode that it keeps."""
    if data.kind == "problems":
        solved = [(problem.question, problem.solution) for problem in shop.problems[data.name]]
        return [TrainingExample(question, solution) for question, solution in solved if solution is not None]
    keep = shop.experiment.decode(data.name).keep
    return [
        TrainingExample(trace.question, Solution(trace.thinking, trace.answer))
        for trace in traces_of(shop, data.name)
        if trace.steps and (keep == "all" or trace.correct)
    ]


def preferences_of(shop: Workshop, data: Ref) -> list[PreferencePair]:
    """The pairs of a decode's right traces, as `cordspec export` writes them.

    Raises:
        InvalidData: the data is no decode.
    """
    if data.kind != "decode":
        raise InvalidData(f"`{data}` is no decode", "only a decode has proposals to compare: name one as `data`")
    traces = traces_of(shop, data.name)
    candidates = scored_by_problem(traces, candidates_of(shop, data.name))
    return [
        PreferencePair(
            trace.question,
            pair.choice.prefix,
            _continuation(pair.choice.chosen),
            _continuation(pair.loser),
            pair.margin,
        )
        for trace in traces
        if trace.steps and trace.correct
        for pair in pairs_of(trace, candidates[trace.problem])
    ]


def _continuation(candidate: CandidateRecord) -> Continuation:
    return Continuation(candidate.text, closes(candidate))
