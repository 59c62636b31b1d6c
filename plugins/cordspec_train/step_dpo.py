"""`step_dpo`: a student learns to prefer the steps that a search chose to those that scored lower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    DecodeRef,
    ModelFacts,
    Room,
    Tokens,
    Trainer,
    TrainingJob,
    TrainingMemory,
    TrainingOutcome,
    Unavailable,
    Wants,
    hookimpl,
)
from cordspec_train.libraries import import_trainers
from cordspec_train.memory import preference_memory
from cordspec_train.options import AdaptedOptions

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from cordspec_train.fitting import FitSettings, OnDone, Place
    from cordspec_train.pairs import EncodedPair


class StepDpoOptions(AdaptedOptions):
    """Options of `student NAME : step_dpo { ... }`."""

    data: DecodeRef = Field(description="a decode, whose right traces stand beside the steps that scored lower")
    epochs: int = Field(1, ge=1, le=1_000, description="passes over the pairs")
    batch_size: int = Field(8, ge=1, description="pairs of one optimiser step")
    lr: float = Field(5e-7, gt=0, lt=1, description="peak learning rate of AdamW")
    max_length: Tokens = Field(20_480, gt=0, description="pairs with a longer text are left out, never cut")
    beta: float = Field(0.1, gt=0, le=100, description="how strongly the student is held to `init`, its reference")
    margin: float = Field(
        0.0, ge=0, description="the least difference of scores that makes a pair, in the scorer's unit"
    )


class StepDpo(Trainer[StepDpoOptions]):
    """TRL's DPOTrainer in float32; the loss is on the steps only, not on the thinking before them.

    Step-DPO is arXiv:2406.18629, which takes the first wrong step for the worse one; here scores say which is worse.
    """

    name: ClassVar[str] = "step_dpo"
    wants: ClassVar[Wants] = "pairs"

    def memory(self, facts: ModelFacts, room: Room) -> TrainingMemory | None:
        length = min(self.options.max_length, facts.context or self.options.max_length)
        tokens = 2 * self.options.batch_size * length
        return preference_memory(facts, room, tokens, adapters=bool(self.options.lora_rank))

    def train(self, job: TrainingJob) -> TrainingOutcome:
        try:
            import_trainers()
            from transformers import set_seed

            from cordspec_train.outcome import limit_of, outcome, train_and_save
            from cordspec_train.pair_audit import audited_pairs
            from cordspec_train.pairs import fitting_pairs
            from cordspec_train.preferring import fit_pairs
            from cordspec_train.weights import open_model, open_tokenizer
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        options = self.options
        tokenizer = open_tokenizer(job.init)
        limit = limit_of(options, job)
        pairs, left_out = fitting_pairs(tokenizer, job.pairs, options.margin, limit)
        audited_pairs(tokenizer, pairs, left_out, limit).write(job.records)
        set_seed(job.seed % 2**32)
        reference = None if options.lora_rank else open_model(job.init)

        def fit(
            model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: Sequence[EncodedPair],
            settings: FitSettings, place: Place, tell: OnDone,
        ) -> list[float]:  # fmt: skip
            return fit_pairs(model, reference, tokenizer, rows, settings, place, tell, options.beta)

        losses = train_and_save(open_model(job.init), tokenizer, pairs, options, job, fit)
        near = sum(pair.margin < options.margin for pair in job.pairs)
        remarks = [f"{near} of {len(job.pairs)} pairs closer than {options.margin:g} not used"] if near else []
        if left_out:
            remarks.append(f"{left_out} pairs left out, over the longest length")
        return outcome(pairs, losses, options.epochs, left_out, remarks=tuple(remarks))


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield StepDpo
