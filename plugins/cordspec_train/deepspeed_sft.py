"""`deepspeed_sft`: supervised fine-tuning by several processes with DeepSpeed's ZeRO (paper, table 10)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    InitRef,
    InvalidData,
    Model,
    ModelFacts,
    NotIdentity,
    Room,
    Trainer,
    TrainingJob,
    TrainingMemory,
    TrainingOutcome,
    TrainingStep,
    Unavailable,
    hookimpl,
)
from cordspec_hf.known_models import facts_of, facts_of_directory
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_serving.gpus import visible
from cordspec_train import preflight
from cordspec_train.assignment import LOG, PROGRESS, Assignment
from cordspec_train.deepspeed_config import RECORD, Offload, Precision, deepspeed_config
from cordspec_train.memory import HOST_BUFFERS, TrainingShape, can_offload, training_memory
from cordspec_train.sft import SftOptions, lacking_for_liger
from cordspec_train.sharing import Shares, shares


class DeepSpeedSftOptions(SftOptions):
    """Options of `student NAME : deepspeed_sft { ... }`. Defaults are the paper's table 10."""

    init: str | InitRef = Field(  # type: ignore[assignment]  # wider than on one device: also weights that no block names
        description="the model or the student to start from, or quoted weights"
    )
    zero_stage: int = Field(3, ge=0, le=3, description="what ZeRO spreads over the processes")
    precision: Precision = Field("bf16", description="number format of weights and gradients; AdamW keeps 32 bits")
    offload: Annotated[Offload, NotIdentity()] = Field("none", description="what is held in the memory of the host")
    nodes: Annotated[int, NotIdentity()] = Field(1, ge=1, le=1_024, description="machines")
    ranks: Annotated[int | None, NotIdentity()] = Field(
        None, ge=1, le=64, description="processes of a machine; one for each of its GPUs if left out"
    )
    micro_batch: Annotated[int, NotIdentity()] = Field(1, ge=1, description="examples that a process takes at a time")
    activation_checkpointing: Annotated[bool, NotIdentity()] = Field(
        True, description="layers are computed again in the backward pass instead of being held"
    )


class DeepSpeedSft(Trainer[DeepSpeedSftOptions]):
    """TRL's SFTTrainer under DeepSpeed, in processes of its own; the loss is on the assistant's turn only."""

    name: ClassVar[str] = "deepspeed_sft"

    def facts(self) -> ModelFacts:
        init = self.options.init
        if not isinstance(init, str):
            return ModelFacts()
        return facts_of(init) if facts_of(init).parameters else self._base(init).facts()

    def lacking(self) -> str:
        needed = [] if find_spec("deepspeed") else ["the package deepspeed"]
        if not visible() and shutil.which("g++") is None:
            needed.append("g++, with which DeepSpeed builds a small library for CPUs when it starts")
        if visible() and len(visible()) < (self.options.ranks or 1):
            needed.append(f"{self.options.ranks} GPUs, of which {len(visible())} are here")
        if isinstance(self.options.init, str) and not (Path(self.options.init) / "config.json").is_file():
            needed.append(f"{self.options.init} in a local directory of that name")
        if lacks := lacking_for_liger(self.options):
            needed.append(lacks)
        return ", and ".join(needed)

    def base(self) -> Model | None:
        return self._base(self.options.init) if isinstance(self.options.init, str) else None

    def _base(self, init: str) -> Model:
        return TransformersModel(TransformersModelOptions(weights=init))

    def memory(self, facts: ModelFacts, room: Room) -> TrainingMemory | None:
        options = self.options
        processes = room.gpus if options.ranks is None else options.nodes * options.ranks
        tokens = options.micro_batch * min(options.max_length, facts.context or options.max_length)
        shape = TrainingShape(
            options.zero_stage, processes, options.nodes, tokens, options.activation_checkpointing,
            options.precision == "fp32", bool(options.lora_rank),
        )  # fmt: skip
        return training_memory(facts, room, shape, options.offload)

    def train(self, job: TrainingJob) -> TrainingOutcome:
        share = self._shares()
        if not can_offload(self.options.zero_stage, self.options.offload):
            message = f"ZeRO stage {self.options.zero_stage} cannot hold its {self.options.offload} on the host"
            raise InvalidData(message, "optimizer needs zero_stage 1 or more, parameters needs 3")
        if lacks := self.lacking():
            raise Unavailable(f"training with DeepSpeed needs {lacks}", 'pip install "cordspec[deepspeed]"')
        try:
            from cordspec_train.audit import audited
            from cordspec_train.outcome import diverged, layout_of, limit_of, outcome, packing_remarks, settings_of
            from cordspec_train.rows import ordered_rows
            from cordspec_train.weights import open_tokenizer
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        from cordspec_train.launching import failed, follow

        options, settings = self.options, settings_of(self.options, job.seed)
        tokenizer = open_tokenizer(job.init)
        examples, audit = audited(tokenizer, job.examples, limit_of(options, job), options.too_long)
        audit.write(job.records)
        preflight.room_for_checkpoints(job.init, job.work, options.precision, adapters=bool(options.lora_rank))
        preflight.room_on_host(self._held_on_host(job, share))
        layout = layout_of(options, {
            "processes": share.processes, "zero_stage": options.zero_stage, "offload": options.offload,
            "precision": options.precision, "micro_batch": share.micro,
        })  # fmt: skip
        resumed = preflight.resumed(job.work, layout)
        on_gpus = bool(visible())
        config = deepspeed_config(options.zero_stage, options.offload, options.precision, settings, share, on_gpus)
        assignment = Assignment(
            str(job.work.absolute()), str(job.init.absolute()), str(job.out.absolute()), str(resumed or ""), len(examples),
            settings, share, layout, config, options.precision, options.activation_checkpointing, on_gpus,
        )  # fmt: skip
        shutil.rmtree(assignment.rows, ignore_errors=True)
        rows = ordered_rows(examples, settings.batch_size, settings.seed, settings.epochs, filled=True)
        rows.save_to_disk(str(assignment.rows))
        assignment.write()
        (job.records / RECORD).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        told = Told(job)
        status = follow(assignment, told.line, told.beat)
        if told.refused is not None:
            raise told.refused
        if told.diverged is not None:
            raise diverged(job, told.diverged)
        if status or told.losses is None:
            raise failed(assignment, status)
        for name in (LOG, PROGRESS):
            shutil.copyfile(job.work / name, job.records / name)
        remarks = (*audit.remarks, *packing_remarks(options, share.micro))
        return outcome(examples, told.losses, options.epochs, audit.left_out, audit.shortened, remarks)

    def _held_on_host(self, job: TrainingJob, share: Shares) -> float:
        """Bytes of one machine by the plan, without the room that it adds for buffers: less is not enough."""
        if self.options.offload == "none":
            return 0.0
        memory = self.memory(facts_of_directory(job.init), Room(share.processes, 0))
        return memory.chosen.host_bytes / HOST_BUFFERS if memory else 0.0

    def _shares(self) -> Shares:
        """One process for each GPU, or one without GPUs, unless the options say how many."""
        options = self.options
        return shares(options.batch_size, options.nodes, options.ranks or len(visible()) or 1, options.micro_batch)


class Told:
    """What the first process has told so far."""

    def __init__(self, job: TrainingJob) -> None:
        self.losses: tuple[float, ...] | None = None
        self.diverged: str | None = None
        self.refused: InvalidData | None = None
        self._on_step = job.on_step
        self._last = TrainingStep(0, 0, None)

    def line(self, said: dict[str, Any]) -> None:
        """Take a line of progress."""
        if "losses" in said:
            self.losses = tuple(said["losses"])
        elif "diverged" in said:
            self.diverged = str(said["diverged"])
        elif "refused" in said:
            self.refused = InvalidData(said["refused"], said["help"], code=said["code"])
        else:
            self._last = TrainingStep(said["step"], said["steps"], said["loss"], said["tokens_per_second"])
            self.beat()

    def beat(self) -> None:
        """Say again where the training is."""
        self._on_step(self._last)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield DeepSpeedSft
