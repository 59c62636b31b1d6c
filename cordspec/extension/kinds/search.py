"""`search`: which prefixes to extend and which to keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cordspec.domain.scoring import ScoredCandidate
from cordspec.domain.search import Decision, Expansion
from cordspec.extension.component import Component, OptionsT
from cordspec.extension.options import Ref


@dataclass(frozen=True, slots=True)
class SearchSetting:
    """What a search may know of its surroundings.

    ``target_tokens`` is the number of generated tokens to spend on this problem, for a search that is sized to another
    decode's ledger; None for all others.
    """

    teachers: int
    target_tokens: int | None = None
    weights: tuple[int, ...] = ()
    """How many proposals each teacher makes where a weight of 1 makes one; empty for one each."""

    def weight(self, teacher: int) -> int:
        """The weight of a teacher, by its place in the pool."""
        return self.weights[teacher] if self.weights else 1


@dataclass(frozen=True, slots=True)
class Wave:
    """What one `ask` comes to, for planning: so many proposals, each of ``length`` steps after a prefix of ``depth``
    steps, of which ``kept`` prefixes go on.
    """

    proposals: int
    depth: int
    length: int
    kept: int


class SearchMachine(ABC):
    """A pure state machine for one problem: no engine, no clock, no randomness.

    `ask` gives the expansions to run now. `tell` takes what came of them, all of one `ask` together and in any order, and
    the tokens that were spent on them. When `ask` gives nothing more, the search is over.
    """

    @abstractmethod
    def ask(self) -> Sequence[Expansion]: ...

    @abstractmethod
    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision: ...

    def foresee(self, known: Sequence[ScoredCandidate], pending: int) -> Sequence[Expansion]:
        """Expansions that the next `ask` will hold whatever becomes of the rest of this wave, best prefix first.

        They may be begun at once, before the wave is told; their numbers mean nothing. None for a search that cannot say.

        Args:
            known: the candidates of this wave whose scores are known already.
            pending: how many expansions of it are not known yet; each of them may become any candidate, or none.
        """
        return ()

    @abstractmethod
    def result(self) -> ScoredCandidate | None:
        """The candidate that the search settles on; None if no teacher ever proposed anything valid."""


class Search(Component[OptionsT]):
    """Settings of a search; `start` makes a machine per problem."""

    kind: ClassVar[str] = "search"
    unit: ClassVar[str] = "step"
    """What its candidates are extended by: ``step`` or ``trajectory``."""

    @property
    def matched(self) -> Ref | None:
        """The decode whose spending per problem this search is to match, if any."""
        return None

    @property
    def integrator(self) -> Ref | None:
        """The model that merges traces, for a search that asks for expansions of extent ``merge``."""
        return None

    def waves(self, steps: int, teachers: int) -> Sequence[Wave] | None:
        """The waves of a problem whose trace has so many steps, for planning; None where that cannot be said."""
        return None

    @abstractmethod
    def start(self, setting: SearchSetting) -> SearchMachine: ...
