"""Students of other families, token by token, with the vocabularies that these families have (`make engines`)."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cordspec.plugin import InvalidData, Solution, TrainingExample
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_train.audit import audited
from cordspec_train.examples import IGNORED, encode_example
from cordspec_train.proof import own_template, prove
from tests.real.test_training_audit import ONE, wrong
from tests.vocabularies.convert import LLAMA3, QWEN, ranks

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "training"
MADE, WHEELS = ROOT / ".models" / "tokenizers", ROOT / ".models" / "wheels"
FAMILIES = ("qwen3", "r1_qwen", "r1_llama")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not MADE.is_dir(), reason="`make engines` makes the tokenizers")]

EXAMPLES = {
    "plain": ONE,
    "numbers and formulas": TrainingExample(
        "Was ist 12345 × 678,9?",
        Solution(
            "\n### Step 1.\n\n$\\frac{12345}{1}\\cdot 678.9$\n\n\n### Step 2.  = 8381020.5", "\n\n\\boxed{8381020.5}"
        ),
    ),
    "other scripts": TrainingExample(
        "鸡兔同笼,共有35个头。", Solution("\n  \tСначала: é e\u0301 🦊👩\u200d🚀…\n\n", "\n答案是 **12**。\n")
    ),
    "special tokens as text": TrainingExample(
        "Why?", Solution("\nIt says </think> and <|im_end|> and <｜end▁of▁sentence｜>.", "\n\nBecause.")
    ),
}


@cache
def tokenizer(family: str) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(MADE / family)


@cache
def reference(family: str, pattern: str) -> tiktoken.Encoding:
    """The packages' own way to encode: another library, the ranks without merges, and the pattern that it is given."""
    name = "llama_models/llama3/tokenizer.model" if family == "r1_llama" else "dashscope/resources/qwen.tiktoken"
    (wheel,) = WHEELS.glob("llama_models-*.whl" if family == "r1_llama" else "dashscope-*.whl")
    return tiktoken.Encoding(family, pat_str=pattern, mergeable_ranks=ranks(wheel, name), special_tokens={})


def agree(family: str, pattern: str, text: str) -> None:
    fast = tokenizer(family)
    known = [str(token) for token in fast.added_tokens_decoder.values()]
    if any(token in text for token in known):
        return
    normal = fast.backend_tokenizer.normalizer
    seen = normal.normalize_str(text) if normal else text
    assert fast(text, add_special_tokens=False)["input_ids"] == reference(family, pattern).encode(seen)


PIECES = st.sampled_from(
    ["\n", "\n\n", " ", "  ", "### Step ", "1.", "12345", "don't", "é", "e\u0301", "🦊", "鸡", "\\frac{1}{2}", "\t"]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(st.characters(exclude_categories=["Cs"]), max_size=6)), max_size=14).map(
    "".join
)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=TEXTS)
def test_the_tokens_are_those_of_another_library(family: str, text: str) -> None:
    agree(family, LLAMA3 if family == "r1_llama" else QWEN, text)


def test_another_pattern_is_noticed() -> None:
    for family, pattern in (("qwen3", r"(?s)."), ("r1_qwen", r"(?s)."), ("r1_llama", QWEN)):
        with pytest.raises(AssertionError):
            agree(family, pattern, "In 12345 days.")


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_are_one_token_each(family: str) -> None:
    fast = tokenizer(family)
    frame = ["<think>", "</think>"] + (
        ["<|im_start|>", "<|im_end|>"] if family == "qwen3" else ["<｜User｜>", "<｜Assistant｜>"]
    )
    assert all(len(fast(token, add_special_tokens=False)["input_ids"]) == 1 for token in frame)
    assert own_template(fast) == ("keeps" if family == "qwen3" else "drops")


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_family_is_trained_on_token_by_token(family: str) -> None:
    fast = tokenizer(family)
    found = {}
    for name, example in EXAMPLES.items():
        (row,), audit = audited(fast, [example], 4_096, "drop")
        first = next(at for at, label in enumerate(row.labels) if label != IGNORED)
        assert row.labels[first:] == row.input_ids[first:] and set(row.labels[:first]) == {IGNORED}
        solution = example.solution
        written = f"<think>{solution.thinking}\n</think>{solution.answer}{fast.eos_token}"
        normal = fast.backend_tokenizer.normalizer
        assert fast.decode(row.input_ids[first:]) == (normal.normalize_str(written) if normal else written)
        starts = row.input_ids[:first].count(fast.bos_token_id) if fast.bos_token_id is not None else 0
        assert starts == (0 if family == "qwen3" else 1)
        assert (audit.proven, audit.open_rows) == ((0, 1) if name == "special tokens as text" else (1, 0))
        found[name] = {
            "ignored": [fast.decode([one]) for one in row.input_ids[:first]],
            "learnt": [fast.decode([one]) for one in row.input_ids[first:]],
            "ids": row.input_ids,
            "thinking": row.thinking,
        }
    golden = GOLDEN / f"{family}_own_tokens.json"
    if os.environ.get("UPDATE_GOLDEN"):
        lines = ",\n ".join(f"{json.dumps(name)}: {json.dumps(one, ensure_ascii=False)}" for name, one in found.items())
        golden.write_text(f"{{\n {lines}\n}}\n", encoding="utf-8")
    assert found == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_proof_catches_every_wrong_mask(family: str) -> None:
    fast = tokenizer(family)
    opening, end = chat_opening(fast, ONE.question), str(fast.eos_token)
    right = encode_example(PromptEncoder(fast), opening, ONE.solution, end)
    assert prove(fast, [(opening, ONE.solution, right)], end).proven == 1
    doubled = type(right)([right.input_ids[0], *right.input_ids], [IGNORED, *right.labels], right.thinking)
    for name, example in {**wrong(right), "the start is doubled": doubled}.items():
        with pytest.raises(InvalidData) as caught:
            prove(fast, [(opening, ONE.solution, example)], end)
        assert caught.value.code == "E806", name


ROWS = st.builds(TrainingExample, TEXTS, st.builds(Solution, TEXTS, TEXTS))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(rows=st.lists(ROWS, min_size=30, max_size=40))
def test_no_text_straddles_the_seams_of_a_turn(family: str, rows: list[TrainingExample]) -> None:
    """Whatever stands beside the tags, rows are what the tokenizer makes of the whole, or hold special tokens as text. They
    come many at a time: an encoder of a large vocabulary takes two seconds to make.
    """
    _, audit = audited(tokenizer(family), rows, 100_000, "drop")
    assert audit.proven + audit.open_rows == len(rows) and audit.open_rows < len(rows) / 4
