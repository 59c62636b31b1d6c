"""`completions`: a model behind a server that continues raw prompts and gives no log-probabilities of a given text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Capability, Component, NotIdentity, hookimpl
from cordspec_serving.backend import Backend
from cordspec_serving.connection import Connection
from cordspec_serving.service_model import ServiceModel, ServiceOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class CompletionsOptions(ServiceOptions):
    """Options of `model NAME : completions { ... }`."""

    dialect: Literal["openai", "llama_cpp", "tgi"] = Field(
        "openai",
        description="what the servers speak: /v1/completions, llama.cpp's /completion, or /generate of Text Generation"
        " Inference",
    )
    served_name: Annotated[str, NotIdentity()] = Field(
        "", description="the model's name there, where there are several (`openai`)"
    )


class CompletionsModel(ServiceModel[CompletionsOptions]):
    """A teacher, a judge or an integrator that is asked with raw prompts. It can be no prover."""

    name: ClassVar[str] = "completions"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"continue", "chat"})

    def asked(self) -> Sequence[str]:
        return (self.options.dialect,)

    def backend(self, connection: Connection, tokenizer: PreTrainedTokenizerFast) -> Backend:
        from cordspec_serving.completions.llama_cpp import LlamaCppBackend
        from cordspec_serving.completions.openai import OpenAIBackend
        from cordspec_serving.completions.spelling import Spelling
        from cordspec_serving.completions.tgi import TgiBackend

        spelling = Spelling(tokenizer)
        if self.options.dialect == "llama_cpp":
            return LlamaCppBackend(connection, spelling)
        if self.options.dialect == "tgi":
            return TgiBackend(connection, spelling)
        return OpenAIBackend(connection, spelling, self.options.served_name)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield CompletionsModel
