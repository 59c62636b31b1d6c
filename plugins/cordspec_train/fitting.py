"""Fine-tuning of a language model with TRL's SFTTrainer, and of a token classification model with transformers' Trainer."""

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
OnLog = Callable[[int, int, float], None]


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
    on_step: OnLog | None = None,
) -> list[float]:
    """Train a language model in place on already encoded examples, with TRL's SFTTrainer.

    Args:
        scratch: a directory for the trainer's own files; nothing of value is left in it.
        on_step: called with (optimiser step, steps in all, mean loss in nats per token).

    Returns:
        The logged mean losses, in nats per token.
    """
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        **_arguments(settings, scratch),
        max_length=None,
        packing=False,
        activation_checkpointing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    rows = _rows(examples, settings)
    return _run(SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer), on_step)


def fit_labels(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[Example],
    settings: FitSettings,
    scratch: Path,
    on_step: OnLog | None = None,
) -> list[float]:
    """As `fit`, for a token classification model, with transformers' Trainer (TRL has none for it any more).

    A label is the class of its own token, not of the next one; the loss is the mean over labelled tokens.
    """
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    config = TrainingArguments(**_arguments(settings, scratch))
    padded = DataCollatorForTokenClassification(tokenizer)
    rows = _rows(examples, settings)
    return _run(Trainer(model=model, args=config, train_dataset=rows, data_collator=padded), on_step)


def _rows(examples: Sequence[Example], settings: FitSettings) -> Any:
    """The examples of all epochs in the order in which they are taken."""
    from datasets import Dataset

    lengths = [len(example.input_ids) for example in examples]
    order = training_order(lengths, settings.batch_size, settings.seed, settings.epochs)
    return Dataset.from_dict(
        {"input_ids": [examples[at].input_ids for at in order], "labels": [examples[at].labels for at in order]}
    )


def _run(trainer: Any, on_step: OnLog | None) -> list[float]:
    """Train, and return the logged losses."""
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    losses: list[float] = []

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                losses.append(float(logs["loss"]))
                if on_step is not None:
                    on_step(state.global_step, state.max_steps, losses[-1])

    trainer.add_callback(Watch())
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return losses


def _arguments(settings: FitSettings, scratch: Path) -> dict[str, Any]:
    """What all trainers are told: one pass over rows that are encoded and ordered already, float32, nothing saved."""
    import torch

    return {
        "output_dir": str(scratch),
        "num_train_epochs": 1,
        "per_device_train_batch_size": settings.batch_size,
        "learning_rate": settings.lr,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "train_sampling_strategy": "sequential",
        "bf16": False,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "report_to": [],
        "logging_steps": 1,
        "disable_tqdm": True,
    }
