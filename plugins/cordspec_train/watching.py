"""What is done after each optimiser step: it is told, a loss that went wrong ends it all, checkpoints are committed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from transformers import TrainerCallback

from cordspec_train import commits

BEFORE_SPIKE: Final = 20
"""Steps by whose losses the next one is judged."""


class Diverged(Exception):
    """The loss or the norm of the gradient is not a number, or the loss has spiked.

    ``said`` tells which of them, and after how many optimiser steps.
    """

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Done:
    """An optimiser step: its number of how many, mean loss in nats a token, tokens a second, numbers of its examples."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    examples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where checkpoints are committed, and for what they are good."""

    root: Path
    layout: commits.Layout
    batch_size: int


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Follows a training on every one of its processes.

    Args:
        tokens: those of each optimiser step.
        tell: called after each step, on the first process only.
        examples: takes the numbers of the examples that this process saw since it was last asked.
        loss_spike: how many times the median of the losses before is too much; None for no limit.
    """

    def __init__(
        self, tokens: Sequence[int], tell: Callable[[Done], None], checkpoints: Checkpoints | None,
        examples: Callable[[], list[int]] = list, loss_spike: float | None = None,
    ) -> None:  # fmt: skip
        self.losses: list[float] = []
        self._tokens = tokens
        self._tell = tell
        self._checkpoints = checkpoints
        self._examples = examples
        self._loss_spike = loss_spike
        self._since = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A resumed training knows the losses that were logged before."""
        self.losses = [float(entry["loss"]) for entry in state.log_history if "loss" in entry]
        self._since = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        numbers = [float(logs[name]) for name in ("loss", "grad_norm") if logs.get(name) is not None]
        if not all(math.isfinite(number) for number in numbers):
            raise Diverged(f"the loss or its gradient is not a number after {state.global_step} steps")
        self._look_for_spike(numbers[0], state.global_step)
        self.losses.append(numbers[0])
        now = time.monotonic()
        rate = self._tokens[state.global_step - 1] / max(now - self._since, 1e-9)
        self._since = now
        seen = _everywhere(self._examples())
        if state.is_world_process_zero:
            self._tell(Done(state.global_step, state.max_steps, numbers[0], rate, tuple(seen)))

    def _look_for_spike(self, loss: float, step: int) -> None:
        if self._loss_spike is None or len(self.losses) < BEFORE_SPIKE:
            return
        usual = median(self.losses[-BEFORE_SPIKE:])
        if loss > self._loss_spike * usual:
            raise Diverged(
                f"the loss is {loss:.4g} after {step} steps, more than `loss_spike` ({self._loss_spike:g}) times the"
                f" median of the {BEFORE_SPIKE} before, {usual:.4g}"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before a checkpoint is written only the last good one is kept, so that the disk need not hold three."""
        if self._checkpoints and control.should_save and state.is_world_process_zero:
            commits.make_room(self._checkpoints.root, commits.KEPT - 1)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Every process has written its share when the last of them is here; then the manifest is written."""
        if self._checkpoints is None:
            return
        _wait_for_all(args.world_size)
        directory = self._checkpoints.root / f"{commits.PREFIX}{state.global_step}"
        shares = _everywhere([commits.digests(directory, args.process_index, args.world_size)])
        if state.is_world_process_zero:
            files = {name: file for share in shares for name, file in share.items()}
            consumed = state.global_step * self._checkpoints.batch_size
            commits.commit(directory, commits.Commit(state.global_step, consumed, self._checkpoints.layout, files))
        _wait_for_all(args.world_size)


def _everywhere(mine: list[Any]) -> list[Any]:
    """The lists of all processes, one after the other."""
    from accelerate.utils import gather_object

    return list(gather_object(mine))


def _wait_for_all(processes: int) -> None:
    if processes > 1:
        import torch.distributed as distributed

        distributed.barrier()
