"""What models behind servers that run already have in common: the operator's environment says where they are."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import Field
from typing_extensions import TypeVar

from cordspec.plugin import Engine, Model, ModelFacts, NotIdentity, Revision, Unavailable
from cordspec_api.address import addresses_of
from cordspec_hf.known_models import facts_of, facts_of_directory
from cordspec_hf.prompting.options import prompt_identity
from cordspec_serving.backend import Backend
from cordspec_serving.clocks import ClockOptions, clocks_of
from cordspec_serving.connection import Connection
from cordspec_serving.weights import identity_of, tokenizer_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ENGINE_VERSION: Final = "1"
STUDENT: Final = "name the student's base as `transformers` or `vllm`, which can be opened over other weights"


class ServiceOptions(ClockOptions):
    """A base of the options of models that a running server serves."""

    weights: str = Field(
        min_length=1, description="the served model's name on the hub, or a directory: its tokenizer is needed here"
    )
    revision: Annotated[str, Revision()] = Field(
        "", pattern=r"^([0-9a-f]{40})?$", description="the commit of the weights; `cordspec lock` finds it"
    )
    service: Annotated[str, NotIdentity()] = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="the servers, by their name in the operator's environment: CORDSPEC_SERVICE_<NAME>_URL, one URL or"
        " several with commas, one for each replica, and CORDSPEC_SERVICE_<NAME>_KEY",
    )


OptionsT = TypeVar("OptionsT", bound=ServiceOptions, default=Any)


class ServiceModel(Model[OptionsT]):
    """A model on servers that nobody here starts. The number format is theirs; a run records what they say of it."""

    served: ClassVar[bool] = True

    @abstractmethod
    def backend(self, connection: Connection, tokenizer: PreTrainedTokenizerFast) -> Backend:
        """One server."""

    def asked(self) -> Sequence[str]:
        """What else decides an answer."""
        return ()

    def facts(self) -> ModelFacts:
        path = Path(self.options.weights)
        return facts_of_directory(path) if path.is_dir() else facts_of(self.options.weights)

    def fingerprint(self) -> str:
        options = self.options
        identity = identity_of(options.weights, options.revision)
        said = (self.name, ENGINE_VERSION, identity, prompt_identity(options), *self.asked())
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def open(self) -> Engine:
        options = self.options
        addresses, clocks = addresses_of(options.service), clocks_of(options)
        tokenizer = tokenizer_of(options.weights, options.revision, "serving")
        from cordspec_hf.prompting.choosing import chosen_frame
        from cordspec_serving.engine import ServedEngine

        async def attach() -> Sequence[Backend]:
            return [self.backend(Connection(address, clocks), tokenizer) for address in addresses]

        frame = chosen_frame(tokenizer, options, options.weights)
        return ServedEngine(tokenizer, frame, attach, "auto", clocks)

    def at(self, weights: Path) -> Model:
        raise Unavailable("a server that runs already serves its own weights, no student's", STUDENT)

    def weights_path(self) -> Path:
        raise Unavailable("a server that runs already hands out no weights", STUDENT)
