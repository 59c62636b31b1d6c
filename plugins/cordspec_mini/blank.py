"""`mini_blank`: an untrained miniature model, seeded, from which `make mini` trains the others."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Capability, Component, Engine, Model, Options, Unavailable, hookimpl
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.families.drawing import Family, solved, stream
from cordspec_mini.vocabularies import Vocabulary, train_vocabulary

CONTEXT = 1_024
VOCABULARY_PROBLEMS = 3_000


class MiniBlankOptions(Options):
    """Options of `model NAME : mini_blank { ... }`."""

    vocabulary: Vocabulary = Field(description="digits: one token a digit; pairs: two digits together")
    hidden: int = Field(96, ge=16, description="width; the feed-forward part is 8/3 of it")
    layers: int = Field(3, ge=1, description="number of layers")
    heads: int = Field(4, ge=1, description="attention heads")
    rope_theta: float = Field(
        500.0, gt=1, description="base of the rotary positions; small, since texts are short and heads are narrow"
    )
    init_std: float = Field(0.07, gt=0, description="standard deviation of the initial weights")
    seed: int = Field(0, ge=0, description="seed of the initial weights")


class MiniBlank(Model[MiniBlankOptions]):
    """Llama architecture with tied embeddings and random weights."""

    name: ClassVar[str] = "mini_blank"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"weights"})

    def fingerprint(self) -> str:
        return hashlib.sha256(self.options.model_dump_json().encode()).hexdigest()

    def weights_path(self) -> Path:
        try:
            import torch
            from transformers import LlamaConfig, LlamaForCausalLM
        except ImportError as error:
            raise Unavailable(f"a blank model needs {error.name}", 'pip install "cordspec[train]"') from error
        tokenizer = train_vocabulary(self.options.vocabulary, _texts())
        torch.manual_seed(self.options.seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.options.hidden,
            intermediate_size=self.options.hidden * 8 // 3 // 32 * 32,
            num_hidden_layers=self.options.layers,
            num_attention_heads=self.options.heads,
            num_key_value_heads=self.options.heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": self.options.rope_theta},
            initializer_range=self.options.init_std,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        self._scratch = tempfile.TemporaryDirectory(prefix="cordspec-blank-")  # removed with this component
        path = Path(self._scratch.name)
        LlamaForCausalLM(config).save_pretrained(path)
        tokenizer.save_pretrained(path)
        return path

    def open(self) -> Engine:
        raise Unavailable("an untrained model has nothing to say", "train a student from it first")

    def at(self, weights: Path) -> Model:
        return TransformersModel(TransformersModelOptions(weights=str(weights), dtype="float64", device="cpu"))


def _texts() -> Iterator[str]:
    families: tuple[Family, ...] = ("inventory", "chain_arithmetic")
    for family in families:
        for drawn, rng in islice(stream(family, 1, (2, 6), "lessons"), VOCABULARY_PROBLEMS):
            problem = solved(drawn, rng, {"add": 0.3, "sub": 0.3, "mul": 0.3})
            assert problem.solution is not None
            yield f"Question: {problem.question}\n{problem.solution.thinking}\n{problem.solution.answer}"


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniBlank
