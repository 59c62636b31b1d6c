"""The ledger of a decode: what calls cost, by role and by model, and what became of every token that was drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cordspec.domain.inference import Call
from cordspec.report.provenance.history import Attempt, History
from cordspec.report.provenance.recomputed import recomputed


@dataclass(slots=True)
class Costs:
    """Sums over calls. ``prompt`` tokens were sent and ``prefilled`` of them computed, the others' states were held.

    ``reprefilled`` is a lower bound of the prefilled tokens that the same model had seen at the same place before
    (`recomputed`). ``seconds`` are the engine's busy time, shared equally by the calls of a batch.
    """

    calls: int = 0
    prompt: int = 0
    prefilled: int = 0
    reprefilled: int = 0
    generated: int = 0
    scored: int = 0
    seconds: float = 0.0

    def add(self, call: Call, again: int) -> None:
        """Count one call, ``again`` of whose prompt tokens were computed before."""
        self.calls += 1
        self.prompt += call.prompt_tokens
        self.prefilled += call.prefilled
        self.reprefilled += again
        self.generated += call.generated
        self.scored += call.scored
        self.seconds += call.seconds


@dataclass(slots=True)
class Tokens:
    """What became of the tokens that a teacher drew. ``generated`` = ``kept`` + ``discarded`` + ``wasted``, exactly.

    ``kept``: of steps that stand in a final trace. ``discarded``: of the other steps of valid candidates. ``wasted``:
    ``invalid`` proposals (all their tokens), ``cut`` (drawn after the step, or mended away), ``copies`` (steps whose text
    another proposal of the same prefix had already). ``answers`` are final answers, counted beside all this.

    A header that the segmenter wrote is part of a step but was not drawn: it counts nowhere here.
    """

    generated: int = 0
    kept: int = 0
    discarded: int = 0
    invalid: int = 0
    cut: int = 0
    copies: int = 0
    answers: int = 0

    @property
    def wasted(self) -> int:
        return self.invalid + self.cut + self.copies


@dataclass(frozen=True, slots=True)
class Ledger:
    """``costs`` by role and model, ``tokens`` by author; an integrator is the author of what it merged."""

    costs: dict[tuple[str, str], Costs]
    tokens: dict[str, Tokens]

    def by_role(self) -> dict[str, Costs]:
        """The costs of each role, summed over its models."""
        return {role: total(cost for (one, _), cost in self.costs.items() if one == role) for role, _ in self.costs}

    @property
    def all_tokens(self) -> Tokens:
        whole: Counter[str] = Counter()
        for tokens in self.tokens.values():
            whole.update({name: getattr(tokens, name) for name in Tokens.__slots__})
        return Tokens(**whole)


def total(costs: Iterable[Costs]) -> Costs:
    """The sum of several."""
    whole = Costs()
    for cost in costs:
        for name in Costs.__slots__:
            setattr(whole, name, getattr(whole, name) + getattr(cost, name))
    return whole


def make_ledger(decode: Sequence[History]) -> Ledger:
    """The ledger of all problems of a decode."""
    costs: defaultdict[tuple[str, str], Costs] = defaultdict(Costs)
    tokens: defaultdict[str, Tokens] = defaultdict(Tokens)
    for history in decode:
        for call, again in recomputed(history):
            costs[call.role, call.model].add(call, again)
        for attempt, kept, copy in _shares(history):
            _count(tokens[attempt.expanded.teacher], attempt, kept, copy=copy)
        if history.finished is not None:
            drawn = sum(call.generated for call in history.finished.calls)
            tokens[history.finished.writer].answers += drawn
    return Ledger(dict(sorted(costs.items())), dict(sorted(tokens.items())))


def _shares(history: History) -> Iterator[tuple[Attempt, int, bool]]:
    """Each proposal, how many tokens of its steps stand in the trace, and whether it is a copy of another one."""
    standing = {}
    copies = set()
    for node in history.nodes.values():
        standing[node.attempts[0].expanded.number] = sum(node.first.lengths[: node.standing])
        copies |= {attempt.expanded.number for attempt in node.attempts[1:]}
    for number, attempt in history.attempts.items():
        if attempt.proposed is not None:
            yield attempt, standing.get(number, 0), number in copies


def _count(tokens: Tokens, attempt: Attempt, standing: int, *, copy: bool) -> None:
    proposed = attempt.proposed
    assert proposed is not None
    tokens.generated += proposed.generated
    if not proposed.steps and not proposed.closes:
        tokens.invalid += proposed.generated
        return
    drawn = attempt.drawn
    tokens.cut += proposed.generated - drawn
    if copy:
        tokens.copies += drawn
        return
    kept = min(standing, drawn)
    tokens.kept += kept
    tokens.discarded += drawn - kept
