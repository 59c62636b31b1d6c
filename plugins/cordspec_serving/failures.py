"""What becomes of a call that gives no answer. Which of these it is decides what is done next.

None of it is told from what a model wrote.
"""

from __future__ import annotations

from typing import Final

from cordspec.plugin import Unavailable

HELP: Final = "look at the server and its log; the run goes on from here when the same command is given again"


class Failed(Unavailable):
    """The server or the way to it failed, whatever was asked: the same call may be made again, and elsewhere.

    Args:
        after: seconds after which the server wants to be asked again, where it says so.
        lost: the connection was lost or was never there, so that another server may answer the next time.
        busy: the server is well and has too much to do.
    """

    def __init__(
        self, message: str, help: str = HELP, *, after: float | None = None, lost: bool = False, busy: bool = False
    ) -> None:
        super().__init__(message, help)
        self.after, self.lost, self.busy = after, lost, busy


class BudgetSpent(Failed):
    """A call was not made, because too many have been repeated already."""


class BadScores(Unavailable):
    """A log-probability that is no number: NaN, infinite, null, or so low that it stands for something else (E620). No number
    is put in its place.
    """

    def __init__(self, message: str, help: str = "", code: str = "E620") -> None:
        super().__init__(message, help, code)


class MissingScores(BadScores):
    """More or fewer log-probabilities than there are tokens, or those of other tokens (E622). No mean is taken over fewer."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message, help, "E622")


class OtherModel(Unavailable):
    """A server is not any more what it was when it was attached (E611)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "serve what the run began with, or begin another run with --out", "E611")


class DeadlinePassed(Exception):
    """A call took longer than its deadline. That is an outcome, and is not asked again: a long text would take as long."""
