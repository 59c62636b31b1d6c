"""The embedded engine on a GPU: the conformance suite, and how much of the time it computes.

Run by hand where there is a GPU: `python benchmarks/gpu.py OUT.json`. The models are the miniature's, and a model of 1.1B
parameters with random weights, whose text means nothing and whose speed is that of any such model.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch
import transformers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1]))

from cordspec import api
from cordspec.plugin import GenerateRequest, Sampling, ScoreRequest, Segment
from cordspec.testing import Subject, run
from cordspec_hf.engine import TransformersEngine
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS
from tests.real.plain import PlainTransformers

TRIPLES, PROBLEMS = 200, 64
SPEC = """cord 1
experiment on_gpu {{ seed = 1, in_flight = 64 }}
problems many : inventory {{ count = {problems} }}
{models}
pool three {{ teachers = [adder, subtracter, multiplier], temperature = 0.6 }}
segmenter steps : step_header {{ max_step = 64tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search beam4 : beam {{ size = 4 }}
decode traces {{
  problems = many, pool = three, segmenter = steps, scorer = pp, search = beam4
  budget = {{ thinking = 512tok, answer = 64tok }}
}}
"""


async def conformance(dtype: str, tolerance: float) -> list[dict]:
    weights = CHECKPOINTS / "prover"
    engine = TransformersModel(TransformersModelOptions(weights=str(weights), dtype=dtype, device="cuda")).open()
    subject = Subject(engine, PlainTransformers(weights), tolerance=tolerance, triples=TRIPLES, special="<|end|>")
    outcomes = [asdict(one) for one in await run(subject)]
    await engine.close()
    return outcomes


def decode() -> dict:
    names = ("adder", "subtracter", "multiplier", "prover")
    models = "\n".join(
        f'model {name} : transformers {{ weights = "{CHECKPOINTS / name}", dtype = float32, device = cuda }}'
        for name in names
    )
    with tempfile.TemporaryDirectory() as there:
        spec = Path(there, "on_gpu.cord")
        spec.write_text(SPEC.format(problems=PROBLEMS, models=models))
        begin = time.monotonic()
        out = api.execute(api.load(spec), Path(there, "run"))
        seconds = time.monotonic() - begin
        used = json.loads(next(out.glob("stages/decode-*/engines.json")).read_text())
        right = sum(json.loads(line)["correct"] for line in next(out.glob("stages/decode-*/traces.jsonl")).open())
    shares = {name: one["busy_share"] for name, one in used["engines"].items()}
    return {
        "problems": PROBLEMS,
        "right": right,
        "seconds": seconds,
        "busy_share": shares,
        "busy_share_of_all": sum(shares.values()),
    }


async def large() -> dict:
    """One model of 1.1B parameters in bfloat16: 96 generations of 128 tokens and 192 scores over shared prefixes."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32_000, hidden_size=2_048, intermediate_size=5_632, num_hidden_layers=22, num_attention_heads=32,
        num_key_value_heads=4, max_position_embeddings=4_096, eos_token_id=None,
    )  # fmt: skip
    with torch.device("cuda"):
        model = LlamaForCausalLM(config).to(torch.bfloat16).eval()
    engine = TransformersEngine(model, AutoTokenizer.from_pretrained(CHECKPOINTS / "adder"), 200_000)
    prefixes = ["".join(str((at * 7 + place) % 10) for place in range(600 + 20 * at)) for at in range(24)]
    asks = [
        GenerateRequest((Segment(prefix),), Sampling(1.0), (), 128, seed) for seed in range(4) for prefix in prefixes
    ]
    scores = [ScoreRequest((Segment(prefix + "1234567" * 8),), f"{at}", ".") for at in range(8) for prefix in prefixes]
    await engine.generate([GenerateRequest((Segment("12"),), Sampling(1.0), (), 8, 1)])
    before, begin = engine.counters, time.monotonic()
    await asyncio.gather(*(engine.generate([one]) for one in asks), *(engine.score([one]) for one in scores))
    torch.cuda.synchronize()
    seconds = time.monotonic() - begin
    did = engine.counters
    await engine.close()
    return {
        "parameters": sum(one.numel() for one in model.parameters()), "seconds": seconds,
        "generated_tokens_a_second": (did.generated - before.generated) / seconds,
        "prefilled": did.prefilled - before.prefilled, "reused": did.reused - before.reused,
        "busy_share": (did.busy - before.busy) / seconds,
    }  # fmt: skip


def main(out: Path) -> None:
    result: dict[str, object] = {
        "gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "transformers": transformers.__version__,
    }  # fmt: skip
    for name, part in {
        "conformance, float32": lambda: asyncio.run(conformance("float32", 1e-3)),
        "conformance, bfloat16": lambda: asyncio.run(conformance("bfloat16", 0.6)),
        "decode": decode,
        "large": lambda: asyncio.run(large()),
    }.items():
        result[name] = part()
        print(name, json.dumps(result[name], indent=1))
        out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
