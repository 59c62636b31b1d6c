"""Searches played without models: the real machines, fed by what a probe saw."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cordspec.domain.scoring import ScoredCandidate
from cordspec.extension.kinds.search import SearchMachine
from cordspec.run.merging import merge
from cordspec.run.probing.empirical import ROOT, Bank, Reply, Standing

LONGEST = 10_000
"""Waves after which a played search is given up; a real one is ended by its budget."""


@dataclass(frozen=True, slots=True)
class Played:
    """How a played search ended: the probability that its trace is right, tokens generated, candidates scored."""

    right: float
    generated: int
    scored: int


class Unplayable(Exception):
    """A search asks for what a probe has not seen."""


def play(machine: SearchMachine, bank: Bank, rng: random.Random) -> Played:
    """One whole search.

    Raises:
        Unplayable: it wants a trace from a prefix, or a merge.
    """
    known: dict[str, Standing] = {}
    order: dict[int, list[int]] = {}
    generated = scored_candidates = 0
    for _ in range(LONGEST):
        expansions = machine.ask()
        if not expansions:
            break
        replies: dict[int, Reply] = {}
        for expansion in expansions:
            if expansion.extent == "step":
                reply = bank.step(expansion, known.get(expansion.prefix.key, ROOT), rng)
            elif expansion.extent == "trace" and not expansion.prefix.steps:
                reply = bank.trace(expansion, order, rng)
            else:
                raise Unplayable(f"it asks for a {expansion.extent} from a prefix")
            if reply is not None:
                replies[expansion.number] = reply
        told = []
        for one in merge([reply.answered for reply in replies.values()]):
            numbers = tuple(expansion.number for expansion in one.expansions)
            standing = replies[numbers[0]].standing
            known[one.trajectory.key] = standing
            told.append(ScoredCandidate(numbers, one.expansions[0].teacher, one.trajectory, standing.score))
        spent = sum(r.answered.proposal.generated for r in replies.values() if r.answered.proposal is not None)
        machine.tell(told, spent)
        generated += spent
        scored_candidates += len(told)
    best = machine.result()
    if best is None:
        return Played(0.0, generated, scored_candidates)
    return Played(known[best.trajectory.key].label, generated, scored_candidates)
