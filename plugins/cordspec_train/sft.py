"""`sft`: supervised fine-tuning of a student on traces, on one device (paper, section 4.1; DeepSpeed is another trainer)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    NotIdentity,
    Trainer,
    TrainingJob,
    TrainingOutcome,
    Unavailable,
    hookimpl,
)
from cordspec_serving.gpus import visible
from cordspec_train.libraries import import_trainers
from cordspec_train.options import AdaptedOptions, TooLong


class SftOptions(AdaptedOptions):
    """Options of `student NAME : sft { ... }`."""

    too_long: TooLong = Field("drop", description="longer examples are left out, lose their end, or stop the run")
    packing: Annotated[bool, NotIdentity()] = Field(
        False,
        description="examples that a process takes at a time lie in one row without padding, and do not see each other",
    )
    liger: Annotated[bool, NotIdentity()] = Field(
        False, description="Liger's kernels in the model; for GPUs, with the package liger-kernel"
    )


def lacking_for_liger(options: SftOptions) -> str:
    """What Liger's kernels would need and is not here; empty for nothing."""
    if not options.liger:
        return ""
    needed = [] if find_spec("liger_kernel") else ["the package liger-kernel"]
    needed += [] if visible() else ["a GPU for Liger's kernels"]
    return ", and ".join(needed)


class Sft(Trainer[SftOptions]):
    """TRL's SFTTrainer in float32; the loss is on the assistant's turn only, thinking included."""

    name: ClassVar[str] = "sft"

    def lacking(self) -> str:
        return lacking_for_liger(self.options)

    def train(self, job: TrainingJob) -> TrainingOutcome:
        if lacks := self.lacking():
            raise Unavailable(f"`liger` needs {lacks}", 'leave it off, or pip install "cordspec[liger]"')
        try:
            import_trainers()
            from transformers import set_seed

            from cordspec_train.audit import audited
            from cordspec_train.fitting import fit
            from cordspec_train.outcome import limit_of, outcome, packing_remarks, train_and_save
            from cordspec_train.weights import open_model, open_tokenizer
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        tokenizer = open_tokenizer(job.init)
        examples, audit = audited(tokenizer, job.examples, limit_of(self.options, job), self.options.too_long)
        audit.write(job.records)
        set_seed(job.seed % 2**32)
        losses = train_and_save(open_model(job.init), tokenizer, examples, self.options, job, fit)
        remarks = (*audit.remarks, *packing_remarks(self.options, self.options.batch_size))
        return outcome(examples, losses, self.options.epochs, audit.left_out, audit.shortened, remarks)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Sft
