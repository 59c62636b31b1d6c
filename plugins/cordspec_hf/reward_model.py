"""`transformers_reward`: a process reward model from a directory of safetensors, run in this process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Capability, Component, Engine, Model, ModelFacts, Options, Unavailable, hookimpl
from cordspec_hf.transformers_model import Dtype, TransformersModel, TransformersModelOptions

ENGINE_VERSION = "reward 1"
"""Part of every fingerprint: raised when the engine begins to give other rewards."""
NO_HEAD = "train one with `student NAME : step_reward`, or name another directory"


class TransformersRewardOptions(Options):
    """Options of `model NAME : transformers_reward { ... }`."""

    weights: str = Field(description="a directory that AutoModelForTokenClassification.from_pretrained can load")
    dtype: Dtype = Field("float32", description="number format; only float64 repeats runs byte for byte")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU when there is one")


class TransformersReward(Model[TransformersRewardOptions]):
    """A token classification model with two labels, 0 wrong and 1 right, read at the last token of every step.

    The text is the chat template's opening of the question, ``<think>`` and the steps. Safetensors only; no code of a
    checkpoint is run.
    """

    name: ClassVar[str] = "transformers_reward"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"reward"})

    def __init__(self, options: TransformersRewardOptions) -> None:
        super().__init__(options)
        self._files = TransformersModel(
            TransformersModelOptions(weights=options.weights, dtype=options.dtype, device=options.device)
        )

    def weights_path(self) -> Path:
        return self._files.weights_path()

    def facts(self) -> ModelFacts:
        return self._files.facts()

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{ENGINE_VERSION}:{self._files.fingerprint()}".encode()).hexdigest()

    def open(self) -> Engine:
        path = self.weights_path()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            import torch
            from transformers import AutoModelForTokenClassification, AutoTokenizer
            from transformers.utils import logging

            from cordspec_hf.devices import chosen_device
            from cordspec_hf.reward_engine import RewardEngine
        except ImportError as error:
            raise Unavailable(f"a process reward model needs {error.name}", 'pip install "cordspec[hf]"') from error
        logging.disable_progress_bar()
        device = chosen_device(self.options.device)
        model, loading = AutoModelForTokenClassification.from_pretrained(
            path, dtype=getattr(torch, self.options.dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=False, output_loading_info=True,
        )  # fmt: skip
        if loading["missing_keys"]:  # transformers would fill them with random numbers and only warn
            missing = ", ".join(sorted(loading["missing_keys"]))
            raise Unavailable(f"{path} is no process reward model: it has no weights {missing}", NO_HEAD)
        if model.config.num_labels != 2:
            raise Unavailable(f"the model in {path} has {model.config.num_labels} labels, not wrong and right", NO_HEAD)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        return RewardEngine(model.eval().to(device), tokenizer)

    def at(self, weights: Path) -> Model:
        return type(self)(self.options.model_copy(update={"weights": str(weights)}))


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield TransformersReward
