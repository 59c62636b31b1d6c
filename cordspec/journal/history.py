"""What a journal knows about the processes that worked in its run."""

from __future__ import annotations

from cordspec.journal.journal import Journal
from cordspec.journal.keys import note_key
from cordspec.journal.notes import ENDED, INTERRUPTED


def crashed(journal: Journal) -> list[int]:
    """The numbers of earlier processes that did not end by themselves."""
    ends = {number: note_key(ENDED, number) for number in range(1, journal.attempt)}
    ended = journal.get(list(ends.values()))
    return [number for number, key in ends.items() if key not in ended]


def asked_again(journal: Journal) -> dict[str, int]:
    """How many answers of each model were given after a process had ended without keeping the first one.

    A model that repeats gave the same again; one that does not may have said something else. Nothing else of a resumed run
    can differ from an uninterrupted one.
    """
    keys = sorted({bytes.fromhex(str(noted["key"])) for noted in journal.noted(INTERRUPTED)})
    counted: dict[str, int] = {}
    for key in journal.get(keys):
        model = journal.who(key)
        counted[model] = counted.get(model, 0) + 1
    return dict(sorted(counted.items()))
