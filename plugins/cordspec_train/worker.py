"""One process of a training under DeepSpeed: ``python -m cordspec_train.worker ASSIGNMENT``, started by torch's launcher.

Models and DeepSpeed are opened here, not in the process of the run. The first process tells by a file of JSON lines how far
it is; what libraries print goes to the log.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cordspec.plugin import InvalidData
from cordspec_train.adapters import save_merged
from cordspec_train.assignment import Assignment, read_assignment
from cordspec_train.builds import watch_builds
from cordspec_train.fitting import Place, common_arguments, run_sft, sft_config

if TYPE_CHECKING:
    from cordspec_train.watching import Done

LOOK: Final = 0.5
DIVERGED: Final = 3
"""The exit status for a loss that is no number."""
REFUSED: Final = 4
"""The exit status for a model that cannot be trained so; the progress says why."""


def main(file: Path) -> int:
    """Train, export, tell."""
    _end_with(os.getppid())
    if os.environ["LOCAL_RANK"] == "0":
        watch_builds()
    assignment = read_assignment(file)
    import deepspeed
    from datasets import load_from_disk
    from transformers import set_seed

    from cordspec_train.watching import Diverged
    from cordspec_train.weights import open_model, open_tokenizer

    if not assignment.on_gpus:
        deepspeed.init_distributed("gloo")  # transformers would begin without it, and count one process
    # before the model, which is sharded then
    config = sft_config(
        _arguments(assignment), assignment.activation_checkpointing, packing=assignment.settings.packing
    )
    set_seed(assignment.settings.seed)
    init = Path(assignment.init)
    tokenizer, model = open_tokenizer(init), open_model(init)
    place = Place(Path(assignment.work), Path(assignment.resumed) if assignment.resumed else None, assignment.layout)

    def export(trainer: Any) -> None:
        adapted = bool(assignment.settings.lora_rank)
        saved = Path(assignment.work) / "adapter" if adapted else Path(assignment.out)
        trainer.save_model(str(saved))  # every process gives its share of the weights
        if trainer.is_world_process_zero():
            if adapted:
                dtype = {"bf16": "bfloat16", "fp32": "float32"}[assignment.precision]
                save_merged(init, saved, Path(assignment.out), dtype)
            tokenizer.save_pretrained(assignment.out)
            (Path(assignment.out) / "training_args.bin").unlink(missing_ok=True)  # a pickle; nobody needs it

    def tell(done: Done) -> None:
        _append(assignment, asdict(done))

    try:
        losses = run_sft(
            config, model, tokenizer, load_from_disk(str(assignment.rows)), assignment.settings, place, tell,
            export,
        )  # fmt: skip
    except Diverged as error:
        if os.environ["RANK"] == "0":
            _append(assignment, {"diverged": error.said})
        return DIVERGED
    except InvalidData as error:
        if os.environ["RANK"] == "0":
            _append(assignment, {"refused": str(error), "help": error.help, "code": error.code})
        return REFUSED
    if os.environ["RANK"] == "0":
        _append(assignment, {"losses": losses})
    return 0


def _arguments(assignment: Assignment) -> dict[str, Any]:
    return {
        **common_arguments(assignment.settings, Path(assignment.work), assignment.examples),
        "per_device_train_batch_size": assignment.shares.micro,
        "gradient_accumulation_steps": assignment.shares.accumulation,
        "bf16": assignment.precision == "bf16",
        "use_cpu": not assignment.on_gpus,
        "deepspeed": assignment.deepspeed,
    }


def _append(assignment: Assignment, line: dict[str, Any]) -> None:
    with assignment.progress.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _end_with(parent: int) -> None:
    """End this process when the launcher is gone: it may be killed, and its processes have sessions of their own."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def leave(status: int) -> NoReturn:
    """End this process at once, after a training that went well when all have got here. In the usual end of an interpreter
    threads of the libraries, which nobody joins, may abort a process whose work is done.
    """
    import torch.distributed

    if status == 0:
        torch.distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
