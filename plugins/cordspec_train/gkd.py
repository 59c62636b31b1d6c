"""`gkd`: a student learns one teacher's distributions, token by token, on given traces (arXiv:2306.13649)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from cordspec.plugin import Component, InitRef, Trainer, TrainingJob, TrainingOutcome, Unavailable, hookimpl
from cordspec_train.libraries import import_trainers
from cordspec_train.options import AdaptedOptions, TooLong

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from cordspec_train.examples import Example
    from cordspec_train.fitting import FitSettings, OnDone, Place

TEACHER = "teacher"


class GkdOptions(AdaptedOptions):
    """Options of `student NAME : gkd { ... }`."""

    teacher: InitRef = Field(
        description="the model whose distributions are learnt; its vocabulary must be that of `init`"
    )
    beta: float = Field(
        0.5, ge=0, le=1, description="0 for the divergence KL(teacher, student), 1 for KL(student, teacher), or between"
    )
    too_long: TooLong = Field("drop", description="longer examples are left out, lose their end, or stop the run")


class Gkd(Trainer[GkdOptions]):
    """TRL's GKDTrainer in float32, on given traces only; the loss is on the assistant's turn, thinking included."""

    name: ClassVar[str] = "gkd"

    def train(self, job: TrainingJob) -> TrainingOutcome:
        try:
            import_trainers()
            from transformers import set_seed

            from cordspec_train.audit import audited
            from cordspec_train.distilling import check_vocabularies, fit_distributions
            from cordspec_train.outcome import limit_of, outcome, train_and_save
            from cordspec_train.weights import open_model, open_tokenizer
        except ImportError as error:
            raise Unavailable(f"training needs {error.name}", 'pip install "cordspec[train]"') from error
        options = self.options
        check_vocabularies(job.init, job.models[TEACHER])
        tokenizer = open_tokenizer(job.init)
        examples, audit = audited(tokenizer, job.examples, limit_of(options, job), options.too_long)
        audit.write(job.records)
        set_seed(job.seed % 2**32)
        teacher = open_model(job.models[TEACHER])

        def fit(
            model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Example], settings: FitSettings,
            place: Place, tell: OnDone,
        ) -> list[float]:  # fmt: skip
            return fit_distributions(model, teacher, tokenizer, rows, settings, place, tell, options.beta)

        losses = train_and_save(open_model(job.init), tokenizer, examples, options, job, fit)
        return outcome(examples, losses, options.epochs, audit.left_out, audit.shortened, audit.remarks)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Gkd
