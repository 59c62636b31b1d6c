"""Before training: what rows hold, in tokens, and proof that the loss is on exactly the assistant's turn, thinking included."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cordspec.plugin import InvalidData, Solution, TrainingExample
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_hf.prompting.families import QWEN3, R1
from cordspec_mini.models import CHECKPOINTS
from cordspec_train.audit import audited
from cordspec_train.examples import IGNORED, Example, encode_example
from cordspec_train.proof import own_template, prove

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
ONE = TrainingExample(
    "Tom has 5 pens, then gains 4. How many pens in the end?",
    Solution("\n### Step 1. 5 + 4 = 9.", "\n\nThe final answer is 9."),
)


def stand_in(template: str, bos: str | None, end: str) -> PreTrainedTokenizerFast:
    """Bytes, and the special tokens of the families: their own tokenizers are not to be had offline."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    bare.pre_tokenizer, bare.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bare.add_special_tokens(["<think>", "</think>", "<|im_start|>", "<|im_end|>", "<｜begin▁of▁sentence｜>"])
    bare.add_special_tokens(["<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=bare, bos_token=bos, eos_token=end)
    fast.chat_template = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
    return fast


FAMILIES: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "miniature": lambda: AutoTokenizer.from_pretrained(CHECKPOINTS / "base"),
    "qwen3": lambda: stand_in("qwen3", None, QWEN3.turn_end),
    "r1_qwen_and_llama": lambda: stand_in("deepseek_r1_distill", R1.start, R1.turn_end),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_family_is_trained_on_token_by_token(family: str) -> None:
    tokenizer = FAMILIES[family]()
    (row,), audit = audited(tokenizer, [ONE], 4_096, "drop")
    first = next(at for at, label in enumerate(row.labels) if label != IGNORED)
    found = {
        "ignored": tokenizer.convert_ids_to_tokens(row.input_ids[:first]),
        "learnt": tokenizer.convert_ids_to_tokens(row.labels[first:]),
        "learnt_text": tokenizer.decode(row.labels[first:]),
        "thinking": row.thinking,
        "prompt": audit.prompt,
        "own_template": audit.own_template,
        "tokens_are": "the model's own"
        if family == "miniature"
        else "bytes and the family's special tokens; its own tokenizer: not run",
    }
    golden = GOLDEN / f"{family}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(golden.read_text(encoding="utf-8"))
    assert IGNORED not in row.labels[first:] and (audit.proven, audit.open_rows) == (1, 0)
    end = str(tokenizer.eos_token)
    assert found["learnt_text"] == f"<think>{ONE.solution.thinking}\n</think>{ONE.solution.answer}{end}"


def test_templates_that_drop_the_thinking_are_known_as_such() -> None:
    assert {name: own_template(make()) for name, make in FAMILIES.items()} == {
        "miniature": "keeps",
        "qwen3": "keeps",
        "r1_qwen_and_llama": "drops",
    }
    bare = stand_in("qwen3", None, QWEN3.turn_end)
    bare.chat_template = "{{ raise_exception('no') }}"
    assert own_template(bare) == "refuses"
    bare.chat_template = None
    assert own_template(bare) == "none"


def wrong(example: Example) -> dict[str, Example]:
    """Mistakes that a mask can have."""
    first = next(at for at, label in enumerate(example.labels) if label != IGNORED)
    ids, labels = example.input_ids, example.labels
    return {
        "a token of the question is learnt": replace(example, labels=[*labels[: first - 1], *ids[first - 1 :]]),
        "all of it is learnt": replace(example, labels=[*ids]),
        "the opening tag is not learnt": replace(example, labels=[*labels[:first], IGNORED, *labels[first + 1 :]]),
        "the end of the turn is not learnt": replace(example, labels=[*labels[:-1], IGNORED]),
        "nothing is learnt": replace(example, labels=[IGNORED] * len(ids)),
        "labels are shifted": replace(example, labels=[*labels[1:], IGNORED]),
        "the thinking is lost": Example(
            ids[:first] + ids[first + example.thinking :], labels[:first] + labels[first + example.thinking :]
        ),
        "the end of the turn is lost": Example(ids[:-1], labels[:-1]),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_the_proof_catches_every_wrong_mask(family: str) -> None:
    tokenizer = FAMILIES[family]()
    opening, end = chat_opening(tokenizer, ONE.question), str(tokenizer.eos_token)
    right = encode_example(PromptEncoder(tokenizer), opening, ONE.solution, end)
    assert prove(tokenizer, [(opening, ONE.solution, right)], end).proven == 1
    for name, example in wrong(right).items():
        with pytest.raises(InvalidData, match=r"^example 2: ") as caught:
            prove(tokenizer, [(opening, ONE.solution, right), (opening, ONE.solution, example)], end)
        assert caught.value.code == "E806", name


def test_special_tokens_that_somebody_wrote_are_text_and_said_so() -> None:
    tokenizer = FAMILIES["qwen3"]()
    tricky = TrainingExample(ONE.question, Solution("\n### Step 1. <|im_end|> </think>", ONE.solution.answer))
    rows, audit = audited(tokenizer, [ONE, tricky], 4_096, "drop")
    assert (audit.proven, audit.open_rows) == (1, 1) and "1 rows hold special tokens as text" in audit.remarks
    written = [tokenizer.convert_ids_to_tokens(one) for one in rows[1].labels if one != IGNORED]
    assert written.count("<|im_end|>") == 1 and written.count("</think>") == 1, "those of the template alone"


def test_the_audit_counts_what_is_there() -> None:
    tokenizer = FAMILIES["miniature"]()
    longer = TrainingExample(ONE.question, Solution(ONE.solution.thinking * 5, ONE.solution.answer))
    rows, audit = audited(tokenizer, [ONE, longer, ONE], 10_000, "drop")
    lengths = [len(one.input_ids) for one in rows]
    ends = [tokenizer.convert_ids_to_tokens(one.input_ids).index("</think>") for one in rows]
    firsts = [next(at for at, label in enumerate(one.labels) if label != IGNORED) for one in rows]
    thinking = sum(end - first + 1 for end, first in zip(ends, firsts, strict=True))
    assert audit.thinking_tokens == thinking
    assert audit.answer_tokens == sum(length - end - 1 for length, end in zip(lengths, ends, strict=True))
    assert audit.prompt_tokens == sum(firsts)
    assert audit.thinking_share == thinking / (thinking + audit.answer_tokens)
    assert (audit.rows, audit.over_limit, audit.left_out, audit.shortened, audit.longest) == (3, 0, 0, 0, max(lengths))


def test_rows_over_the_limit_are_dropped_or_shortened_and_said_so_or_stop_the_run() -> None:
    tokenizer = FAMILIES["miniature"]()
    longer = TrainingExample(ONE.question, Solution(ONE.solution.thinking * 5, ONE.solution.answer))
    examples = [ONE, longer, ONE]
    (short, long, _), _ = audited(tokenizer, examples, 10_000, "drop")
    limit = len(short.input_ids) + 5
    rows, audit = audited(tokenizer, examples, limit, "drop")
    assert len(rows) == 2 and (audit.over_limit, audit.left_out, audit.shortened) == (1, 1, 0)
    assert f"1 of 3 rows left out, over {limit} tokens" in audit.remarks
    rows, audit = audited(tokenizer, examples, limit, "truncate")
    assert (audit.over_limit, audit.left_out, audit.shortened) == (1, 0, 1)
    assert f"1 of 3 rows lost their end, over {limit} tokens" in audit.remarks
    assert rows[1].input_ids == long.input_ids[:limit] and rows[1].thinking == rows[1].learnt
    with pytest.raises(InvalidData, match=f"1 of 3 examples are longer than {limit} tokens"):
        audited(tokenizer, examples, limit, "stop")
    with pytest.raises(InvalidData, match="all 3 examples are longer"):
        audited(tokenizer, examples, 3, "truncate")


def test_a_tokenizer_that_joins_question_and_reply_is_refused_before_training() -> None:
    """A token across the seam: one that merges the line break of the template with what follows it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: at for at, letter in enumerate([*letters, "Ċ<"])}
    bare = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ċ", "<")]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bare.add_special_tokens(["<end>"])
    joined = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>")
    with pytest.raises(InvalidData, match="a token would straddle question and reply") as caught:
        audited(joined, [ONE], 4_096, "drop")
    assert caught.value.code == "E806"
