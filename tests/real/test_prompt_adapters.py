"""Prompt adapters with real tokenizers, and with the chat templates that TRL ships unchanged."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cordspec.plugin import InvalidData, Segment, Unavailable, answer_prompt, prompt_text, thinking_prompt
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_hf.prompting.adapter import PromptAdapter
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_hf.prompting.families import FAMILIES, PHI4_REASONING, QWEN3, QWQ, R1
from cordspec_hf.prompting.options import PromptOptions
from cordspec_hf.prompting.template import template_pieces
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS

SHIPPED = Path(trl.__file__).parent / "chat_templates"
GOLDEN = Path(__file__).parents[1] / "golden" / "prompts"
STEP, NEXT = "\n### Step 1.", " 6 x 7 = 42."
MARKERS = ["<think>", "</think>", "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|eot_id|>", "<|endoftext|>"]
MARKERS += ["<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"]


def tokenizer(template: str | None = None, bos: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that knows the special tokens of all families."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    bare.pre_tokenizer, bare.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bare.add_special_tokens(MARKERS)
    fast = PreTrainedTokenizerFast(tokenizer_object=bare, bos_token=bos)
    fast.chat_template = template
    return fast


def shipped(name: str) -> PreTrainedTokenizerFast:
    return tokenizer((SHIPPED / f"{name}.jinja").read_text(encoding="utf-8"), R1.start)


def as_template(adapter: PromptAdapter) -> str:
    """A small chat template that renders one question as a family does."""
    head, tail = (piece.replace("\n", "\\n") for piece in adapter.pieces())
    return f"{{{{ '{head}' + messages[-1]['content'] + '{tail}' }}}}"


@pytest.mark.parametrize(("template", "family"), [("qwen3", QWEN3), ("deepseek_r1_distill", R1)])
@pytest.mark.parametrize("system", ["", "Be brief."])
@pytest.mark.parametrize("examples", [0, 2])
def test_adapters_agree_with_real_templates(template: str, family: PromptAdapter, system: str, examples: int) -> None:
    assert template_pieces(shipped(template), system, examples) == family.pieces(system, examples)


@pytest.mark.parametrize("record", ["qwen3", "r1_qwen"])
def test_records_are_what_the_named_templates_render(record: str) -> None:
    content = json.loads((GOLDEN / f"{record}.json").read_text())
    text = (SHIPPED.parents[1] / content["template"]["path"]).read_bytes()
    assert hashlib.sha256(text).hexdigest() == content["template"]["sha256"], "TRL ships another one: render it again"
    message = [{"role": "user", "content": content["question"]}]
    rendered = tokenizer(text.decode(), R1.start).apply_chat_template(
        message, add_generation_prompt=True, tokenize=False
    )
    assert rendered == content["rendered"]


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_a_family_is_recognised_by_its_template(family: PromptAdapter) -> None:
    assert chosen_frame(tokenizer(as_template(family))).name == family.name
    assert chosen_frame(tokenizer(as_template(family)), PromptOptions(prompt=family.name)).name == family.name


def test_other_templates_are_followed_as_they_are() -> None:
    frame = chosen_frame(shipped("qwen2_5"), weights="Qwen/Qwen2.5-7B-Instruct")
    assert frame.name == "template" and "You are Qwen" in prompt_text(frame.before)


def test_a_template_that_opens_the_thinking_itself_may_be_newer_than_the_family() -> None:
    """Qwen3's thinking models of 2507 write ``<think>`` in the template; what is sent is the same."""
    frame = chosen_frame(tokenizer(as_template(QWQ)), weights="Qwen/Qwen3-4B-Thinking-2507")
    assert frame.name == "qwen3" and frame.after == chosen_frame(tokenizer(as_template(QWEN3))).after


def test_a_template_that_is_not_its_familys_is_refused_and_can_be_followed() -> None:
    changed = tokenizer(as_template(QWQ).replace("<|im_start|>user", "<|im_start|>human"))
    for options, weights in [(PromptOptions(), "Qwen/QwQ-32B"), (PromptOptions(prompt="qwq"), "w")]:
        with pytest.raises(
            Unavailable, match=r"not the one that `qwq` stands for: it has .*human.* where .*user"
        ) as caught:
            chosen_frame(changed, options, weights)
        assert "prompt = template" in caught.value.help
    frame = chosen_frame(changed, PromptOptions(prompt="template"), "Qwen/QwQ-32B")
    assert prompt_text(frame.around("q")) == "<|im_start|>human\nq<|im_end|>\n<|im_start|>assistant\n"


def test_a_tokenizer_without_the_familys_tokens_is_refused() -> None:
    other = AutoTokenizer.from_pretrained(CHECKPOINTS / "adder")
    with pytest.raises(Unavailable, match=r"no token `<\|im_end\|>`, with which `qwq` ends a turn"):
        chosen_frame(other, PromptOptions(prompt="qwq"))


def test_without_a_template_the_prompt_is_plain_text() -> None:
    assert prompt_text(chat_opening(tokenizer(), "1 + 1?")) == "Question: 1 + 1?\nAnswer:\n"
    with pytest.raises(Unavailable, match="is named as one of `r1`, but its tokenizer has no chat template"):
        chosen_frame(tokenizer(), weights="DeepSeek-R1-Distill-Llama-8B")
    with pytest.raises(Unavailable, match="the tokenizer has no chat template"):
        chosen_frame(tokenizer(), PromptOptions(prompt="template"))
    assert chosen_frame(tokenizer(), PromptOptions(prompt="r1")).name == "r1"


def test_plain_text_begins_as_the_tokenizer_begins_a_text() -> None:
    from tokenizers.processors import TemplateProcessing

    begins = tokenizer(bos="<|endoftext|>")
    begins.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", begins.bos_token_id)]
    )
    assert prompt_text(chat_opening(begins, "q")) == "<|endoftext|>Question: q\nAnswer:\n"
    assert prompt_text(chat_opening(tokenizer(bos="<|endoftext|>"), "q")) == "Question: q\nAnswer:\n"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("no question", "shows the question 0 times"),
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "shows the question 2 times"),
        ("{{ messages[-1].content }}<think>\n\n</think>\n\n", "where one <think> must follow"),
        ("{{ raise_exception('only tools') }}", "cannot be rendered: only tools"),
        ("{{ messages[-1].content", "cannot be rendered"),
    ],
)
def test_templates_that_cannot_frame_a_question_are_refused(template: str, reason: str) -> None:
    with pytest.raises(Unavailable, match=reason):
        chat_opening(tokenizer(template), "q")


def test_a_system_text_is_never_dropped_in_silence() -> None:
    options = PromptOptions(prompt="template", system="Be brief.")
    with pytest.raises(Unavailable, match="does not show the system text"):
        chosen_frame(tokenizer(as_template(PHI4_REASONING)), options)
    assert "Be brief." in prompt_text(chosen_frame(shipped("llama3"), options).before)
    phi = chosen_frame(tokenizer(as_template(PHI4_REASONING)), PromptOptions(system="Be brief."))
    assert prompt_text(phi.before) == "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|>"


@pytest.mark.parametrize("family", [*FAMILIES, None], ids=[*(family.name for family in FAMILIES), "base"])
@pytest.mark.parametrize("marker", MARKERS)
def test_special_tokens_in_questions_steps_and_examples_are_text(
    family: PromptAdapter | None, marker: str, tmp_path: Path
) -> None:
    shown = tmp_path / "shown.jsonl"
    known, name = tokenizer(), family.name if family else "base"
    encoder = PromptEncoder(known)
    clean = [f"{name} has", "no such", "### Step 1. thing"]
    dirty = [part + marker for part in clean]
    counts = []
    for question, example, step in (clean, dirty):
        shown.write_text(json.dumps({"question": example, "thinking": step, "answer": step}) + "\n")
        frame = chosen_frame(known, PromptOptions(prompt=name, examples=str(shown)))
        prompt = answer_prompt(frame.around(question), STEP + step)
        ids = encoder.encode(prompt).ids
        assert known.decode(ids) == prompt_text(prompt)
        counts.append([token for token in ids if token in known.all_special_ids or token >= 256])
    assert counts[0] == counts[1], "what was written as data became a special token"
    seeded = encoder.encode((*prompt[:-3], Segment(STEP + dirty[2], template=True), *prompt[-2:])).ids
    assert sum(token >= 256 for token in seeded) == len(counts[1]) + 1, "a step taken for template would have"


def records_with_tokens() -> list[tuple[str, Path | None]]:
    smollm2 = os.environ.get("CORDSPEC_SMOLLM2")
    return [("miniature", CHECKPOINTS / "adder"), ("smollm2", Path(smollm2) if smollm2 else None)]


@pytest.mark.parametrize(("record", "directory"), records_with_tokens())
def test_tokens_are_those_of_the_record(record: str, directory: Path | None) -> None:
    if directory is None:
        pytest.skip("CORDSPEC_SMOLLM2 names no directory with the tokenizer of SmolLM2")
    content = json.loads((GOLDEN / f"{record}.json").read_text())
    known = AutoTokenizer.from_pretrained(directory)
    assert hashlib.sha256((directory / "tokenizer.json").read_bytes()).hexdigest() == content["tokens"]["sha256"]
    opening = chat_opening(known, content["question"])
    prompts = {"prompt": thinking_prompt(opening, STEP), "answer_prompt": answer_prompt(opening, STEP + NEXT)}
    for part, prompt in prompts.items():
        assert prompt_text(prompt) == content[part]
        assert list(PromptEncoder(known).encode(prompt).ids) == content["tokens"][part]


def test_an_engine_asks_with_the_prompt_of_its_options(root: Path) -> None:
    shown = str(root / "specs" / "worked_examples.jsonl")
    options = TransformersModelOptions(
        weights=str(CHECKPOINTS / "adder"), prompt="base", system="Count.", examples=shown
    )
    engine = TransformersModel(options).open()
    text = prompt_text(engine.opening("How many?"))
    assert text.startswith("Count.\n\nQuestion: Tom has 3 bags")
    assert text.endswith("\n\nThe final answer is 20.\n\nQuestion: How many?\nAnswer:\n")
    with pytest.raises(InvalidData, match="is also a worked example"):
        engine.opening("Tom has 3 bags of 4 apples. He eats 2 apples. How many apples are left?")
