"""What trainers have in common in a spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordspec.plugin import Fraction, InitRef, NotIdentity, StudentOptions, Tokens, TracesRef

TooLong = Literal["drop", "truncate", "stop"]


class TrainingOptions(StudentOptions):
    """What all trainers have. Defaults are the paper's where it gives them."""

    init: InitRef = Field(description="the model, or the student, to start from")
    data: TracesRef = Field(description="a decode, or problems that carry worked solutions")
    epochs: int = Field(5, ge=1, le=1_000, description="passes over the data")
    batch_size: int = Field(8, ge=1, description="examples of one optimiser step")
    lr: float = Field(5e-6, gt=0, lt=1, description="peak learning rate of AdamW")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="course of the learning rate")
    warmup: Fraction = Field(0.03, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay")
    max_length: Tokens = Field(20_480, gt=0, description="the longest example, question and template included")
    checkpoint_every: Annotated[int | None, NotIdentity()] = Field(
        None, ge=1, description="optimiser steps between two checkpoints; once an epoch, at most every 25, if left out"
    )
    loss_spike: Annotated[float | None, NotIdentity()] = Field(
        None, gt=1, description="a loss of more than so many times the median of the 20 steps before ends the training"
    )


class AdaptedOptions(TrainingOptions):
    """Those of trainers that can train low-rank adapters."""

    lora_rank: int = Field(
        0, ge=0, le=4_096, description="rank of adapters that are trained instead; 0 for all weights"
    )
