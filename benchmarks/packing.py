"""What packing costs where attention is dense: a student trained with and without it, in turn, on a CPU (`make bench`).

So many worked solutions of the miniature in batches of 8 and of 32, each batch a row when it is packed. Processor time
between the first step and the last, tokens that go through the model, and how far the losses are apart. No target but
equality: transformers' own attention computes a packed row whole, under a mask, so it is expected to be slower.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

import torch
from trl import SFTTrainer

from cordspec.plugin import Ref, TrainingExample, TrainingJob, TrainingStep
from cordspec_mini.lessons import MiniLessons, MiniLessonsOptions
from cordspec_mini.models import CHECKPOINTS
from cordspec_train.sft import Sft, SftOptions

EXAMPLES, EPOCHS, PAIRS = 128, 2, 5
BATCHES = (8, 32)
APART = 1e-5
"""How far the losses of the first epoch may be apart, as a share: sums are taken in another order."""


def trained(batch_size: int, packing: bool) -> tuple[float, int, tuple[float, ...]]:
    """Seconds of the processor, tokens that went through the model, blank ones included, and the losses."""
    lessons = MiniLessons(MiniLessonsOptions(inventory=EXAMPLES // 2, chains=EXAMPLES // 2, seed=11)).load()
    examples = [TrainingExample(one.question, one.solution) for one in lessons]
    times: list[float] = []
    sizes: list[int] = []
    original = SFTTrainer.compute_loss

    def compute_loss(self: SFTTrainer, model, inputs, *given, **more):
        sizes.append(inputs["input_ids"].numel())
        return original(self, model, inputs, *given, **more)

    def on_step(_: TrainingStep) -> None:
        times.append(time.process_time())

    with tempfile.TemporaryDirectory() as place, mock.patch.object(SFTTrainer, "compute_loss", compute_loss):
        work = Path(place) / "work"
        work.mkdir()
        job = TrainingJob(CHECKPOINTS / "base", examples, Path(place) / "model", work, 3, on_step)
        options = SftOptions(
            init=Ref("model", "base"), data=Ref("decode", "d"), epochs=EPOCHS, batch_size=batch_size, lr=1e-4,
            packing=packing, checkpoint_every=10_000,
        )  # fmt: skip
        losses = Sft(options).train(job).losses
    return times[-1] - times[0], sum(sizes), losses


def main() -> int:
    torch.set_num_threads(1)
    report: dict[str, object] = {"examples": EXAMPLES, "epochs": EPOCHS, "pairs": PAIRS, "torch": torch.__version__}
    alike = True
    for batch_size in BATCHES:
        pairs = [(trained(batch_size, False), trained(batch_size, True)) for _ in range(PAIRS)]
        ratios = [packed[0] / padded[0] for padded, packed in pairs]
        (_, padded_tokens, padded_losses), (_, packed_tokens, packed_losses) = pairs[0]
        first = len(padded_losses) // EPOCHS
        apart = max(abs(one - two) / two for one, two in zip(packed_losses[:first], padded_losses[:first], strict=True))
        alike = alike and apart <= APART
        print(
            f"{batch_size} in a row: {statistics.median(ratios):.2f} times the time "
            f"({min(ratios):.2f} to {max(ratios):.2f}), "
            f"{1 - packed_tokens / padded_tokens:.1%} fewer tokens, losses of the first epoch {apart:.1e} apart"
        )
        report[str(batch_size)] = {"ratios": ratios, "tokens": [padded_tokens, packed_tokens], "apart": apart}
    (Path(__file__).parent / "results" / "packing.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if alike else 1


if __name__ == "__main__":
    raise SystemExit(main())
