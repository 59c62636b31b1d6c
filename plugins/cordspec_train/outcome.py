"""From encoded examples to a trained model on the disk: what all trainers of one device have in common."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cordspec.plugin import InvalidData, OnStep, TrainingOutcome
from cordspec_train.examples import IGNORED, Example
from cordspec_train.fitting import FitSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from cordspec_train.sft import SftOptions

Fit = Callable[
    ["PreTrainedModel", "PreTrainedTokenizerFast", Sequence[Example], FitSettings, Path, OnStep], list[float]
]


def train_and_save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, encoded: Sequence[Example], options: SftOptions,
    seed: int, out: Path, fit: Fit, on_step: OnStep,
) -> TrainingOutcome:  # fmt: skip
    """Train a model in place with ``fit`` on the examples that are short enough, and save it with its tokenizer.

    Raises:
        InvalidData: none of them is.
    """
    limit = min(options.max_length, int(model.config.max_position_embeddings))
    fitting = [example for example in encoded if len(example.input_ids) <= limit]
    if not fitting:
        raise InvalidData(f"all {len(encoded)} examples are longer than {limit} tokens", "raise max_length")
    settings = FitSettings(
        options.epochs, options.batch_size, options.lr, options.schedule, options.warmup, options.weight_decay,
        seed % 2**31,
    )  # fmt: skip
    scratch = out.with_name("scratch")
    losses = fit(model, tokenizer, fitting, settings, scratch, on_step)
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    learnt = sum(label != IGNORED for example in fitting for label in example.labels)
    return TrainingOutcome(tuple(losses), len(fitting), learnt * options.epochs, len(encoded) - len(fitting))
