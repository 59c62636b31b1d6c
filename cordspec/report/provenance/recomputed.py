"""Prompt tokens that a model computed again, as far as the recorded numbers of tokens prove it.

What two prompts share cannot be counted without their tokenizers. But a teacher's prompt is the opening and its prefix, so
the prompt of an earlier call of the same model higher up the same path is the beginning of it, to a token at its end: no
more than the difference of the two and that token is new, and what was prefilled beyond that was computed again. A scorer's
prompts end in the same text after the candidate. It is no longer than the shortest of them: so much is allowed for. Nothing
is proved of reward models, whose window moves, and of integrators.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cordspec.domain.inference import Call
from cordspec.report.provenance.history import History, Place

Kind = tuple[str, str, int]
"""Role and model of a call, and which of several such calls it was for one candidate; 0 for teachers."""


@dataclass(slots=True)
class _Seen:
    """The longest prompts so far, by kind of call and prefix; and for each kind how long an equal end may be."""

    prompts: dict[tuple[Kind, Place], int] = field(default_factory=dict)
    tails: dict[Kind, int] = field(default_factory=dict)


def recomputed(history: History) -> Iterator[tuple[Call, int]]:
    """Every call for a problem, with the least number of its prompt tokens that were computed before."""
    seen = _Seen()
    for candidate in history.nodes.values():
        for kind, call in _kinds(candidate.scored.calls if candidate.scored else ()):
            seen.tails[kind] = min(call.prompt_tokens, seen.tails.get(kind, call.prompt_tokens))
    for attempt in history.attempts.values():
        if attempt.proposed is not None:
            place = history.places[attempt.expanded.parent]
            merging = attempt.expanded.extent == "merge"
            for call in attempt.proposed.calls:
                yield call, 0 if merging else _again(history, seen, _teacher(call), place, call)
    for number, candidate in history.nodes.items():
        for kind, call in _kinds(candidate.scored.calls if candidate.scored else ()):
            place = (number, len(candidate.first.steps))
            yield call, _again(history, seen, kind, place, call) if call.role in ("prover", "judge") else 0
    if history.finished is not None:
        ending = history.finished.candidate
        place = (ending, len(history.nodes[ending].first.steps))
        for call in history.finished.calls:
            yield call, _again(history, seen, _teacher(call), place, call) if call.role == "teacher" else 0


def _teacher(call: Call) -> Kind:
    return call.role, call.model, 0


def _kinds(calls: Sequence[Call]) -> Iterator[tuple[Kind, Call]]:
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for call in calls:
        yield (call.role, call.model, counts[call.role, call.model]), call
        counts[call.role, call.model] += 1


def _again(history: History, seen: _Seen, kind: Kind, place: Place, call: Call) -> int:
    same = seen.prompts.get((kind, place), 0)
    higher = max((seen.prompts.get((kind, one), 0) for one in _above(history, place)), default=0)
    seen.prompts[kind, place] = max(call.prompt_tokens, same)
    if not max(same, higher):
        return 0
    # the last token of a prompt may be another one where the text goes on
    new = call.prompt_tokens - (same or higher - 1) + (0 if same else seen.tails.get(kind, 0))
    return max(0, call.prefilled - max(0, new))


def _above(history: History, place: Place) -> Iterator[Place]:
    """The prefixes that a prefix begins with, down to the empty one."""
    number, count = place
    while number is not None:
        yield from ((number, steps) for steps in range(count - 1, 0, -1))
        number, count = history.nodes[number].above
        yield number, count
