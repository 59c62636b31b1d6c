"""`hub`: problems from a data set of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Column, Component, Options, Problem, ProblemSource, Revision, Unavailable, hookimpl

ABSENT = "reading data sets from the hub is not in this version; `problems NAME : jsonl` reads a local file"


class HubOptions(Options):
    """Options of `problems NAME : hub { ... }`."""

    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="the data set's name, `owner/name`")
    subset: str = Field("", description="the data set's configuration, where it has several")
    split: str = Field("train", description="the split")
    revision: Annotated[str, Revision()] = Field(
        "", pattern=r"^([0-9a-f]{40})?$", description="the commit of the data set; `cordspec lock` finds it"
    )
    question: Annotated[str, Column(carries_answer=False)] = Field("question", description="the column of the question")
    answer: Annotated[str, Column(carries_answer=True)] = Field("answer", description="the column of the answer")
    thinking: Annotated[str, Column(carries_answer=True)] = Field(
        "", description="the column of a worked solution's thinking, where there is one"
    )
    rows: int = Field(0, ge=0, description="how many problems it must hold; 0 for any number")


class Hub(ProblemSource[HubOptions]):
    """A pinned revision of a public data set, read from the local cache where it is there."""

    name: ClassVar[str] = "hub"
    absent: ClassVar[str] = ABSENT

    def load(self) -> Iterable[Problem]:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Hub
