"""`sglang`: a model served by SGLang, on servers that run already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from cordspec.plugin import Capability, Component, hookimpl
from cordspec_serving.backend import Backend
from cordspec_serving.connection import Connection
from cordspec_serving.service_model import ServiceModel, ServiceOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class SglangOptions(ServiceOptions):
    """Options of `model NAME : sglang { ... }`."""


class SglangModel(ServiceModel[SglangOptions]):
    """Continues raw prompts given as token ids, and scores given text in one request over the prefixes that it holds."""

    name: ClassVar[str] = "sglang"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"continue", "score", "chat"})

    def backend(self, connection: Connection, tokenizer: PreTrainedTokenizerFast) -> Backend:
        from cordspec_serving.sglang.backend import SglangBackend

        return SglangBackend(connection)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield SglangModel
