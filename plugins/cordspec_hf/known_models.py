"""Sizes of public models, from their published configurations, so that a spec can be checked and planned offline."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from cordspec.plugin import ModelFacts


class Shape(NamedTuple):
    """Billions of parameters, layers, key-value heads, dimension of a head, longest context in tokens."""

    billions: float
    layers: int
    kv_heads: int
    head_dim: int
    context: int


_QWEN_32B = Shape(32.8, 64, 8, 128, 131_072)
KNOWN: Final = {
    "Qwen/QwQ-32B": _QWEN_32B._replace(context=40_960),
    "Qwen/Qwen3-32B": _QWEN_32B._replace(context=40_960),
    "Qwen/Qwen2.5-7B-Instruct": Shape(7.6, 28, 4, 128, 32_768),
    "Qwen/Qwen2.5-Math-PRM-72B": Shape(72.7, 80, 8, 128, 4_096),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": Shape(7.6, 28, 4, 128, 131_072),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": Shape(14.8, 48, 8, 128, 131_072),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _QWEN_32B,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": Shape(8.0, 32, 8, 128, 131_072),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(8.0, 32, 8, 128, 131_072),
    "microsoft/Phi-4-reasoning-plus": Shape(14.7, 40, 10, 128, 32_768),
}


def facts_of(weights: str) -> ModelFacts:
    """What is known of a public model; nothing for others."""
    shape = KNOWN.get(weights)
    if shape is None:
        return ModelFacts()
    kv_bytes = 2 * shape.layers * shape.kv_heads * shape.head_dim * 2
    return ModelFacts(shape.billions * 1e9, kv_bytes, shape.context)


@lru_cache(maxsize=256)
def facts_of_directory(path: Path) -> ModelFacts:
    """What the configuration and the headers of a local directory of safetensors say; nothing where they are not read."""
    try:
        if not (path / "config.json").is_file():
            return ModelFacts()
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        heads = int(config.get("num_key_value_heads") or config["num_attention_heads"])
        dimension = int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
        kv_bytes = 2 * int(config["num_hidden_layers"]) * heads * dimension * 2
        parameters = sum(_parameters(file) for file in path.glob("*.safetensors") if file.is_file())
        return ModelFacts(parameters or None, kv_bytes, int(config["max_position_embeddings"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return ModelFacts()


def _parameters(file: Path) -> float:
    """The number of weights in a safetensors file, from its header: 8 bytes of length, then JSON."""
    with file.open("rb") as data:
        length = int.from_bytes(data.read(8), "little")
        header = json.loads(data.read(min(length, 100_000_000)))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1
            for extent in tensor["shape"]:
                size *= int(extent)
            total += size
    return float(total)
