"""From encoded examples to a trained model on the disk: what all trainers of one device have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Protocol, TypeVar

from cordspec.plugin import Failed, TrainingJob, TrainingOutcome, TrainingStep
from cordspec_hf.known_models import facts_of_directory
from cordspec_train import commits, preflight
from cordspec_train.fitting import ONE_DEVICE, FitSettings, OnDone, Place
from cordspec_train.options import AdaptedOptions, TrainingOptions

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from cordspec_train.sft import SftOptions
    from cordspec_train.watching import Done


class Encoded(Protocol):
    """An example or a pair, in tokens."""

    @property
    def learnt(self) -> int:
        """Tokens with a loss."""


EncodedT = TypeVar("EncodedT", bound=Encoded)
Fit = Callable[
    ["PreTrainedModel", "PreTrainedTokenizerFast", Sequence[EncodedT], FitSettings, Place, OnDone], list[float]
]


def settings_of(options: TrainingOptions, seed: int) -> FitSettings:
    """The hyperparameters that a spec gives; those that its trainer has no option for keep their defaults."""
    given = {one.name for one in fields(FitSettings)} & type(options).model_fields.keys()
    return FitSettings(**{name: getattr(options, name) for name in given}, seed=seed % 2**31)


def lora_rank(options: TrainingOptions) -> int:
    """The rank of adapters; 0 where all weights are trained, or the trainer has no such option."""
    return options.lora_rank if isinstance(options, AdaptedOptions) else 0


def layout_of(options: TrainingOptions, layout: commits.Layout) -> commits.Layout:
    """A layout with what the options add to it."""
    return {**layout, "lora_rank": lora_rank(options)}


def limit_of(options: TrainingOptions, job: TrainingJob) -> int:
    """The longest example, in tokens: what the options allow and the model can take."""
    context = facts_of_directory(job.init).context
    return min(options.max_length, context) if context else options.max_length


def train_and_save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[EncodedT], options: TrainingOptions,
    job: TrainingJob, fit: Fit[EncodedT],
) -> tuple[float, ...]:  # fmt: skip
    """Train a model in place with ``fit``, from the last committed checkpoint if there is one; save it with its tokenizer.

    Returns:
        The logged losses, those before the checkpoint included.

    Raises:
        Unavailable: there is no room for checkpoints, or the one that is there is of another layout.
        Failed: the loss is no number any more, or has spiked.
    """
    from cordspec_train.watching import Diverged

    preflight.room_for_checkpoints(job.init, job.work, "fp32", adapters=bool(lora_rank(options)))
    layout = layout_of(options, ONE_DEVICE)
    place = Place(job.work, preflight.resumed(job.work, layout), layout)

    def tell(done: Done) -> None:
        job.on_step(TrainingStep(done.step, done.steps, done.loss, done.tokens_per_second))

    try:
        losses = fit(model, tokenizer, examples, settings_of(options, job.seed), place, tell)
    except Diverged as error:
        raise diverged(job, error.said) from error
    model.save_pretrained(job.out)
    tokenizer.save_pretrained(job.out)
    return tuple(losses)


def packing_remarks(options: SftOptions, at_a_time: int) -> tuple[str, ...]:
    """What a reader of the report should know of `packing`, where a process takes so many examples at a time."""
    return ("nothing was packed: one example is taken at a time",) if options.packing and at_a_time == 1 else ()


def diverged(job: TrainingJob, said: str) -> Failed:
    """The end of a training whose loss went wrong."""
    good = commits.newest(job.work)
    kept = f"the last good checkpoint is {good[0]}" if good else "no checkpoint had been written"
    return Failed(
        f"{said}; {kept}", "look at the data, or lower lr: a training with other settings begins again", "E803"
    )


def outcome(
    examples: Sequence[Encoded], losses: tuple[float, ...], epochs: int, left_out: int, shortened: int = 0,
    remarks: tuple[str, ...] = (),
) -> TrainingOutcome:  # fmt: skip
    """What a training did."""
    learnt = sum(example.learnt for example in examples)
    return TrainingOutcome(losses, len(examples), learnt * epochs, left_out, shortened, remarks)
