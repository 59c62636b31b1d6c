"""Keys of answers: everything that determines an answer and nothing else, neither host nor time nor concurrency."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from cordspec.domain.inference import GenerateRequest, RewardRequest, ScoreRequest

FORMAT = 1
"""Part of every key: raise it when what an answer means changes."""


def answer_key(model: str, request: GenerateRequest | ScoreRequest | RewardRequest) -> bytes:
    """SHA-256 over the model's fingerprint and the whole request.

    Args:
        model: the fingerprint of weights, tokenizer, template and number format.
    """
    content = [FORMAT, model, type(request).__name__, asdict(request)]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
