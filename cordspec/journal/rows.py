"""The rows of a journal and their checksums."""

from __future__ import annotations

import hashlib
import json
import struct

Answer = dict[str, object]
Row = tuple[bytes, str, Answer, float]
"""A key, who answered (the fingerprint of a model, or what else is noted: `cordspec.journal.notes`), the answer, and the
seconds that it took.
"""

Stored = tuple[int, bytes, int, str, str, float, bytes]
"""A row as it lies on disk: sequence number, key, process, who, answer as JSON, seconds, checksum."""

CHECKSUM_BYTES = 16


def stored(seq: int, attempt: int, row: Row) -> Stored:
    """A row with its place and its checksum."""
    key, who, answer, seconds = row
    text = json.dumps(answer, ensure_ascii=True)
    return seq, key, attempt, who, text, seconds, checksum(seq, key, attempt, who, text, seconds)


def checksum(seq: int, key: bytes, attempt: int, who: str, text: str, seconds: float) -> bytes:
    """BLAKE2b over all that a row says and where it stands."""
    head = struct.pack("<qqd", seq, attempt, seconds) + key + who.encode() + b"\0"
    return hashlib.blake2b(head + text.encode(), digest_size=CHECKSUM_BYTES).digest()


def intact(row: Stored) -> bool:
    """Whether a row is what was written."""
    try:
        return checksum(*row[:6]) == row[6]
    except (TypeError, struct.error, AttributeError):
        return False
