"""The committed miniature models, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec_hf.engine import TransformersEngine
from cordspec_mini.models import CHECKPOINTS

torch.set_num_threads(1)


@cache
def load(name: str, dtype: torch.dtype) -> tuple[object, object]:
    path = CHECKPOINTS / name
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval(), AutoTokenizer.from_pretrained(path)


@pytest.fixture(scope="session")
def plain() -> Callable[..., tuple[object, object]]:
    """Model and tokenizer of a miniature model, as transformers loads them."""
    return load


@pytest.fixture
def engine() -> Callable[..., TransformersEngine]:
    """A fresh engine over a miniature model."""

    def make(name: str, dtype: torch.dtype = torch.float64, prefix_tokens: int = 200_000) -> TransformersEngine:
        model, tokenizer = load(name, dtype)
        return TransformersEngine(model, tokenizer, prefix_tokens)

    return make
