"""The worker of `deepspeed_sft` with one thing bent: ``BENT`` is ``WHAT:STEP:PROCESS``. Runs as a program.

``save`` kills PROCESS in the middle of a save, when shards and DeepSpeed's ``latest`` are written and the manifest is not;
``step`` kills it between two steps. ``mean`` averages the loss over processes, not over their tokens. ``nan`` makes it no number, ``fail`` is an error.
With ``crossed`` packed examples see each other; with ``unlooked`` nobody looks at that.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from transformers import Trainer, masking_utils
from trl import SFTTrainer

from cordspec_train import packing, worker
from cordspec_train.watching import Watch

WHAT, STEP, PROCESS = os.environ["BENT"].split(":")
FIRST = os.environ["RANK"] == "0"


def kill_at(state: object) -> None:
    if FIRST and state.global_step == int(STEP):
        os.kill(int(PROCESS), signal.SIGKILL)
        time.sleep(600)  # the keeper notices, and ends this


def save(self: Trainer, directory: str) -> None:
    kill_at(self.state)
    saved(self, directory)


def log(self: Watch, args: object, state: object, control: object, **more: object) -> None:
    kill_at(state)
    logged(self, args, state, control, **more)


def poisoned(self: SFTTrainer, *given: object, **more: object) -> object:
    loss = computed(self, *given, **more)
    return loss * float("nan") if self.state.global_step == int(STEP) else loss


computed = SFTTrainer.compute_loss
saved, logged = Trainer._save_rng_state, Watch.on_log
if WHAT == "save":
    Trainer._save_rng_state = save
elif WHAT == "step":
    Watch.on_log = log
elif WHAT == "mean":
    told = worker.common_arguments
    worker.common_arguments = lambda *given: {**told(*given), "average_tokens_across_devices": False}
elif WHAT == "nan":
    SFTTrainer.compute_loss = poisoned
elif WHAT == "fail" and not FIRST:
    raise RuntimeError("out of luck on the second process")
if WHAT in ("crossed", "unlooked"):
    masking_utils.find_packed_sequence_indices = lambda position_ids: None
if WHAT == "unlooked":
    packing.check_kept_apart = lambda *_: None

worker.leave(worker.main(Path(sys.argv[1])))
