"""Opens what a training starts from: files of this machine, safetensors only, no code of theirs."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast


def open_tokenizer(weights: Path) -> PreTrainedTokenizerFast:
    """The tokenizer beside a model's weights."""
    return AutoTokenizer.from_pretrained(weights, local_files_only=True, trust_remote_code=False)


def open_model(weights: Path, dtype: str = "float32") -> PreTrainedModel:
    """A language model, in 32 bits unless asked for otherwise, as optimisers need it."""
    return AutoModelForCausalLM.from_pretrained(
        weights, dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
