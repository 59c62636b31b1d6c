"""`sft`: supervised fine-tuning of a student on traces, on one device (paper, section 4.1; DeepSpeed is another trainer)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Component,
    Fraction,
    InitRef,
    OnStep,
    Options,
    Tokens,
    TracesRef,
    Trainer,
    TrainingExample,
    TrainingOutcome,
    Unavailable,
    hookimpl,
)


class SftOptions(Options):
    """Options of `student NAME : sft { ... }`. Defaults are the paper's where it gives them."""

    init: InitRef = Field(description="the model, or the student, to start from")
    data: TracesRef = Field(description="a decode, or problems that carry worked solutions")
    epochs: int = Field(5, ge=1, le=1_000, description="passes over the data")
    batch_size: int = Field(8, ge=1, description="examples of one optimiser step")
    lr: float = Field(5e-6, gt=0, lt=1, description="peak learning rate of AdamW")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="course of the learning rate")
    warmup: Fraction = Field(0.03, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay")
    max_length: Tokens = Field(20_480, gt=0, description="longer examples are left out, never cut")


class Sft(Trainer[SftOptions]):
    """TRL's SFTTrainer in float32; the loss is on the assistant's turn only, thinking included."""

    name: ClassVar[str] = "sft"

    def train(
        self, init: Path, examples: Sequence[TrainingExample], out: Path, seed: int, on_step: OnStep
    ) -> TrainingOutcome:
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

            from cordspec_hf.encoding import PromptEncoder, chat_opening
            from cordspec_train.examples import encode_example
            from cordspec_train.fitting import fit
            from cordspec_train.outcome import train_and_save
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        set_seed(seed % 2**32)
        tokenizer = AutoTokenizer.from_pretrained(init, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(init, dtype=torch.float32, local_files_only=True)
        encoder = PromptEncoder(tokenizer)
        encoded = [
            encode_example(encoder, chat_opening(tokenizer, one.question), one.solution, str(tokenizer.eos_token))
            for one in examples
        ]
        return train_and_save(model, tokenizer, encoded, self.options, seed, out, fit, on_step)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Sft
