"""Keys of answers: everything that determines an answer and nothing else, neither host nor time nor concurrency."""

from __future__ import annotations

import hashlib
import json

from cordspec.domain.inference import GenerateRequest, RewardRequest, ScoreRequest

KEY_BYTES = 32

FORMAT = 1
"""Part of every key: raise it when what an answer means changes."""


def answer_key(model: str, request: GenerateRequest | ScoreRequest | RewardRequest) -> bytes:
    """SHA-256 over the model's fingerprint and the whole request.

    Args:
        model: the fingerprint of weights, tokenizer, template and number format.
    """
    content = [FORMAT, model, type(request).__name__, _plain(request)]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def note_key(kind: str, *parts: str | int) -> bytes:
    """The key of something else that a run keeps beside answers: `cordspec.journal.notes`."""
    return hashlib.sha256(json.dumps(["note", kind, *parts]).encode()).digest()


def _plain(value: object) -> object:
    """What `dataclasses.asdict` gives, several times faster: keys are made for every request."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    slots = getattr(value, "__slots__", None)
    return value if slots is None else {name: _plain(getattr(value, name)) for name in slots}
