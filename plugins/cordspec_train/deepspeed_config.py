"""The configuration that DeepSpeed is given; it is kept beside the student as ``deepspeed.json``."""

from __future__ import annotations

from typing import Any, Final, Literal

from cordspec_train.fitting import FitSettings
from cordspec_train.sharing import Shares

RECORD: Final = "deepspeed.json"
Offload = Literal["none", "optimizer", "parameters"]
Precision = Literal["bf16", "fp32"]
CLIP: Final = 1.0
BETAS: Final = (0.9, 0.999)
EPSILON: Final = 1e-8


def deepspeed_config(
    stage: int, offload: Offload, precision: Precision, settings: FitSettings, share: Shares, on_gpus: bool
) -> dict[str, Any]:
    """Stage 0 to 3 of ZeRO with AdamW; numbers that transformers checks against its own are written out."""
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": on_gpus,  # gloo has no streams to overlap with
        "contiguous_gradients": True,
        "stage3_gather_16bit_weights_on_model_save": True,
    }
    if offload != "none":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": on_gpus}
    if offload == "parameters":
        zero["offload_param"] = {"device": "cpu", "pin_memory": on_gpus}
    adam: dict[str, Any] = {
        "lr": settings.lr,
        "betas": list(BETAS),
        "eps": EPSILON,
        "weight_decay": settings.weight_decay,
    }
    if offload == "none":
        adam["torch_adam"] = True  # DeepSpeed's own is compiled at first use
    return {
        "train_batch_size": share.processes * share.micro * share.accumulation,
        "train_micro_batch_size_per_gpu": share.micro,
        "gradient_accumulation_steps": share.accumulation,
        "gradient_clipping": CLIP,
        "bf16": {"enabled": precision == "bf16"},
        "optimizer": {"type": "AdamW", "params": adam},
        "zero_optimization": zero,
        "steps_per_print": 1_000_000,
    }
