"""Problems that end the process: each is begun on record, so that a run which dies of one can tell which it was.

A process that was killed leaves the problems that it was working on. One that was under way at two such ends runs alone in
the third process; if that one ends too, without a single answer more, the problem is set aside and the run goes on.
A kill from outside cannot be told from a crash: whoever kills a run three times within moments may see a problem set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cordspec.diagnostics import Diagnostic
from cordspec.domain.problem import Problem
from cordspec.journal import Committer
from cordspec.journal.history import crashed
from cordspec.journal.keys import note_key
from cordspec.journal.notes import BEGUN, DONE, note

CRASHES: Final = 3


class Quarantine:
    """The crashes of one decode's problems. ``crashes`` is how many set a problem aside: at least 2, the last of them
    with the problem alone; or 0 for never.
    """

    def __init__(self, committer: Committer, stage: str, problems: Sequence[Problem], crashes: int = CRASHES) -> None:
        self._committer = committer
        self._journal = journal = committer.journal
        self._stage = stage
        self._crashes = crashes
        before = crashed(journal) if crashes else []
        strikes = {problem.id: self._strikes(problem.id, before) for problem in problems}
        self.aside = frozenset(one for one, times in strikes.items() if crashes and times >= crashes)
        self.alone = frozenset(one for one, times in strikes.items() if crashes and times == crashes - 1)

    def _strikes(self, problem: str, attempts: Sequence[int]) -> int:
        keys = {self._begun(problem, attempt): attempt for attempt in attempts}
        done = note_key(DONE, self._stage, problem)
        found = self._journal.get([*keys, done])
        if done in found:
            return 0
        return sum(not content["alone"] or not self._went_on(content) for content, _ in found.values())

    def _went_on(self, content: dict[str, object]) -> bool:
        """Whether a problem that ran alone got any answer before the end."""
        return self._journal.answers(int(str(content["row"])), int(str(content["attempt"]))) > 0

    def _begun(self, problem: str, attempt: int) -> bytes:
        return note_key(BEGUN, self._stage, problem, attempt)

    def warning(self) -> Diagnostic:
        """What is told when problems were set aside."""
        names = ", ".join(sorted(self.aside))
        message = (
            f"the process ended {self._crashes} times while it worked on these problems: {names}; they have no trace"
        )
        help = "look at them; with `--crashes 0` and the stage's directory removed they are tried again"
        return Diagnostic("W714", message, help=help)

    async def begin(self, problem: str) -> None:
        """Work on a problem is going to begin; this is on disk when it returns."""
        attempt = self._journal.attempt
        content: dict[str, object] = {"alone": problem in self.alone, "row": self._journal.rows, "attempt": attempt}
        await self._committer.put(note(BEGUN, (self._stage, problem, attempt), content))

    def end(self, problem: str) -> None:
        """Work on a problem has come to its end, whatever it was."""
        self._committer.note(note(DONE, (self._stage, problem), {}))
