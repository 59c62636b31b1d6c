"""Preference training of a language model with TRL's DPOTrainer, on pairs that are encoded and ordered already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cordspec_train.adapters import adapter_config
from cordspec_train.fitting import FitSettings, OnDone, Place, on_one_device, run_trainer
from cordspec_train.pairs import EncodedPair, ordered_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def fit_pairs(
    model: PreTrainedModel, reference: PreTrainedModel | None, tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[EncodedPair], settings: FitSettings, place: Place, tell: OnDone, beta: float,
) -> list[float]:  # fmt: skip
    """Train a language model in place to prefer the first of each pair: direct preference optimisation (arXiv:2305.18290).

    Args:
        reference: the model that it is held to; None with adapters, without which it is its own reference.
        beta: how strongly it is held.

    Returns:
        The logged mean losses, in nats per pair; ln 2 where there is no preference yet.

    Raises:
        Diverged: the loss or the gradient is no number any more, or the loss has spiked.
    """
    from trl import DPOConfig, DPOTrainer

    class Prepared(DPOTrainer):  # type: ignore[misc]  # TRL is untyped
        """Takes the rows as they are: TRL would encode texts, specials in data and an end of the turn included."""

        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

    rows = ordered_pairs(pairs, settings.batch_size, settings.seed, settings.epochs)
    arguments = on_one_device(settings, place.work, len(pairs))
    config = DPOConfig(**arguments, beta=beta, loss_type=["sigmoid"], max_length=None)
    trainer = Prepared(
        model=model, ref_model=reference, args=config, train_dataset=rows.remove_columns("read"),
        processing_class=tokenizer, peft_config=adapter_config(settings.lora_rank),
    )  # fmt: skip
    read, size = rows["read"], settings.batch_size
    tokens = [sum(read[at : at + size]) for at in range(0, len(read), size)]
    losses = run_trainer(trainer, tokens, settings, place, tell, list)
    if settings.lora_rank:
        trainer.model.merge_and_unload()  # in place: what was wrapped is a plain model again
    return losses
