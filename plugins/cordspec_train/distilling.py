"""Token-level distillation with TRL's GKDTrainer, on rows that are encoded and ordered already."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cordspec.plugin import InvalidData
from cordspec_hf.known_models import facts_of_directory
from cordspec_train.adapters import adapter_config
from cordspec_train.examples import Example
from cordspec_train.fitting import FitSettings, OnDone, Place, on_one_device, run_trainer, sft_config
from cordspec_train.rows import ordered_rows, step_tokens
from cordspec_train.weights import open_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def check_vocabularies(student: Path, teacher: Path) -> None:
    """Distributions can be compared only over the same tokens: each with the same number, and as many of them.

    Raises:
        InvalidData: the vocabularies differ.
    """

    def tokens(weights: Path) -> tuple[dict[str, int], int | None]:
        return open_tokenizer(weights).get_vocab(), facts_of_directory(weights).vocabulary

    (ours, our_size), (theirs, their_size) = tokens(student), tokens(teacher)
    if ours == theirs and our_size == their_size:
        return
    differing = sum(theirs.get(token) != number for token, number in ours.items())
    message = (
        f"the teacher has another vocabulary than `init`: {their_size} tokens beside {our_size}, and {differing:,} of "
        f"the latter have another number or are not there"
    )
    raise InvalidData(message, "name a teacher of the same family, or learn from its text with `sft`", code="E809")


def fit_distributions(
    model: PreTrainedModel, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[Example],
    settings: FitSettings, place: Place, tell: OnDone, beta: float,
) -> list[float]:  # fmt: skip
    """Train a language model in place to have its teacher's next-token distributions on given texts.

    The loss of a token is the generalised Jensen-Shannon divergence with weight ``beta`` (arXiv:2306.13649, equation 1);
    at 0 and 1 TRL takes the forward and the reverse Kullback-Leibler divergence.

    Returns:
        The logged mean losses, in nats per token with a loss.

    Raises:
        Diverged: the loss or the gradient is no number any more, or the loss has spiked.
    """
    from transformers import DataCollatorForTokenClassification

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TRL may change it: its version is pinned
        from trl.experimental.gkd import GKDConfig, GKDTrainer

    rows = ordered_rows(examples, settings.batch_size, settings.seed, settings.epochs)
    arguments = on_one_device(settings, place.work, len(examples))
    trainer = GKDTrainer(
        model=model, teacher_model=teacher, train_dataset=rows.remove_columns("example"), processing_class=tokenizer,
        args=sft_config({**arguments, "beta": beta, "lmbda": 0.0}, of=GKDConfig),
        data_collator=DataCollatorForTokenClassification(tokenizer), peft_config=adapter_config(settings.lora_rank),
    )  # fmt: skip
    losses = run_trainer(trainer, step_tokens(rows, settings.batch_size), settings, place, tell, list)
    if settings.lora_rank:
        trainer.model.merge_and_unload()  # in place: what was wrapped is a plain model again
    return losses
