"""Seeds: every random draw of a run derives from what it is for, never from when it happens."""

from __future__ import annotations

import hashlib
import json


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed from the run's seed and a purpose such as a problem, a prefix, a teacher and an index."""
    content = json.dumps([seed, *purpose], ensure_ascii=True).encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") >> 1
