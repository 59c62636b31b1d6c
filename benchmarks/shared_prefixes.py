"""Shared prefixes against naive recomputation, in one process, in CPU seconds (`make bench`).

Twelve candidates over a 600-token prefix, on a model of SmolLM2-135M's shape with random weights: scored, and continued by
one step. The naive side puts every whole string through the model, one after the other, as plain transformers code does.
"""

from __future__ import annotations

import asyncio
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cordspec.plugin import GenerateRequest, Sampling, ScoreRequest, Segment
from cordspec_hf.engine import TransformersEngine
from cordspec_mini.models import CHECKPOINTS

PREFIX, STEP, ANSWER, CANDIDATES, NEW = 600, 60, 10, 12, 8
REPEATS = 3
TARGET = 4.0


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def digits(rng: random.Random, count: int) -> str:
    """Text of exactly ``count`` tokens: the tokenizer splits numbers digit by digit."""
    return "".join(rng.choice("0123456789") for _ in range(count))


def main() -> int:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49_152, hidden_size=576, intermediate_size=1_536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, max_position_embeddings=2_048, tie_word_embeddings=True, eos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "adder")
    rows: dict[str, list[float]] = {"scoring": [], "scoring, prefix held": [], "continuing": []}
    differences: list[float] = []
    for repeat in range(REPEATS):
        rng = random.Random(repeat)
        prefix, answer = digits(rng, PREFIX), digits(rng, ANSWER)
        steps = [digits(rng, STEP) for _ in range(CANDIDATES)]
        scores = [ScoreRequest((Segment(prefix + step),), answer, ".") for step in steps]
        goes_on = [GenerateRequest((Segment(prefix + step),), Sampling(0.0), (), NEW, 0) for step in steps]
        naive_scores: list[float] = []
        naive = cpu_seconds(lambda: naive_scores.extend(naive_scoring(model, tokenizer, prefix, steps, answer)))  # noqa: B023
        engine = TransformersEngine(model, tokenizer, prefix_tokens=100_000)
        cold = cpu_seconds(lambda: asyncio.run(engine.score(scores)))  # noqa: B023
        fresh = TransformersEngine(model, tokenizer, prefix_tokens=100_000)
        asyncio.run(fresh.generate([GenerateRequest((Segment(prefix),), Sampling(0.0), (), 1, 0)]))
        answers = []
        held = cpu_seconds(lambda: answers.extend(asyncio.run(fresh.score(scores))))  # noqa: B023
        differences += [abs(sum(a.values) / len(a.values) - b) for a, b in zip(answers, naive_scores, strict=True)]
        plain = cpu_seconds(lambda: naive_continuing(model, tokenizer, prefix, steps))  # noqa: B023
        own = cpu_seconds(lambda: asyncio.run(fresh.generate(goes_on)))  # noqa: B023
        rows["scoring"].append(naive / cold)
        rows["scoring, prefix held"].append(naive / held)
        rows["continuing"].append(plain / own)
    print(
        f"{CANDIDATES} candidates, prefix {PREFIX}, step {STEP}, answer {ANSWER} tokens, {NEW} new; float32, one thread"
    )
    print(f"naive CPU seconds divided by ours, median of {REPEATS} (each run):")
    for name, ratios in rows.items():
        print(f"  {name:<22} {statistics.median(ratios):6.1f}x  ({', '.join(f'{ratio:.1f}' for ratio in ratios)})")
    print(f"largest difference of a mean log-probability: {max(differences):.1e} nats")
    result = {
        "machine": f"{platform.machine()}, one thread", "torch": torch.__version__, "ratios": rows,
        "largest_difference_nats": max(differences),
    }  # fmt: skip
    if "--write" in sys.argv:
        target = Path(__file__).parent / "results" / "shared_prefixes.json"
        target.write_text(json.dumps(result, indent=2) + "\n")
    return int(min(statistics.median(rows["scoring"]), statistics.median(rows["continuing"])) < TARGET)


@torch.inference_mode()
def naive_scoring(model, tokenizer, prefix: str, steps: list[str], answer: str) -> list[float]:
    means = []
    for step in steps:
        ids = tokenizer(prefix + step + answer + ".", return_tensors="pt", add_special_tokens=False)["input_ids"]
        logprobs = torch.log_softmax(model(ids, use_cache=False).logits[0].float(), dim=-1)
        first = len(prefix) + len(step)
        means.append(sum(logprobs[at - 1, ids[0, at]].item() for at in range(first, first + len(answer))) / len(answer))
    return means


@torch.inference_mode()
def naive_continuing(model, tokenizer, prefix: str, steps: list[str]) -> None:
    for step in steps:
        ids = tokenizer(prefix + step, return_tensors="pt", add_special_tokens=False)["input_ids"]
        model.generate(ids, max_new_tokens=NEW, do_sample=False, pad_token_id=0)


if __name__ == "__main__":
    raise SystemExit(main())
