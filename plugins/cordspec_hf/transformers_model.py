"""`transformers`: a model from a directory of safetensors, run by the embedded engine in this process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Component, Engine, Model, ModelFacts, Tokens, Unavailable, hookimpl
from cordspec_hf.headers import weight_files
from cordspec_hf.known_models import facts_of_directory
from cordspec_hf.prompting.options import AUTOMATIC, PromptOptions, prompt_identity

Dtype = Literal["float64", "float32", "bfloat16"]
ENGINE_VERSION = "1"
"""Part of every fingerprint: raised when the engine begins to give other answers."""
IDENTITY = (
    "*.safetensors", "*config.json", "*.index.json", "*.jinja", "*.model", "tokenizer*", "special_tokens_map.json",
    "added_tokens.json", "vocab*", "merges.txt",
)  # fmt: skip
"""The files that decide an answer; a card beside them does not."""


class TransformersModelOptions(PromptOptions):
    """Options of `model NAME : transformers { ... }`."""

    weights: str = Field(description="a directory that AutoModelForCausalLM.from_pretrained can load")
    dtype: Dtype = Field("float32", description="number format; only float64 repeats runs byte for byte")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU when there is one")
    prefix_tokens: Tokens = Field(200_000, gt=0, description="tokens whose states are held for shared prefixes")


class TransformersModel(Model[TransformersModelOptions]):
    """A causal language model with full attention in all layers, safetensors only; no code of a checkpoint is run."""

    name: ClassVar[str] = "transformers"

    def weights_path(self) -> Path:
        path = Path(self.options.weights)
        if not (path / "config.json").is_file():
            raise Unavailable(
                f"no model in {path}: it holds no config.json",
                "give a directory with config.json, tokenizer files and safetensors; nothing is downloaded",
            )
        weight_files(path)
        return path

    def facts(self) -> ModelFacts:
        return facts_of_directory(Path(self.options.weights))

    def fingerprint(self) -> str:
        path = self.weights_path()
        digest = hashlib.sha256(f"{ENGINE_VERSION}:{self.options.dtype}".encode())
        for file in sorted({file for pattern in IDENTITY for file in path.glob(pattern)}):
            with file.open("rb") as content:
                digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
        digest.update(prompt_identity(self.options).encode())
        return digest.hexdigest()

    def open(self) -> Engine:
        path = self.weights_path()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging

            from cordspec_hf.devices import chosen_device
            from cordspec_hf.engine import TransformersEngine
            from cordspec_hf.prompting.choosing import chosen_frame
        except ImportError as error:
            raise Unavailable(f"the embedded engine needs {error.name}", 'pip install "cordspec[hf]"') from error
        logging.disable_progress_bar()
        device = chosen_device(self.options.device)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        frame = chosen_frame(tokenizer, self.options, self.options.weights)
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, self.options.dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
        return TransformersEngine(model.eval().to(device), tokenizer, self.options.prefix_tokens, frame)

    def at(self, weights: Path) -> Model:
        """The same settings over a trained student, but for the prompt: it is asked as trainers show it questions."""
        return type(self)(self.options.model_copy(update={"weights": str(weights), **AUTOMATIC}))


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield TransformersModel
