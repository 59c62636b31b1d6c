"""Looking at a run that nobody works in: is its journal what was written, and are its stages?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.store import STAGES, RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IntegrityError, UsageError
from cordspec.journal import Journal
from cordspec.journal.history import asked_again, crashed
from cordspec.journal.notes import ARTIFACT


@dataclass(frozen=True, slots=True)
class Verified:
    """A run directory that is what was written. ``processes`` worked in it, of which ``crashed`` did not end by themselves;
    ``missing`` rows of the journal were acknowledged and are gone; ``asked_again`` answers were asked for twice.
    """

    rows: int
    answers: int
    processes: int
    crashed: int
    asked_again: int
    missing: int
    stages: int


def verify(run: Path) -> Verified:
    """Read all of a run's journal and all files of its stages. Nothing is changed.

    Raises:
        UsageError: there is no journal.
        IncompleteError: a process works in the run.
        IntegrityError: something is not what was written.
    """
    directory = RunDirectory(run)
    with looked_at(run) as journal:
        kept = sorted(path.name for path in (run / STAGES).glob("*") if directory.has(path.name))
        noted = [(str(one["stage"]), str(one["receipt"])) for one in journal.noted(ARTIFACT)]
        for stage in kept:
            directory.verify(stage)
            receipts = {receipt for one, receipt in noted if one == stage}  # one for each time that it was made
            if receipts and directory.receipt(stage) not in receipts:
                message = f"{directory.stage(stage)} is not the stage that the run kept"
                help = f"remove {directory.stage(stage)} to make it again"
                raise IntegrityError(Diagnostic("E706", message, help=help))
        again = sum(asked_again(journal).values())
        ends = crashed(journal)
        return Verified(journal.rows, len(journal), journal.attempt, len(ends), again, journal.missing, len(kept))


def looked_at(run: Path) -> Journal:
    """The journal of a run, checked and to be read only.

    Raises:
        UsageError: there is none.
        IncompleteError, IntegrityError: as `Journal`.
    """
    path = RunDirectory(run).journal
    if not path.is_file():
        raise UsageError(
            Diagnostic("E708", f"{run} holds no journal", help="give a directory that `cordspec run` made")
        )
    return Journal(path, looking=True)


def dump(run: Path) -> Iterator[dict[str, object]]:
    """The rows of a journal, in order: answers and notes.

    Raises:
        As `looked_at`.
    """
    with looked_at(run) as journal:
        for seq, key, attempt, who, answer, seconds, _ in journal.stored():
            yield {"seq": seq, "key": key.hex(), "attempt": attempt, "who": who, "answer": answer, "seconds": seconds}
