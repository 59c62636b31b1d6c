"""Sizes of public models, from their published configurations, so that a spec can be checked and planned offline."""

from __future__ import annotations

import json
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

from cordspec.plugin import ModelFacts
from cordspec_hf.headers import read_header

LARGEST_CONFIG: Final = 1024 * 1024
"""Bytes of a model's configuration that are read; a longer one is cut, and is then no JSON."""


class Shape(NamedTuple):
    """Billions of parameters, layers, key-value heads, dimension of a head, longest context in tokens, width, vocabulary."""

    billions: float
    layers: int
    kv_heads: int
    head_dim: int
    context: int
    hidden: int
    vocabulary: int


_QWEN_32B = Shape(32.8, 64, 8, 128, 131_072, 5_120, 152_064)
KNOWN: Final = {
    "Qwen/QwQ-32B": _QWEN_32B._replace(context=40_960),
    "Qwen/Qwen3-32B": _QWEN_32B._replace(context=40_960, vocabulary=151_936),
    "Qwen/Qwen2.5-7B-Instruct": Shape(7.6, 28, 4, 128, 32_768, 3_584, 152_064),
    "Qwen/Qwen2.5-Math-PRM-72B": Shape(72.7, 80, 8, 128, 4_096, 8_192, 152_064),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": Shape(7.6, 28, 4, 128, 131_072, 3_584, 152_064),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": Shape(14.8, 48, 8, 128, 131_072, 5_120, 152_064),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _QWEN_32B,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": Shape(8.0, 32, 8, 128, 131_072, 4_096, 128_256),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(8.0, 32, 8, 128, 131_072, 4_096, 128_256),
    "microsoft/Phi-4-reasoning-plus": Shape(14.7, 40, 10, 128, 32_768, 5_120, 100_352),
}


def facts_of(weights: str) -> ModelFacts:
    """What is known of a public model; nothing for others."""
    shape = KNOWN.get(weights)
    if shape is None:
        return ModelFacts()
    kv_bytes = 2 * shape.layers * shape.kv_heads * shape.head_dim * 2
    return ModelFacts(shape.billions * 1e9, kv_bytes, shape.context, shape.layers, shape.hidden, shape.vocabulary)


@lru_cache(maxsize=256)
def facts_of_directory(path: Path) -> ModelFacts:
    """What the configuration and the headers of a local directory of safetensors say; nothing where they are not read."""
    try:
        if not (path / "config.json").is_file():
            return ModelFacts()
        config = json.loads(_start(path / "config.json"))
        heads = int(config.get("num_key_value_heads") or config["num_attention_heads"])
        dimension = int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
        layers, hidden = int(config["num_hidden_layers"]), int(config["hidden_size"])
        kv_bytes = 2 * layers * heads * dimension * 2
        parameters = sum(_parameters(file) for file in path.glob("*.safetensors") if file.is_file())
        context = int(config["max_position_embeddings"])
        return ModelFacts(parameters or None, kv_bytes, context, layers, hidden, int(config["vocab_size"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return ModelFacts()


def _start(file: Path) -> str:
    with file.open("rb") as content:
        return content.read(LARGEST_CONFIG).decode("utf-8")


def _parameters(file: Path) -> float:
    """The number of weights in a safetensors file."""
    return float(sum(prod(tensor["shape"]) for tensor in read_header(file).values()))
