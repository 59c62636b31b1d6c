"""`deepspeed_sft`: supervised fine-tuning on several GPUs with DeepSpeed's ZeRO (paper, table 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Component,
    InitRef,
    ModelFacts,
    OnStep,
    Trainer,
    TrainingExample,
    TrainingOutcome,
    Unavailable,
    hookimpl,
)
from cordspec_hf.known_models import facts_of
from cordspec_train.sft import SftOptions

ABSENT = "training with DeepSpeed is not in this version; `student NAME : sft` trains on one device"


class DeepSpeedSftOptions(SftOptions):
    """Options of `student NAME : deepspeed_sft { ... }`. Defaults are the paper's table 10."""

    init: str | InitRef = Field(  # type: ignore[assignment]  # wider than on one device: also a name on the hub
        description="the model or the student to start from, or a quoted name on the hub"
    )
    zero_stage: int = Field(3, ge=0, le=3, description="what ZeRO spreads over the GPUs")
    offload: Literal["none", "cpu"] = Field("none", description="where optimiser states are kept")


class DeepSpeedSft(Trainer[DeepSpeedSftOptions]):
    """TRL's SFTTrainer under DeepSpeed."""

    name: ClassVar[str] = "deepspeed_sft"
    absent: ClassVar[str] = ABSENT

    def facts(self) -> ModelFacts:
        return facts_of(self.options.init) if isinstance(self.options.init, str) else ModelFacts()

    def train(
        self, init: Path, examples: Sequence[TrainingExample], out: Path, seed: int, on_step: OnStep
    ) -> TrainingOutcome:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield DeepSpeedSft
