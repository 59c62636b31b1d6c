"""Weights & Biases; offline unless the operator says otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import ClassVar

from cordspec.plugin import Component, RunEnd, TrackedRun, Tracker, Unavailable, hookimpl


class WandB(Tracker):
    """Writes into `tracking/wandb`, to be sent by `wandb sync`; with the operator's ``WANDB_MODE=online`` it sends at once.

    Numbers only: neither code, command line, git, requirements nor what is printed, and nothing of the machine.
    """

    name: ClassVar[str] = "wandb"

    def begin(self, run: TrackedRun) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb
        except ImportError as error:
            raise Unavailable("it needs the package wandb", 'pip install "cordspec[wandb]"') from error
        settings = wandb.Settings(
            console="off", silent=True, save_code=False, disable_code=True, disable_git=True, disable_job_creation=True,
            x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True, x_save_requirements=False,
        )  # fmt: skip
        self._stages: set[str] = set()
        self._run = wandb.init(
            project=run.experiment, name=run.variant, dir=str(run.directory), settings=settings,
            mode=os.environ.get("WANDB_MODE", "offline"),
        )  # fmt: skip

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        if stage not in self._stages:  # stages count steps of their own, wandb has one count for all
            self._stages.add(stage)
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self._run.log({f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in values.items()}})

    def end(self, status: RunEnd) -> None:
        self._run.finish(exit_code=0 if status == "finished" else 1)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield WandB
