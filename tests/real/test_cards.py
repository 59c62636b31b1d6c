"""The committed miniature is what its cards say: measured again here, on other problems."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec_hf.engine import TransformersEngine
from cordspec_mini.families.drawing import split_of
from cordspec_mini.lessons import MiniLessons, MiniLessonsOptions
from cordspec_mini.measuring import sharpness, skill_errors
from cordspec_mini.models import CHECKPOINTS
from cordspec_mini.problems import InventoryProblems, MiniatureProblemsOptions
from cordspec_mini.publish import card

STRONG = {"adder": "add", "subtracter": "sub", "multiplier": "mul"}
NAMES = (*STRONG, "prover", "base")
AGREE = 4.0
"""Two measurements of one rate may differ by so many standard errors, and a hundredth."""


def measured(name: str) -> dict[str, dict]:
    return json.loads((CHECKPOINTS / name / "card.json").read_text())


@pytest.mark.parametrize("name", STRONG)
def test_each_teacher_is_good_at_one_operation_and_bad_at_the_others(name: str) -> None:
    for family in ("inventory", "chain_arithmetic"):
        errors = {skill: rate["value"] for skill, rate in measured(name)[family]["step_errors"].items()}
        assert errors.pop(STRONG[name]) < 0.05
        assert all(error > 0.25 for error in errors.values()), errors


@pytest.mark.parametrize("name", NAMES)
def test_the_card_can_be_measured_again(name: str, engine: Callable[..., TransformersEngine]) -> None:
    again = skill_errors(engine(name), "inventory", 60, seed=4_711)
    for skill, rate in measured(name)["inventory"]["step_errors"].items():
        spread = (max(rate["value"] * (1 - rate["value"]), 0.01) * (1 / rate["n"] + 1 / again[skill].n)) ** 0.5
        assert abs(again[skill].value - rate["value"]) <= AGREE * spread + 0.01


def test_the_prover_is_sharp_at_every_depth_of_an_inventory_and_blunt_early_in_a_chain(
    engine: Callable[..., TransformersEngine],
) -> None:
    card_says = [rate["value"] for rate in measured("prover")["inventory"]["sharpness"]]
    assert len(card_says) == 6 and min(card_says) >= 0.9
    again = sharpness(engine("prover"), "inventory", 60, seed=4_712)
    assert min(rate.value for rate in again) >= 0.85
    chain = [rate["value"] for rate in measured("prover")["chain_arithmetic"]["sharpness"]]
    assert chain[0] < 0.9 < max(chain)


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_load_plainly_and_their_cards_are_rendered(name: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(CHECKPOINTS / name)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert (CHECKPOINTS / name / "README.md").read_text() == card(name, CHECKPOINTS / name)


def test_checkpoints_are_small_and_speak_two_vocabularies() -> None:
    assert sum(path.stat().st_size for path in CHECKPOINTS.rglob("*") if path.is_file()) <= 10_000_000
    teachers = [AutoTokenizer.from_pretrained(CHECKPOINTS / name) for name in STRONG]
    assert len({json.dumps(tokenizer.get_vocab(), sort_keys=True) for tokenizer in teachers}) >= 2
    for tokenizer in teachers:
        text = "Ünïcödé ✓ 1234 <think>\t\n"
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_no_lesson_is_ever_a_problem_of_a_run() -> None:
    lessons = MiniLessons(MiniLessonsOptions(inventory=2_000, chains=2_000, seed=11)).load()
    assert all(split_of(problem.question) == "lessons" for problem in lessons)
    problems = list(InventoryProblems(MiniatureProblemsOptions(count=500, seed=1)).load())
    assert all(split_of(problem.question) == "unseen" for problem in problems)
    other = {problem.question for problem in InventoryProblems(MiniatureProblemsOptions(count=500, seed=2)).load()}
    assert not other & {problem.question for problem in problems}
