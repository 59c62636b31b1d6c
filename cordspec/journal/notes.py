"""What a journal keeps beside answers: rows of the same kind, with these words in the place of the model."""

from __future__ import annotations

from typing import Final

from cordspec.journal.keys import note_key
from cordspec.journal.rows import Row

ATTEMPT: Final = "attempt"
"""A process began to work in the run."""
ENDED: Final = "ended"
"""A process ended by itself, and how. One that was killed has no such row."""
INTERRUPTED: Final = "interrupted"
"""An engine was asked and the process ended before its answer was kept."""
DECISION: Final = "decision"
"""What a wave of a search came to: a digest, compared when a resumed run decides the same wave again."""
ENVIRONMENT: Final = "environment"
"""What an engine was found to be when it answered first."""
IDENTITY: Final = "identity"
"""What a server was when the run first asked it (`cordspec.run.holding`)."""
ARTIFACT: Final = "artifact"
"""A stage was kept: the SHA-256 of its receipt."""
BEGUN: Final = "begun"
"""Work on a problem began."""
DONE: Final = "done"
"""Work on a problem came to its end."""
ABSENT: Final = "absent"
"""The run went on without a teacher (`cordspec.run.attendance`)."""

NOTES: Final = (ATTEMPT, ENDED, INTERRUPTED, DECISION, ENVIRONMENT, IDENTITY, ARTIFACT, BEGUN, DONE, ABSENT)


def note(kind: str, parts: tuple[str | int, ...], content: dict[str, object]) -> Row:
    """A row that says something; ``parts`` tells it from others of its kind."""
    return note_key(kind, *parts), kind, content, 0.0
