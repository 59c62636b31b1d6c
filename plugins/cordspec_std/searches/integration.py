"""`integration`: an integrator model merges complete traces of all teachers into one (paper, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Component,
    Decision,
    Expansion,
    Options,
    Ref,
    ScoredCandidate,
    Search,
    SearchMachine,
    SearchSetting,
    Trajectory,
    Wave,
    WriterRef,
    hookimpl,
)
from cordspec_std.searches.curation import CurationMachine

OnRefusal = Literal["best", "fail"]
Order = Literal["rank", "pool"]


class IntegrationOptions(Options):
    """Options of `search NAME : integration { ... }`."""

    integrator: WriterRef = Field(description="the model that merges the traces")
    traces_per_teacher: int = Field(4, ge=1, le=64, description="complete traces of each teacher for each problem")
    order: Order = Field(
        "pool",
        description="in which order the integrator is shown the traces: as they were asked for, which tells it nothing, or"
        " best first, which tells it what a scorer that sees the reference answer thinks",
    )
    retries: int = Field(
        1, ge=0, le=16, description="how often more the integrator is asked where its answer is refused"
    )
    on_refusal: OnRefusal = Field(
        "best", description="where nothing valid comes of it: the best scored trace is kept, or none at all"
    )


class Integration(Search[IntegrationOptions]):
    """Complete traces as in `curation`, then one trace that an integrator makes of them; it is scored like any other."""

    name: ClassVar[str] = "integration"
    unit: ClassVar[str] = "trajectory"

    @property
    def integrator(self) -> Ref:
        return self.options.integrator

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        """The teachers' wave; what the integrator reads and writes is planned by its reference."""
        return [Wave(teachers * self.options.traces_per_teacher, 0, steps, 1)]

    def start(self, setting: SearchSetting) -> IntegrationMachine:
        return IntegrationMachine(self.options, setting)


class IntegrationMachine(SearchMachine):
    """Traces of one problem, then the merge of all valid ones.

    The first wave asks what curation would ask, so a run that has both asks once. A trace that several teachers wrote
    alike is as many sources: how many agree is something an integrator can go by.
    """

    def __init__(self, options: IntegrationOptions, setting: SearchSetting) -> None:
        unsized = SearchSetting(setting.teachers, None, setting.weights)
        self._traces = tuple(CurationMachine(options.traces_per_teacher, unsized).ask())
        self._asks, self._on_refusal, self._order = 1 + options.retries, options.on_refusal, options.order
        self._wave = 0
        self._ranked: tuple[ScoredCandidate, ...] = ()
        self._result: ScoredCandidate | None = None
        self._over = False

    def ask(self) -> Sequence[Expansion]:
        if self._over:
            return []
        if self._wave == 0:
            return self._traces
        index = self._wave - 1
        return [Expansion(len(self._traces) + index, Trajectory(), 0, index, "merge", self._sources())]

    def _sources(self) -> tuple[Trajectory, ...]:
        if self._order == "rank":
            return tuple(one.trajectory for one in self._ranked for _ in one.expansions)
        asked = {number: one.trajectory for one in self._ranked for number in one.expansions}
        return tuple(asked[number] for number in sorted(asked))

    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision:
        self._wave += 1
        ranked = sorted(candidates, key=lambda candidate: candidate.rank)
        valid = tuple(one for one in ranked if one.trajectory.finished and one.score is not None and one.score.valid)
        given_up = tuple(one for one in ranked if one not in valid)
        if self._wave == 1:
            self._ranked, self._over = valid, not valid
            return Decision(self._wave, valid, given_up)
        if valid:
            return self._settle(valid[:1], given_up)
        if self._wave <= self._asks:
            return Decision(self._wave, self._ranked, given_up)
        return self._settle(self._ranked[:1] if self._on_refusal == "best" else (), given_up)

    def _settle(self, kept: tuple[ScoredCandidate, ...], given_up: tuple[ScoredCandidate, ...]) -> Decision:
        self._over, self._result = True, kept[0] if kept else None
        return Decision(self._wave, kept, (*(one for one in self._ranked if one not in kept), *given_up))

    def result(self) -> ScoredCandidate | None:
        """The merged trace; without one the best source, or nothing, as the options say."""
        return self._result


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Integration
