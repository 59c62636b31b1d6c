"""`integration`: an integrator model merges complete traces of all teachers into one (paper, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    Options,
    Search,
    SearchMachine,
    SearchSetting,
    Unavailable,
    Wave,
    WriterRef,
    hookimpl,
)

ABSENT = "integration is not in this version; `curation` is"


class IntegrationOptions(Options):
    """Options of `search NAME : integration { ... }`."""

    integrator: WriterRef = Field(description="the model that merges the traces")
    traces_per_teacher: int = Field(4, ge=1, le=64, description="complete traces of each teacher for each problem")


class Integration(Search[IntegrationOptions]):
    """An integrator model merges complete traces of all teachers into one (paper, section 4.1)."""

    name: ClassVar[str] = "integration"
    unit: ClassVar[str] = "trajectory"
    absent: ClassVar[str] = ABSENT

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        return [Wave(teachers * self.options.traces_per_teacher, 0, steps, 1)]

    def start(self, setting: SearchSetting) -> SearchMachine:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Integration
