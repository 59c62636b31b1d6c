"""Low-rank adapters with peft: what is trained instead of all weights, and how it becomes a plain model again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

SCALE: Final = 2
"""``lora_alpha`` over the rank, as in most published recipes."""


def adapter_config(rank: int) -> Any:
    """Adapters beside all linear layers but the head; None for a rank of 0, which trains all weights."""
    if not rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=rank, lora_alpha=SCALE * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def save_merged(init: Path, adapter: Path, out: Path, dtype: str) -> None:
    """Add saved adapters to the weights that they were trained beside, and save the sum as a plain model."""
    from peft import PeftModel
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    from cordspec_train.weights import open_model

    unset_hf_deepspeed_config()  # else this model would be sharded over processes that do not take part
    PeftModel.from_pretrained(open_model(init, dtype), adapter).merge_and_unload().save_pretrained(out)
