"""Before a training begins: is there room for its checkpoints, and can it go on from the one that is there?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from cordspec.plugin import Unavailable
from cordspec_hf.known_models import facts_of_directory
from cordspec_train import commits

ROOM: Final = 2.2
"""Free space, in checkpoints: the last good one, the one that is being written, and the student itself."""
MASTER_AND_MOMENTS: Final = 12
"""Bytes a weight that AdamW keeps: a copy in 32 bits, and two moments."""
MODEL: Final = {"bf16": 2, "fp32": 4}
GROUP: Final = Path("/sys/fs/cgroup")
"""Where Linux says how much memory the processes of a container may have."""


def checkpoint_bytes(parameters: float, precision: str, adapters: bool = False) -> float:
    """The size of a checkpoint: what the optimiser holds, and the weights once for the loop and once as safetensors.

    Beside ``adapters`` it is that of the weights: a checkpoint is small then, and the student is whole.
    """
    if adapters:
        return parameters * MODEL[precision]
    return parameters * (MASTER_AND_MOMENTS + 2 * MODEL[precision])


def resumed(root: Path, layout: commits.Layout) -> Path | None:
    """The checkpoint to go on from; all others, damaged and unfinished ones included, are removed but for its predecessor.

    Raises:
        Unavailable: it was written by another number of processes, or with other settings of DeepSpeed.
    """
    found = commits.newest(root)
    if found is None:
        commits.keep_only(root, ())
        return None
    directory, made = found
    differing = {name for name in {*layout, *made.layout} if layout.get(name) != made.layout.get(name)}
    if differing:
        was = ", ".join(f"{name} {made.layout.get(name, 'none')}" for name in sorted(differing))
        now = ", ".join(f"{name} {layout.get(name, 'none')}" for name in sorted(differing))
        message = f"the checkpoint of step {made.step} is of a training with {was}; this one has {now}"
        raise Unavailable(message, f"train as before, or remove {root} to begin again", "E805")
    older = [one for one in root.glob(f"{commits.PREFIX}*") if _step(one) < made.step and commits.read(one)]
    commits.keep_only(root, (directory, *older))
    return directory


def room_for_checkpoints(
    init: Path, work: Path, precision: str, free: int | None = None, adapters: bool = False
) -> None:
    """Check the disk. What older checkpoints of the same training take counts as free: they make room for the next ones.

    Raises:
        Unavailable: there is too little space.
    """
    parameters = facts_of_directory(init).parameters
    if parameters is None:
        return
    needed = ROOM * checkpoint_bytes(parameters, precision, adapters)
    free = shutil.disk_usage(work).free if free is None else free
    if free + commits.size(work) < needed:
        message = (
            f"checkpoints of {parameters / 1e9:.3g} billion weights need {needed / 2**30:.1f} GiB in {work}, "
            f"{free / 2**30:.1f} GiB are free"
        )
        raise Unavailable(message, "free some space, or choose another --out", "E804")


def room_on_host(states: float, free: float | None = None) -> None:
    """Check the memory of this machine against what a training holds there of its optimiser and weights, in bytes.

    Raises:
        Unavailable: there is too little. The system would end the training when it has loaded everything.
    """
    free = free_memory() if free is None else free
    if free < states:
        message = f"what is held on the host needs {states / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free"
        raise Unavailable(message, "hold less there (`offload`), or train on more machines", "E810")


def free_memory(group: Path = GROUP) -> float:
    """Bytes that this process and its children can still have: of the machine, and of its container.

    Files that a container has read and does not use count as free: they are given up for what needs the room.
    """
    import psutil

    free = float(psutil.virtual_memory().available)
    try:
        most, used, told = ((group / f"memory.{name}").read_text().strip() for name in ("max", "current", "stat"))
    except OSError:  # no container, or not of this kind
        return free
    files = dict(line.split() for line in told.splitlines()).get("inactive_file", "0")
    return free if most == "max" else min(free, float(most) - (float(used) - float(files)))


def _step(directory: Path) -> int:
    number = directory.name.removeprefix(commits.PREFIX)
    return int(number) if number.isdecimal() else -1
