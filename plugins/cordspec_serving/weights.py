"""Weights that a server holds, as far as they matter on our side: their tokenizer, and what they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cordspec.plugin import Unavailable
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def tokenizer_of(weights: str, revision: str, extra: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a directory, or of a model on the hub.

    Args:
        extra: the extra of this distribution that brings what is needed.

    Raises:
        Unavailable: a package is missing, or the tokenizer cannot be had.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import aiohttp  # noqa: F401  # asked for here, so that its absence is told before anything is opened
        from transformers import AutoTokenizer
    except ImportError as error:
        raise Unavailable(f"a served model needs {error.name}", f'pip install "cordspec[{extra}]"') from error
    try:
        found: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
            weights, revision=revision or None, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise Unavailable(f"the tokenizer of {weights} cannot be had: {said}") from error
    return found


def identity_of(weights: str, revision: str) -> str:
    """What the weights are: the hash of a directory's files, or a name with its commit."""
    if Path(weights).is_dir():
        return TransformersModel(TransformersModelOptions(weights=weights)).fingerprint()
    return f"{weights}@{revision}"
