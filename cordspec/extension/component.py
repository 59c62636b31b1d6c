"""What all components share: a name, options, a version, and how they say that something is missing or wrong."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, get_args

from typing_extensions import TypeVar

from cordspec.domain.inference import (
    GenerateRequest,
    Generation,
    RewardRequest,
    Rewards,
    Role,
    ScoreRequest,
    TokenLogprobs,
)
from cordspec.domain.prompt import Prompt
from cordspec.extension.options import Options, Ref

OptionsT = TypeVar("OptionsT", bound=Options, default=Any)

API = 1
"""The version of the plugin interface that this cordspec speaks."""


class Unavailable(Exception):
    """Raised by a component whose surroundings lack something: a package, weights, a GPU, a server. ``help`` says what to do.

    ``code`` is that of a diagnostic with a page of its own; one of the family E6 beside E601 is for what was there and has
    changed or failed during a run.
    """

    def __init__(self, message: str, help: str = "", code: str = "E601") -> None:
        super().__init__(message)
        self.help = help
        self.code = code


class Refused(Exception):
    """Raised by a component for what the operator's policy forbids; nothing was sent. ``help`` says how to allow it.

    It is not `Unavailable`: nobody waits for it, and no run goes on without the model.
    """

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class InvalidData(Exception):
    """Raised by a component for wrong input data. ``place`` is ``file:line`` where that is known."""

    def __init__(self, message: str, help: str = "", place: str = "", code: str = "E210") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.help = help
        self.code = code


class Failed(Exception):
    """Raised by a component that could not finish, and knows why; ``code`` is that of a diagnostic with a page of its own."""

    def __init__(self, message: str, help: str, code: str) -> None:
        super().__init__(message)
        self.help = help
        self.code = code


class EngineAccess(Protocol):
    """A model as components see it: every answer is remembered in the run's journal and asked for only once."""

    def opening(self, question: str) -> Prompt:
        """The model's own template around a question, up to the assistant's turn."""
        ...

    def count_tokens(self, text: str) -> int:
        """The length of a plain text in the model's tokens."""
        ...

    async def generate(self, request: GenerateRequest) -> Generation: ...

    async def score(self, request: ScoreRequest) -> TokenLogprobs: ...

    async def reward(self, request: RewardRequest) -> Rewards: ...


class Grading(Protocol):
    """A grader as components see it."""

    def grade(self, written: str, reference: str) -> bool:
        """Whether ``written`` gives the reference answer."""
        ...


class Context(Protocol):
    """What a component is given beside its options."""

    def engine(self, ref: Ref, role: Role = "prover") -> EngineAccess:
        """The engine of a model that the options refer to, in the role under which its costs are kept."""
        ...

    def grader(self, name: str) -> Grading:
        """The grader that an option names."""
        ...

    def seed(self, *parts: str | int) -> int:
        """A seed that depends on the run's seed and on these parts alone."""
        ...


class Component(Generic[OptionsT]):
    """Base of all components, generic in its options: ``class Brevity(Scorer[BrevityOptions])``.

    ``version`` is part of every fingerprint: raise it when the same options begin to give other results.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    api: ClassVar[int] = API
    version: ClassVar[str] = "1"
    options_type: ClassVar[type[Options]] = Options
    absent: ClassVar[str] = ""
    """What this component cannot do yet. One with such a text can be checked and planned; a run of it is refused."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    def __init_subclass__(cls) -> None:
        """Take the options type from the base's argument, where it is a concrete one."""
        super().__init_subclass__()
        for base in cls.__dict__.get("__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Options):
                    cls.options_type = argument
