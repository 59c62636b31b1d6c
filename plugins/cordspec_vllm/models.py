"""`vllm`: a model served by vLLM, on servers that run already, on servers that cordspec starts, or in this process."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from cordspec.plugin import (
    Capability,
    Component,
    Engine,
    Fraction,
    Model,
    ModelFacts,
    NotIdentity,
    Revision,
    Tokens,
    Unavailable,
    hookimpl,
)
from cordspec_api.address import addresses_of
from cordspec_hf.known_models import facts_of, facts_of_directory
from cordspec_hf.prompting.options import AUTOMATIC, prompt_identity
from cordspec_serving.backend import Backend
from cordspec_serving.clocks import ClockOptions, clocks_of
from cordspec_serving.gpus import visible
from cordspec_serving.weights import identity_of, tokenizer_of
from cordspec_vllm.placement import PLACEMENT

PYTHON: Final = "CORDSPEC_VLLM_PYTHON"
"""The operator's interpreter for started servers, where vLLM lives in an environment of its own."""
FLAGS: Final = "CORDSPEC_VLLM_FLAGS"
"""The operator's further arguments for started servers, such as ``--block-size 32``; they must not change answers."""
ENGINE_VERSION: Final = "1"


class VllmOptions(ClockOptions):
    """Options of `model NAME : vllm { ... }`."""

    weights: str = Field(min_length=1, description="the model's name on the hub, or a directory")
    revision: Annotated[str, Revision()] = Field(
        "", pattern=r"^([0-9a-f]{40})?$", description="the commit of the weights; `cordspec lock` finds it"
    )
    gpus: int = Field(1, ge=0, le=1_024, description="GPUs of one replica, by tensor parallelism; 0 for vLLM on a CPU")
    replicas: Annotated[int, NotIdentity()] = Field(1, ge=1, le=1_024, description="servers that are started")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="number format of the weights")
    quantization: str = Field("", pattern=r"^[a-z0-9_]*$", description="vLLM's name of a quantisation, such as fp8")
    kv_dtype: str = Field("auto", pattern=r"^[a-z0-9_]+$", description="number format of the held states")
    context: Tokens | None = Field(
        None, gt=0, description="longest prompt with its continuation (default: the model's)"
    )
    memory: Annotated[Fraction, NotIdentity()] = Field(
        0.9, gt=0, le=1, description="share of a GPU's memory that it takes"
    )
    run: Annotated[Literal["server", "process"], NotIdentity()] = Field(
        "server", description="start servers, or load vLLM into this process; without a `service`"
    )
    service: Annotated[str, NotIdentity()] = Field(
        "",
        pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$",
        description="servers that run already, by their name in the operator's environment: CORDSPEC_SERVICE_<NAME>_URL,"
        " one URL or several with commas, one for each replica",
    )
    served_name: Annotated[str, NotIdentity()] = Field(
        "", description="the model's name there, where there are several"
    )


class VllmModel(Model[VllmOptions]):
    """Continues raw prompts given as token ids, and scores given text over the prefixes that it holds."""

    name: ClassVar[str] = "vllm"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"continue", "score", "chat", "weights"})
    served: ClassVar[bool] = True

    @property
    def gpus(self) -> int:
        return self.options.gpus * self.replicas

    @property
    def replicas(self) -> int:
        return 1 if self.options.service else self.options.replicas

    def facts(self) -> ModelFacts:
        path = Path(self.options.weights)
        return facts_of_directory(path) if path.is_dir() else facts_of(self.options.weights)

    def lacking(self) -> str:
        if self.options.service:
            return ""
        needed = []
        if len(visible()) < self.gpus:
            needed.append(f"{self.gpus} GPUs, of which {len(visible())} are here")
        if not os.environ.get(PYTHON) and find_spec("vllm") is None:
            needed.append(f"the package vllm (or {PYTHON}, the interpreter of an environment that has it)")
        return ", and ".join(needed)

    def fingerprint(self) -> str:
        options = self.options
        identity = identity_of(options.weights, options.revision)
        numbers = (options.dtype, options.quantization, options.kv_dtype, str(options.context))
        said = (ENGINE_VERSION, identity, *numbers, prompt_identity(options))
        return hashlib.sha256("\n".join(("vllm", *said)).encode()).hexdigest()

    def open(self) -> Engine:
        lacking = self.lacking()
        if lacking:
            raise Unavailable(f"vLLM cannot serve {self.options.weights} here: it needs {lacking}")
        options = self.options
        tokenizer = tokenizer_of(options.weights, options.revision, "vllm")
        from cordspec_hf.prompting.choosing import chosen_frame
        from cordspec_serving.engine import ServedEngine

        frame = chosen_frame(tokenizer, options, options.weights)
        return ServedEngine(tokenizer, frame, self._attach, options.dtype, clocks_of(options))

    async def _attach(self) -> Sequence[Backend]:
        if self.options.service:
            from cordspec_serving.connection import Connection
            from cordspec_vllm.http_backend import HttpBackend

            where = addresses_of(self.options.service)
            return [
                HttpBackend(Connection(address, clocks_of(self.options)), self.options.served_name) for address in where
            ]
        if self.options.run == "process":
            from cordspec_vllm.in_process import InProcessBackend

            return [await InProcessBackend.start(self.arguments())]
        return await self._started()

    async def _started(self) -> Sequence[Backend]:
        from cordspec_vllm.server import Command, start_all
        from cordspec_vllm.started import StartedBackend

        clocks = clocks_of(self.options)
        python = os.environ.get(PYTHON) or sys.executable
        flags = (*_flags(self.arguments()), *shlex.split(os.environ.get(FLAGS, "")))
        taken: list[tuple[str, ...]] = []
        try:
            for _ in range(self.options.replicas):
                taken.append(PLACEMENT.take(self.options.gpus))
            servers = await start_all(
                [Command(python, flags, (("CUDA_VISIBLE_DEVICES", ",".join(gpus)),) if gpus else ()) for gpus in taken]
            )
        except BaseException:
            for gpus in taken:
                PLACEMENT.give_back(gpus)
            raise
        return [StartedBackend(server, gpus, clocks) for server, gpus in zip(servers, taken, strict=True)]

    def arguments(self) -> dict[str, Any]:
        """What vLLM is started with, under its own names."""
        options = self.options
        arguments: dict[str, Any] = {
            "model": options.weights,
            "dtype": options.dtype,
            "kv_cache_dtype": options.kv_dtype,
            "scheduling_policy": "priority",
            "generation_config": "vllm",
            "enable_prefix_caching": True,
            "trust_remote_code": False,
        }
        optional = {
            "revision": options.revision or None,
            "tokenizer_revision": options.revision or None,
            "quantization": options.quantization or None,
            "max_model_len": options.context,
            "tensor_parallel_size": options.gpus if options.gpus > 1 else None,
            "gpu_memory_utilization": options.memory if options.gpus else None,
            "enforce_eager": None if options.gpus else True,
        }
        return arguments | {name: value for name, value in optional.items() if value is not None}

    def at(self, weights: Path) -> Model:
        changed = {"weights": str(weights), "revision": "", "service": "", "served_name": "", **AUTOMATIC}
        return type(self)(self.options.model_copy(update=changed))

    def weights_path(self) -> Path:
        path = Path(self.options.weights)
        if not path.is_dir():
            raise Unavailable(f"the weights of {self.options.weights} are not in a directory here")
        return path


def _flags(arguments: dict[str, Any]) -> tuple[str, ...]:
    """Engine arguments as a command line, with what a server needs beside them."""
    flags = ["--enable-prompt-tokens-details", "--enable-scale-out"]
    for name, value in arguments.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            flags.append(flag)
        elif value is not False:
            flags += [flag, str(value)]
    return tuple(flags)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield VllmModel
