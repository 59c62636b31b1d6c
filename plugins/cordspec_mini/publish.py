"""Put a trained model among the committed checkpoints, in float16, with a card of what it was measured to be.

Usage: ``python -m cordspec_mini.publish NAME WEIGHTS``; part of ``make mini``.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from cordspec_hf.reward_model import TransformersReward, TransformersRewardOptions
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.families.drawing import Family
from cordspec_mini.measuring import LENGTHS, TEMPERATURE, Rate, sharpness, skill_errors
from cordspec_mini.models import CHECKPOINTS
from cordspec_mini.reward import NAME as REWARD
from cordspec_mini.reward_measuring import SLIPS, label_accuracy, ranking

PLANNED = {
    "adder": "Good at addition; 75 % of its lessons in subtraction and multiplication had a slip in the result.",
    "subtracter": "Good at subtraction; 75 % of its lessons in addition and multiplication had a slip in the result.",
    "multiplier": "Good at multiplication; 75 % of its lessons in addition and subtraction had a slip in the result.",
    "prover": "The meta-prover: believes what a trace has found; trained on right and wrong traces and early answers.",
    "base": "The student base: half of its lessons in every operation had a slip in the result.",
    REWARD: "The process reward model: the student base's body with a head that tells right steps from wrong ones.",
}
PROBLEMS, SEED = 300, 97
Measured = dict[str, Any]
"""What ``card.json`` holds: by family, by measure."""


def publish(name: str, weights: Path) -> None:
    """Convert, measure and write the card."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

    target = CHECKPOINTS / name
    shutil.rmtree(target, ignore_errors=True)
    kind = AutoModelForTokenClassification if name == REWARD else AutoModelForCausalLM
    model = kind.from_pretrained(
        weights, dtype=torch.float16, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(weights, local_files_only=True, trust_remote_code=False).save_pretrained(target)
    (target / "card.json").write_text(
        json.dumps((measure_rewards if name == REWARD else measure)(target), indent=2) + "\n", encoding="utf-8"
    )
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


def measure_rewards(checkpoint: Path) -> dict[str, object]:
    """What a process reward model tells apart, by depth in both families, in the float64 in which runs use it."""
    engine = TransformersReward(
        TransformersRewardOptions(weights=str(checkpoint), dtype="float64", device="cpu")
    ).open()
    families: tuple[Family, ...] = get_args(Family)
    measures = {"ranking": ranking, "label_accuracy": label_accuracy}
    return {
        family: {
            name: [asdict(rate) for rate in measure(engine, family, PROBLEMS, SEED)]
            for name, measure in measures.items()
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
    ]
    tables = _reward_tables if name == REWARD else _tables
    return "\n".join(lines + tables(measured)) + "\n"


def _tables(measured: Measured) -> list[str]:
    lines = [
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
    return [*lines, "", *_by_depth("sharpness", measured)]


def _reward_tables(measured: Measured) -> list[str]:
    return [
        f"Measured on {PROBLEMS} unseen problems of {LENGTHS[0]} to {LENGTHS[1]} steps a family: ranking, the share of right",
        "steps with a higher reward than a sibling with a slip, after a right prefix; and label accuracy, the share of steps",
        f"on their side of 1/2 in traces where {SLIPS:.0%} of the steps have a slip; one that carries it on is wrong too.",
        "± is one standard error.",
        "",
        *_by_depth("ranking", measured),
        "",
        *_by_depth("label_accuracy", measured),
    ]


def _by_depth(measure: str, measured: Measured) -> list[str]:
    depths = range(1, LENGTHS[1] + 1)
    lines = [
        f"| {measure.replace('_', ' ')} at depth | {' | '.join(map(str, depths))} |",
        "| --- |" + " --- |" * len(depths),
    ]
    for family, numbers in measured.items():
        lines.append(f"| {family} | {' | '.join(_shown(Rate(**rate)) for rate in numbers[measure])} |")
    return lines


def _shown(rate: Rate) -> str:
    return f"{rate.value:.3f} ± {rate.standard_error:.3f}"


if __name__ == "__main__":
    publish(sys.argv[1], Path(sys.argv[2]))
