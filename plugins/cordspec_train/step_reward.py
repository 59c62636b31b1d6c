"""`step_reward`: a process reward model, trained to tell right steps from wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import (
    Capability,
    Component,
    InitRef,
    InvalidData,
    ProblemsRef,
    Tokens,
    Trainer,
    TrainingExample,
    TrainingJob,
    TrainingOutcome,
    Unavailable,
    hookimpl,
)
from cordspec_train.libraries import import_trainers
from cordspec_train.options import TrainingOptions

CLASSES = {0: "wrong", 1: "right"}


class StepRewardOptions(TrainingOptions):
    """Options of `student NAME : step_reward { ... }`."""

    init: InitRef = Field(description="the language model whose body is trained on; its head is replaced")
    data: ProblemsRef = Field(description="problems whose worked solutions carry a label for each step")
    epochs: int = Field(1, ge=1, le=1_000, description="passes over the data")
    batch_size: int = Field(32, ge=1, description="examples of one optimiser step")
    lr: float = Field(1e-5, gt=0, lt=1, description="peak learning rate of AdamW")
    max_length: Tokens = Field(4_096, gt=0, description="longer examples are left out, never cut")


class StepReward(Trainer[StepRewardOptions]):
    """A token classification model with two labels, in float32; the loss is cross-entropy at the last token of every step.

    What it makes is no language model: copy its weights and name them with `transformers_reward`.
    """

    name: ClassVar[str] = "step_reward"
    makes: ClassVar[frozenset[Capability]] = frozenset({"weights"})
    """No engine is opened over a student here: its weights are used by `model NAME : transformers_reward`."""

    def train(self, job: TrainingJob) -> TrainingOutcome:
        try:
            import_trainers()
            import torch
            from transformers import AutoModelForTokenClassification, set_seed

            from cordspec_hf.encoding import PromptEncoder, chat_opening
            from cordspec_train.examples import encode_labelled
            from cordspec_train.fitting import fit_labels
            from cordspec_train.outcome import limit_of, outcome, train_and_save
            from cordspec_train.weights import open_tokenizer
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        labelled = [example for example in job.examples if _labels(example)]
        if not labelled:
            raise InvalidData("no worked solution has a label for its steps", "name problems that say which are right")
        set_seed(job.seed % 2**32)
        tokenizer = open_tokenizer(job.init)
        tokenizer.padding_side = "right"  # as the engine pads
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForTokenClassification.from_pretrained(
            job.init, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            id2label=CLASSES, label2id={name: number for number, name in CLASSES.items()},
        )  # fmt: skip
        encoder = PromptEncoder(tokenizer)
        encoded = [encode_labelled(encoder, chat_opening(tokenizer, one.question), one.solution) for one in labelled]
        limit = limit_of(self.options, job)
        fitting = [example for example in encoded if len(example.input_ids) <= limit]
        if not fitting:
            raise InvalidData(f"all {len(encoded)} examples are longer than {limit} tokens", "raise max_length")
        losses = train_and_save(model, tokenizer, fitting, self.options, job, fit_labels)
        return outcome(fitting, losses, self.options.epochs, len(encoded) - len(fitting))


def _labels(example: TrainingExample) -> tuple[float, ...]:
    """The labels of an example's steps; none where it has no steps, as in an answer given at once.

    Raises:
        InvalidData: a step has no label, or one that is neither 0 nor 1.
    """
    steps, labels = example.solution.steps, example.solution.labels
    if labels and len(steps) != len(labels):
        raise InvalidData(f"{len(steps)} steps have {len(labels)} labels: {example.question!r}", "label every step")
    if not set(labels) <= {0.0, 1.0}:
        raise InvalidData(f"a label is neither 0 nor 1: {example.question!r}", "write 1 for right and 0 for wrong")
    return labels


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield StepReward
