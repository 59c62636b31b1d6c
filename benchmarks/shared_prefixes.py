"""Shared prefixes against naive recomputation, in one process, in CPU seconds (`make bench`).

Twelve candidates over a 600-token prefix, on a model of SmolLM2-135M's shape with random weights: scored, and continued by
one step. They are scored from nothing, with the prefix held, and with the steps in place: what this model has generated or
scored before is held, so that only the cue and the answer are computed. The naive side puts every whole string through the
model, one after the other, as plain transformers code does.

Targets, as ratios of CPU time: those in `TARGETS`.
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
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cordspec.plugin import GenerateRequest, Sampling, ScoreRequest, Segment, TokenLogprobs
from cordspec_hf.engine import TransformersEngine
from cordspec_mini.models import CHECKPOINTS

PREFIX, STEP, CUE, ANSWER, CANDIDATES, NEW = 600, 60, 12, 10, 12, 8
REPEATS = 3
TARGETS = {"scoring": 4.0, "scoring, prefix held": 6.0, "scoring, steps in place": 10.0, "continuing": 4.0}


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
    rows: dict[str, list[float]] = {name: [] for name in TARGETS}
    differences: list[float] = []
    for repeat in range(REPEATS):
        rng = random.Random(repeat)
        prefix, cue, answer = digits(rng, PREFIX), digits(rng, CUE), digits(rng, ANSWER)
        steps = [digits(rng, STEP) for _ in range(CANDIDATES)]
        scores = [ScoreRequest((Segment(prefix + step + cue),), answer, ".") for step in steps]
        goes_on = [GenerateRequest((Segment(prefix + step),), Sampling(0.0), (), NEW, 0) for step in steps]
        naive_scores: list[float] = []
        prompts = [prefix + step + cue for step in steps]
        naive = cpu_seconds(lambda: naive_scores.extend(naive_scoring(model, tokenizer, prompts, answer)))  # noqa: B023
        engine = TransformersEngine(model, tokenizer, prefix_tokens=100_000)
        cold = cpu_seconds(lambda: asyncio.run(engine.score(scores)))  # noqa: B023
        fresh = TransformersEngine(model, tokenizer, prefix_tokens=100_000)
        asyncio.run(fresh.generate([GenerateRequest((Segment(prefix),), Sampling(0.0), (), 1, 0)]))
        answers = []
        held = cpu_seconds(lambda: answers.extend(asyncio.run(fresh.score(scores))))  # noqa: B023
        plain = cpu_seconds(lambda: naive_continuing(model, tokenizer, prefix, steps))  # noqa: B023
        own = cpu_seconds(lambda: asyncio.run(fresh.generate(goes_on)))  # noqa: B023
        placed = TransformersEngine(model, tokenizer, prefix_tokens=100_000)
        asyncio.run(placed.generate([replace(request, max_tokens=1) for request in goes_on]))
        in_place = cpu_seconds(lambda: answers.extend(asyncio.run(placed.score(scores))))  # noqa: B023
        differences += differing(answers, naive_scores * 2)
        rows["scoring"].append(naive / cold)
        rows["scoring, prefix held"].append(naive / held)
        rows["scoring, steps in place"].append(naive / in_place)
        rows["continuing"].append(plain / own)
    print(
        f"{CANDIDATES} candidates; tokens: prefix {PREFIX}, step {STEP}, cue {CUE}, answer {ANSWER}, {NEW} new; float32"
    )
    print(f"naive CPU seconds divided by ours, median of {REPEATS} (each run):")
    for name, ratios in rows.items():
        each = ", ".join(f"{ratio:.1f}" for ratio in ratios)
        print(f"  {name:<24} {statistics.median(ratios):6.1f}x  ({each}; target {TARGETS[name]:.0f}x)")
    print(f"largest difference of a mean log-probability: {max(differences):.1e} nats")
    result = {
        "machine": f"{platform.machine()}, one thread", "torch": torch.__version__, "ratios": rows,
        "largest_difference_nats": max(differences),
    }  # fmt: skip
    if "--write" in sys.argv:
        target = Path(__file__).parent / "results" / "shared_prefixes.json"
        target.write_text(json.dumps(result, indent=2) + "\n")
    return int(any(statistics.median(rows[name]) < target for name, target in TARGETS.items()))


def differing(answers: list[TokenLogprobs], means: list[float]) -> list[float]:
    """How far the mean log-probabilities are from the naive ones."""
    return [abs(sum(a.values) / len(a.values) - mean) for a, mean in zip(answers, means, strict=True)]


@torch.inference_mode()
def naive_scoring(model, tokenizer, prompts: list[str], answer: str) -> list[float]:
    means = []
    for prompt in prompts:
        ids = tokenizer(prompt + answer + ".", return_tensors="pt", add_special_tokens=False)["input_ids"]
        logprobs = torch.log_softmax(model(ids, use_cache=False).logits[0].float(), dim=-1)
        first = len(prompt)
        means.append(sum(logprobs[at - 1, ids[0, at]].item() for at in range(first, first + len(answer))) / len(answer))
    return means


@torch.inference_mode()
def naive_continuing(model, tokenizer, prefix: str, steps: list[str]) -> None:
    for step in steps:
        ids = tokenizer(prefix + step, return_tensors="pt", add_special_tokens=False)["input_ids"]
        model.generate(ids, max_new_tokens=NEW, do_sample=False, pad_token_id=0)


if __name__ == "__main__":
    raise SystemExit(main())
