"""Supervised fine-tuning with TRL's SFTTrainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cordspec_train.examples import Example
from cordspec_train.ordering import training_order

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Schedule = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """The hyperparameters of a fine-tuning; defaults as paper.md sections 1 and 4."""

    epochs: int = 5
    batch_size: int = 8
    lr: float = 5e-6
    schedule: Schedule = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.0
    seed: int = 0


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[Example],
    settings: FitSettings,
    scratch: Path,
    on_step: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Train ``model`` in place on already encoded examples.

    Args:
        scratch: a directory for the trainer's own files; nothing of value is left in it.
        on_step: called with (optimiser step, steps in all, mean loss in nats per token).

    Returns:
        The logged mean losses, in nats per token.
    """
    from datasets import Dataset
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTTrainer

    losses: list[float] = []

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                losses.append(float(logs["loss"]))
                if on_step is not None:
                    on_step(state.global_step, state.max_steps, losses[-1])

    lengths = [len(example.input_ids) for example in examples]
    order = training_order(lengths, settings.batch_size, settings.seed, settings.epochs)
    rows = Dataset.from_dict(
        {"input_ids": [examples[at].input_ids for at in order], "labels": [examples[at].labels for at in order]}
    )
    trainer = SFTTrainer(
        model=model,
        args=_config(settings, scratch),
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[Watch()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return losses


def _config(settings: FitSettings, scratch: Path) -> Any:
    """TRL's settings: one pass over rows that are encoded and ordered already, float32, nothing saved or reported."""
    import torch
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(scratch),
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.lr,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        data_seed=settings.seed,
        train_sampling_strategy="sequential",
        max_length=None,
        packing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        activation_checkpointing=False,
        save_strategy="no",
        report_to=[],
        logging_steps=1,
        disable_tqdm=True,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
