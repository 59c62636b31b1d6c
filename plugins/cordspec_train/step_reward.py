"""`step_reward`: a process reward model, trained to tell right steps from wrong ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import (
    Capability,
    Component,
    InitRef,
    InvalidData,
    OnStep,
    ProblemsRef,
    Tokens,
    Trainer,
    TrainingExample,
    TrainingOutcome,
    Unavailable,
    hookimpl,
)
from cordspec_train.sft import SftOptions

CLASSES = {0: "wrong", 1: "right"}


class StepRewardOptions(SftOptions):
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

    def train(
        self, init: Path, examples: Sequence[TrainingExample], out: Path, seed: int, on_step: OnStep
    ) -> TrainingOutcome:
        try:
            import torch
            from transformers import AutoModelForTokenClassification, AutoTokenizer, set_seed

            from cordspec_hf.encoding import PromptEncoder, chat_opening
            from cordspec_train.examples import encode_labelled
            from cordspec_train.fitting import fit_labels
            from cordspec_train.outcome import train_and_save
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        labelled = [example for example in examples if _labels(example)]
        if not labelled:
            raise InvalidData("no worked solution has a label for its steps", "name problems that say which are right")
        set_seed(seed % 2**32)
        tokenizer = AutoTokenizer.from_pretrained(init, local_files_only=True)
        tokenizer.padding_side = "right"  # as the engine pads
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForTokenClassification.from_pretrained(
            init, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            id2label=CLASSES, label2id={name: number for number, name in CLASSES.items()},
        )  # fmt: skip
        encoder = PromptEncoder(tokenizer)
        encoded = [encode_labelled(encoder, chat_opening(tokenizer, one.question), one.solution) for one in labelled]
        return train_and_save(model, tokenizer, encoded, self.options, seed, out, fit_labels, on_step)


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
