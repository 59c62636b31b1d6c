"""Fine-tuning of a language model with TRL's SFTTrainer, and of a token classification model with transformers' Trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cordspec_train import commits
from cordspec_train.adapters import adapter_config
from cordspec_train.examples import Example
from cordspec_train.rows import ordered_rows, step_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from cordspec_train.watching import Done

Schedule = Literal["cosine", "linear", "constant"]
SELDOM: Final = 25
ONE_DEVICE: commits.Layout = {"processes": 1, "precision": "fp32"}


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
    checkpoint_every: int | None = None
    """Optimiser steps; None for once an epoch, but not more often than every `SELDOM` steps."""
    lora_rank: int = 0
    """0 trains all weights."""
    packing: bool = False
    """The examples that a process takes at a time lie in one row without padding."""
    liger: bool = False
    """Liger's kernels are put into the model."""
    loss_spike: float | None = None
    """How many times the median of the losses before makes a loss a spike, which ends the training; None for never."""

    def save_steps(self, examples: int) -> int:
        """Optimiser steps between two checkpoints of a training on so many examples."""
        return self.checkpoint_every or max(SELDOM, examples // self.batch_size)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training keeps its checkpoints, and the committed one that it goes on from."""

    work: Path
    resumed: Path | None
    layout: commits.Layout


OnDone = Callable[["Done"], None]


def fit(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[Example], settings: FitSettings,
    place: Place, tell: OnDone,
) -> list[float]:  # fmt: skip
    """Train a language model in place on already encoded examples, with TRL's SFTTrainer, on one device.

    Returns:
        The logged mean losses, in nats per token.

    Raises:
        Diverged: the loss or the gradient is no number any more, or the loss has spiked.
    """
    rows = ordered_rows(examples, settings.batch_size, settings.seed, settings.epochs)
    arguments = on_one_device(settings, place.work, len(examples))

    def merge(trainer: Any) -> None:
        if settings.lora_rank:
            trainer.model.merge_and_unload()  # in place: what was wrapped is a plain model again

    config = sft_config(arguments, packing=settings.packing)
    return run_sft(config, model, tokenizer, rows, settings, place, tell, merge)


def sft_config(
    arguments: dict[str, Any], activation_checkpointing: bool = False, packing: bool = False, of: Any = None
) -> Any:
    """TRL's configuration for rows that are encoded, ordered and masked already; ``of`` is a class that extends SFTConfig."""
    from trl import SFTConfig

    return (of or SFTConfig)(
        **arguments,
        max_length=None,
        packing=False,  # TRL's would put other examples into an optimiser step
        padding_free=packing and arguments["per_device_train_batch_size"] > 1,
        activation_checkpointing=activation_checkpointing,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def run_sft(
    config: Any, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: Any, settings: FitSettings,
    place: Place, tell: OnDone, finish: Callable[[Any], None],
) -> list[float]:  # fmt: skip
    """Train with TRL's SFTTrainer on rows of `ordered_rows`; every process of a training calls this.

    Args:
        finish: called with the trainer at the end.
    """
    from trl import SFTTrainer

    class Recording(SFTTrainer):  # type: ignore[misc]  # TRL is untyped
        """Notes which examples the loss was computed on: the order is what happened, not what was planned."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.data_collator: Any = _with_numbers(self.data_collator)
            self.seen: list[int] = []

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self.seen += inputs.pop("example").tolist()
            return super().compute_loss(model, inputs, *args, **kwargs)

        def take(self) -> list[int]:
            """The numbers since the last call."""
            taken, self.seen = self.seen, []
            return taken

    trainer = Recording(
        model=model, args=config, train_dataset=rows, processing_class=tokenizer,
        peft_config=adapter_config(settings.lora_rank),
    )  # fmt: skip
    if config.padding_free:
        from cordspec_train.packing import KeepsApart

        trainer.add_callback(KeepsApart(trainer.data_collator, rows))
    losses = run_trainer(trainer, step_tokens(rows, settings.batch_size), settings, place, tell, trainer.take)
    finish(trainer)
    return losses


def fit_labels(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[Example], settings: FitSettings,
    place: Place, tell: OnDone,
) -> list[float]:  # fmt: skip
    """As `fit`, for a token classification model, with transformers' Trainer (TRL has none for it any more).

    A label is the class of its own token, not of the next one; the loss is the mean over labelled tokens.
    """
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    config = TrainingArguments(**on_one_device(settings, place.work, len(examples)))
    padded = DataCollatorForTokenClassification(tokenizer)
    rows = ordered_rows(examples, settings.batch_size, settings.seed, settings.epochs)
    trainer = Trainer(model=model, args=config, train_dataset=rows, data_collator=padded)
    return run_trainer(trainer, step_tokens(rows, settings.batch_size), settings, place, tell, list)


def run_trainer(
    trainer: Any, tokens: list[int], settings: FitSettings, place: Place, tell: OnDone, take: Callable[[], list[int]]
) -> list[float]:
    """Train with a trainer of transformers or TRL, and return the logged losses.

    Args:
        tokens: those of each optimiser step.
        take: takes the numbers of the examples that were seen since it was last asked.
    """
    from transformers.trainer_callback import PrinterCallback

    from cordspec_train.watching import Checkpoints, Watch

    watch = Watch(tokens, tell, Checkpoints(place.work, place.layout, settings.batch_size), take, settings.loss_spike)
    trainer.add_callback(watch)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(place.resumed) if place.resumed else None)
    return watch.losses


def _with_numbers(collator: Any) -> Any:
    """A collator that also carries the numbers of the examples."""
    import torch

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        numbers = [row["example"] for row in rows]
        bare = [{name: value for name, value in row.items() if name != "example"} for row in rows]
        return {**collator(bare), "example": torch.tensor(numbers)}

    return collate


def on_one_device(settings: FitSettings, work: Path, examples: int) -> dict[str, Any]:
    """What trainers of one device are told: float32, the whole batch at once."""
    import torch

    return {
        **common_arguments(settings, work, examples),
        "per_device_train_batch_size": settings.batch_size,
        "bf16": False,
        "use_cpu": not torch.cuda.is_available(),
    }


def common_arguments(settings: FitSettings, work: Path, examples: int) -> dict[str, Any]:
    """What all trainers are told: one pass over rows that are encoded and ordered already."""
    return {
        "output_dir": str(work),
        "num_train_epochs": 1,
        "learning_rate": settings.lr,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "train_sampling_strategy": "sequential",
        "dataloader_pin_memory": False,
        "save_strategy": "steps",
        "save_steps": settings.save_steps(examples),
        "average_tokens_across_devices": True,  # the loss is the mean over the tokens of all processes
        "logging_nan_inf_filter": False,  # else a loss that is no number is logged as if it were one
        "use_liger_kernel": settings.liger,
        "report_to": [],
        "logging_steps": 1,
        "disable_tqdm": True,
    }
