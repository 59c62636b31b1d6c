"""How a question is put to each family of models, held against strings that the models' own templates rendered.

The records in ``tests/golden/prompts`` say which template, by its source and hash, or that there was none to be had. They
were composed from the template's output without our adapters.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cordspec.domain.inference import GenerateRequest, Sampling
from cordspec.journal.keys import answer_key
from cordspec.plugin import InvalidData, Prompt, Segment, Unavailable, answer_prompt, prompt_text, thinking_prompt
from cordspec_hf.prompting.adapter import PromptAdapter, same_opening
from cordspec_hf.prompting.choosing import worked_examples
from cordspec_hf.prompting.families import BASE, FAMILIES, PHI4_REASONING, QWEN3, QWQ, R1
from cordspec_hf.prompting.frame import PromptFrame, WorkedExample
from cordspec_hf.prompting.options import AUTOMATIC, PromptOptions, prompt_identity
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS

RECORDS = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parents[1] / "golden/prompts").iterdir()}
DESCRIBED = {family.name: family for family in (*FAMILIES, BASE)}
HEADER, STEP, SYSTEM = "\n### Step 1.", " 6 x 7 = 42.", "Be brief."


def framed(adapter: PromptAdapter, system: str = "", examples: list[WorkedExample] | None = None) -> PromptFrame:
    return PromptFrame.between(adapter.name, adapter.pieces(system, len(examples or [])), examples or [])


def differences(adapter: PromptAdapter, record: dict[str, Any]) -> list[str]:
    """The parts of a record that an adapter does not reproduce."""
    question, opening = record["question"], framed(adapter).around(record["question"])
    found = {
        "rendered": question.join(adapter.pieces()),
        "rendered_with_system": question.join(adapter.pieces(SYSTEM)),
        "prompt": prompt_text(thinking_prompt(opening, HEADER)),
        "answer_prompt": prompt_text(answer_prompt(opening, HEADER + STEP)),
    }
    return [name for name, text in found.items() if record[name] not in (text, "not run")]


@pytest.mark.parametrize("name", [name for name, record in RECORDS.items() if record["prompt_option"] in DESCRIBED])
def test_a_family_is_asked_as_its_own_template_asks(name: str) -> None:
    assert differences(DESCRIBED[RECORDS[name]["prompt_option"]], RECORDS[name]) == []


def test_every_family_has_a_record_and_every_record_its_source() -> None:
    assert {record["prompt_option"] for record in RECORDS.values()} == {*DESCRIBED, "template"}
    for record in RECORDS.values():
        source = record["template"]
        assert isinstance(source, str) or (len(source["sha256"]) == 64 and source["path"])
        assert str(record["tokens"]).startswith("not run") or len(record["tokens"]["sha256"]) == 64


def one_think(prompt: Prompt) -> bool:
    """Whether the assistant's turn, which begins after the last piece of data before it, opens one thinking part."""
    turn = prompt_text(prompt[max(at for at, segment in enumerate(prompt) if not segment.template) + 1 :])
    return turn.count("<think>") == 1


@pytest.mark.parametrize("adapter", DESCRIBED.values(), ids=DESCRIBED)
def test_exactly_one_think_opens_the_assistants_turn(adapter: PromptAdapter) -> None:
    opening = framed(adapter).around("How many <think> pens?")
    assert one_think((*opening, Segment("<think>", template=True)))


class KeepsThink(PromptFrame):
    """Seeded bug: the template's own ``<think>`` is left where the trace format adds another."""

    @classmethod
    def between(cls, name: str, pieces, examples) -> PromptFrame:
        return PromptFrame(name, (Segment(pieces[0], template=True),), pieces[-1])


def test_a_second_think_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = KeepsThink.between("qwq", QWQ.pieces(), []).around("How many pens?")
    assert not one_think((*opening, Segment("<think>", template=True)))
    monkeypatch.setitem(globals(), "PromptFrame", KeepsThink)
    assert differences(QWQ, RECORDS["qwq"]) == ["prompt", "answer_prompt"]


@pytest.mark.parametrize(
    ("broken", "record", "parts"),
    [
        (replace(PHI4_REASONING, system=""), "phi4_reasoning", ["rendered", "prompt", "answer_prompt"]),
        (replace(R1, start=""), "r1_qwen", ["rendered", "rendered_with_system", "prompt", "answer_prompt"]),
        (replace(QWEN3, opens_thinking=True), "qwen3", ["rendered", "rendered_with_system"]),
        (replace(QWQ, system_turn=("", "")), "qwq", ["rendered_with_system"]),
    ],
    ids=["no system text", "no first token", "a think of its own", "system text outside a turn"],
)
def test_a_broken_adapter_is_noticed(broken: PromptAdapter, record: str, parts: list[str]) -> None:
    assert differences(broken, RECORDS[record]) == parts


def test_a_template_that_closes_the_thinking_itself_is_refused() -> None:
    pieces = QWEN3.pieces()
    with pytest.raises(Unavailable, match="where one <think> must follow"):
        PromptFrame.between("template", [pieces[0], pieces[1] + "<think>\n\n</think>\n\n"], [])


@pytest.mark.parametrize(
    ("weights", "family"),
    [
        ("Qwen/QwQ-32B", QWQ),
        ("models/QwQ-32B-AWQ", QWQ),
        ("Qwen/QwQ-32B-Preview", None),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", R1),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", R1),
        ("deepseek-ai/DeepSeek-R1", None),
        ("microsoft/Phi-4-reasoning-plus", PHI4_REASONING),
        ("microsoft/Phi-4-reasoning", PHI4_REASONING),
        ("microsoft/Phi-4-mini-reasoning", None),
        ("microsoft/phi-4", None),
        ("Qwen/Qwen3-32B", QWEN3),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", QWEN3),
        ("Qwen/Qwen3-4B-Instruct-2507", None),
        ("Qwen/Qwen3-8B-Base", None),
        ("qwq-32b/student", None),
    ],
)
def test_weights_are_known_by_the_last_part_of_their_name(weights: str, family: PromptAdapter | None) -> None:
    assert [known for known in FAMILIES if known.knows(weights)] == ([family] if family else [])


def test_families_are_told_apart() -> None:
    for one in FAMILIES:
        alike = {other.name for other in FAMILIES if same_opening(one.pieces(), other.pieces())}
        assert alike == ({"qwq", "qwen3"} if one in (QWQ, QWEN3) else {one.name})


SHOWN = WorkedExample("What is 2 + 3?", "\n### Step 1. 2 + 3 = 5.", "\n\nThe final answer is 5.")


def test_worked_examples_are_whole_turns_whose_contents_are_data() -> None:
    prompt = framed(R1, examples=[SHOWN]).around("What is 4 + 4?")
    assert prompt_text(prompt) == (
        "<｜begin▁of▁sentence｜><｜User｜>What is 2 + 3?<｜Assistant｜><think>\n### Step 1. 2 + 3 = 5.\n</think>"
        "\n\nThe final answer is 5.<｜end▁of▁sentence｜><｜User｜>What is 4 + 4?<｜Assistant｜>"
    )
    assert {segment.text for segment in prompt if not segment.template} >= {
        SHOWN.question,
        SHOWN.thinking,
        SHOWN.answer,
    }
    plain = framed(BASE, SYSTEM, [SHOWN]).around("What is 4 + 4?")
    assert prompt_text(plain) == (
        "Be brief.\n\nQuestion: What is 2 + 3?\nAnswer:\n<think>\n### Step 1. 2 + 3 = 5.\n</think>"
        "\n\nThe final answer is 5.\n\nQuestion: What is 4 + 4?\nAnswer:\n"
    )


def test_a_worked_example_is_never_asked_with_its_answer_in_view() -> None:
    frame = framed(BASE, examples=[SHOWN])
    with pytest.raises(InvalidData, match="is also a worked example"):
        frame.around(f" {SHOWN.question}\n")


def test_the_shipped_examples_can_be_shown(root: Path) -> None:
    examples = worked_examples(str(root / "specs/worked_examples.jsonl"))
    assert len(examples) == 2
    assert all(one.thinking.startswith(HEADER) and "\n### Step 2." in one.thinking for one in examples)


def test_an_example_without_thinking_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shown.jsonl"
    file.write_text('{"question": "1 + 1?", "answer": "2"}\n')
    with pytest.raises(InvalidData, match=r"worked example 1 of .* has no `thinking`"):
        worked_examples(str(file))


def fingerprint(**settings: str) -> str:
    return TransformersModel(TransformersModelOptions(weights=str(CHECKPOINTS / "adder"), **settings)).fingerprint()


def test_whatever_changes_the_prompt_changes_the_models_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "shown.jsonl"
    file.write_text("one")
    prints = [fingerprint(), fingerprint(prompt="base"), fingerprint(system="x"), fingerprint(examples=str(file))]
    file.write_text("other")
    prints.append(fingerprint(examples=str(file)))
    assert len(set(prints)) == len(prints)
    assert fingerprint(**AUTOMATIC) == fingerprint() and prompt_identity(PromptOptions()) == ""
    with pytest.raises(Unavailable, match="cannot read the worked examples"):
        fingerprint(examples=str(tmp_path / "missing"))


def test_another_opening_is_another_key_in_the_journal() -> None:
    def key(adapter: PromptAdapter) -> bytes:
        prompt = thinking_prompt(framed(adapter).around("q"), HEADER)
        return answer_key("m", GenerateRequest(prompt, Sampling(), (), 8, 1))

    assert len({key(adapter) for adapter in (QWQ, R1, PHI4_REASONING, BASE)}) == 4
    assert key(QWQ) == key(QWEN3), "they differ only in who writes <think>"


def test_a_student_is_asked_as_it_was_trained() -> None:
    options = TransformersModelOptions(weights="a", prompt="base", system="x", examples="y")
    student = TransformersModel(options).at(Path("b"))
    assert student.options == TransformersModelOptions(weights="b")


def test_a_spec_names_the_prompt(diagnose: Callable[..., list]) -> None:
    spec = (
        'cord 1\nexperiment e {}\nmodel m : transformers { weights = "x", prompt = r1, system = "s", examples = "f" }'
    )
    assert [found.message for found in diagnose(spec)] == []
    (wrong,) = diagnose(spec.replace("r1", "r2"))
    assert "r2" in wrong.message
