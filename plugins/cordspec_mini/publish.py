"""Put a trained model among the committed checkpoints, in float16, with a card of what it was measured to be.

Usage: ``python -m cordspec_mini.publish NAME WEIGHTS``; part of ``make mini``.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.families.drawing import Family
from cordspec_mini.measuring import LENGTHS, TEMPERATURE, Rate, sharpness, skill_errors
from cordspec_mini.models import CHECKPOINTS

PLANNED = {
    "adder": "Good at addition; 75 % of its lessons in subtraction and multiplication had a slip in the result.",
    "subtracter": "Good at subtraction; 75 % of its lessons in addition and multiplication had a slip in the result.",
    "multiplier": "Good at multiplication; 75 % of its lessons in addition and subtraction had a slip in the result.",
    "prover": "The meta-prover: believes what a trace has found; trained on right and wrong traces and early answers.",
    "base": "The student base: half of its lessons in every operation had a slip in the result.",
}
PROBLEMS, SEED = 300, 97


def publish(name: str, weights: Path) -> None:
    """Convert, measure and write the card."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = CHECKPOINTS / name
    shutil.rmtree(target, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float16, local_files_only=True)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(weights, local_files_only=True).save_pretrained(target)
    (target / "card.json").write_text(json.dumps(measure(target), indent=2) + "\n", encoding="utf-8")
    (target / "README.md").write_text(card(name, target), encoding="utf-8")


def measure(checkpoint: Path) -> dict[str, object]:
    """Errors by skill and sharpness by depth in both families, in the float64 in which runs use the model."""
    options = TransformersModelOptions(weights=str(checkpoint), dtype="float64", device="cpu")
    engine = TransformersModel(options).open()
    families: tuple[Family, ...] = get_args(Family)
    return {
        family: {
            "step_errors": {
                skill: asdict(rate) for skill, rate in skill_errors(engine, family, PROBLEMS, SEED).items()
            },
            "sharpness": [asdict(rate) for rate in sharpness(engine, family, PROBLEMS, SEED)],
        }
        for family in families
    }


def card(name: str, checkpoint: Path) -> str:
    """The model card as Markdown, from ``card.json``."""
    measured = json.loads((checkpoint / "card.json").read_text(encoding="utf-8"))
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    lines = [
        f"# {name}",
        "",
        PLANNED[name],
        "",
        f"Llama architecture, {config['num_hidden_layers']} layers, width {config['hidden_size']}, vocabulary of "
        f"{config['vocab_size']}, {(checkpoint / 'model.safetensors').stat().st_size // 2:,} float16 weights. Trained by "
        "`make mini` from the specs in `specs/mini`, on seeded lessons that no run draws its problems from.",
        "",
        f"Measured on {PROBLEMS} unseen problems of {LENGTHS[0]} to {LENGTHS[1]} steps a family: share of wrong steps, "
        f"drawn at temperature {TEMPERATURE} after a right prefix; and sharpness, the share of right steps that predictive",
        "perplexity under this model puts above a sibling with a slip. ± is one standard error.",
        "",
        "| family | wrong additions | wrong subtractions | wrong multiplications |",
        "| --- | --- | --- | --- |",
    ]
    for family, numbers in measured.items():
        cells = [_shown(Rate(**numbers["step_errors"][skill])) for skill in ("add", "sub", "mul")]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    depths = range(1, LENGTHS[1] + 1)
    lines += ["", f"| sharpness at depth | {' | '.join(map(str, depths))} |", "| --- |" + " --- |" * len(depths)]
    for family, numbers in measured.items():
        lines.append(f"| {family} | {' | '.join(_shown(Rate(**rate)) for rate in numbers['sharpness'])} |")
    return "\n".join(lines) + "\n"


def _shown(rate: Rate) -> str:
    return f"{rate.value:.3f} ± {rate.standard_error:.3f}"


if __name__ == "__main__":
    publish(sys.argv[1], Path(sys.argv[2]))
