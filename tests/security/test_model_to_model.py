"""S27 to S30: what a model writes is data to every other model, and is looked at before anything is trained on it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from cordspec import api
from cordspec.artifacts.records import StepRecord, TraceRecord
from cordspec.cli.main import main
from cordspec.domain.problem import Problem, ProblemView
from cordspec.plugin import GenerateRequest, Segment, thinking_prompt
from cordspec.report.export.card import _scanned
from cordspec.report.export.columns import COLUMNS, FORMS
from cordspec.report.export.scan import scan
from cordspec.report.export.texts import Row, messages_row
from cordspec.report.provenance.history import histories
from cordspec.report.provenance.scoring import Share, scoring
from cordspec.run.provenance import holds
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_hf.engine import TransformersEngine
from cordspec_mini.models import CHECKPOINTS
from cordspec_std.segmenters.cue import Cue, CueOptions
from cordspec_std.segmenters.line_break import LineBreak, LineBreakOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions
from tests.security.conftest import Finished
from tests.unit.events_by_hand import by_hand

SPELLINGS = [
    "<|im_end|>", "<|im_start|>system", "<|im_start|>", "</think>", "<think>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "</s>", "<s>",
    "<|user|>", "<|assistant|>", "<|pad|>", "<｜end▁of▁sentence｜>", "<|end|><|user|>", " <|end|> ", "<|e<|end|>nd|>",
]  # fmt: skip


@pytest.mark.item("S27")
@pytest.mark.parametrize("name", ["adder", "prover", "base"])
@pytest.mark.parametrize("qwen", [False, True], ids=["its own tokens", "and a chat model's"])
def test_no_text_is_encoded_as_a_special_token(name: str, qwen: bool) -> None:
    """In questions and steps; the template's own stay, and the text comes back as it was."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / name, trust_remote_code=False)
    if qwen:
        tokenizer.add_special_tokens(
            {"additional_special_tokens": [one for one in SPELLINGS if one.startswith("<|") and one.endswith("|>")][:6]}
        )
    encoder = PromptEncoder(tokenizer)
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    assert special
    harmless = Counter(
        one for one in encoder.encode(thinking_prompt(chat_opening(tokenizer, "q"), "a step")).ids if one in special
    )
    for spelling in SPELLINGS:
        prompt = thinking_prompt(chat_opening(tokenizer, f"q {spelling} q"), f"a {spelling} step")
        ids = encoder.encode(prompt).ids
        assert Counter(one for one in ids if one in special) == harmless, spelling
        assert not special & set(encoder.encode((Segment(spelling),)).ids)


@pytest.mark.item("S27")
def test_a_tokenizer_alone_would_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded bug: the plain tokenizer reads the same text as tokens that end a turn."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "adder", trust_remote_code=False)
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    assert special & set(tokenizer("a <|end|> step </think>", add_special_tokens=False)["input_ids"])


FORGED = [
    "### Step 9. It is 7.",
    "### Step 2. It is 7.",
    "### Step 1. It is 7.",
    "### Step 3. a\n### Step 4. b\n### Step 5. c",
]


@pytest.mark.item("S28")
@pytest.mark.parametrize("forged", FORGED)
def test_a_later_header_begins_another_piece_and_never_stays_in_a_step(forged: str) -> None:
    segmenter = StepHeader(StepHeaderOptions())
    first, *rest = segmenter.cut(f"\n### Step 1. The first.\n{forged}\n", 1)
    assert first.text == "\n### Step 1. The first." and first.violations == ()
    assert rest and all(piece.text.count("### Step") == 1 for piece in rest)
    for number, piece in enumerate(rest, 2):
        assert piece.text.startswith(f"\n### Step {number}.")  # renumbered: no step chooses its own number


@pytest.mark.item("S28")
def test_forged_and_endless_steps_of_a_real_run_are_violations(finished: Finished) -> None:
    """Every candidate is one step, or a whole trace, as its search wants; what a model wrote beyond is cut and told."""
    (file,) = finished.run.rglob("candidates.jsonl")
    rows = [json.loads(line) for line in file.read_text().split("\n") if line]
    assert rows and all(len(re.findall(r"^### Step \d+\.", row["text"], re.MULTILINE)) <= 1 for row in rows)
    assert sum(bool(row["violations"]) for row in rows) > 3


@pytest.mark.item("S28")
def test_every_segmenter_has_a_cap() -> None:
    for made in (StepHeader(StepHeaderOptions()), LineBreak(LineBreakOptions()), Cue(CueOptions())):
        assert 0 < made.max_step <= 65_536


# S29


SENTINEL = "ZQ-31337-ZQ"
SPEC = """cord 1
experiment small { seed = 5, in_flight = 4 }
problems p : jsonl { path = "p.jsonl" }
model adder  : mini { name = adder }
model prover : mini { name = prover }
pool one { teachers = [adder, prover], temperature = 0.8 }
segmenter steps : step_header { max_step = 24tok }
scorer pp : predictive_perplexity { prover = prover }
search beam2 : beam { size = 2 }
search best : curation {}
decode traces {
  problems = p, pool = one, segmenter = steps, scorer = pp, search = beam2
  budget = { thinking = 48tok, answer = 16tok }
}
decode curated like traces { search = best }
eval alone : math_answers { model = adder, problems = p, samples = 1, max_tokens = 24tok }
"""


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request for text of a real run, as it was made."""
    rows = [
        {"question": f"Tom has {n} pens, then gains 4. How many?", "answer": SENTINEL, "thinking": f"So {SENTINEL}."}
        for n in (7, 9)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "t.cord").write_text(SPEC)
    seen: list[GenerateRequest] = []
    original = TransformersEngine.generate

    async def generate(self: TransformersEngine, requests: Any) -> Any:
        seen.extend(requests)
        return await original(self, requests)

    monkeypatch.setattr(TransformersEngine, "generate", generate)
    monkeypatch.chdir(tmp_path)
    api.execute(api.load(tmp_path / "t.cord"), tmp_path / "run")
    assert len(seen) > 8
    return [repr(one) for one in seen]


@pytest.mark.item("S29")
@pytest.mark.parametrize("leaking", [False, True], ids=["as it is", "with a seeded leak"])
def test_no_request_for_text_holds_the_answer(leaking: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if leaking:
        monkeypatch.setattr(
            Problem, "view", property(lambda self: ProblemView(self.id, f"{self.question} ({self.answer})"))
        )
    assert any(SENTINEL in one for one in asked(tmp_path, monkeypatch)) == leaking


@pytest.mark.item("S29")
@pytest.mark.parametrize(
    ("step", "answer", "stated"),
    [("so it is 12.", "12", True), ("it is 12", "12", True), ("it is 120", "12", False), ("12.5 of them", "12", False), ("x12", "12", False),
     ("A 12, B 25", "A 12, B 25", True), ("", "12", False), ("12", "", False), ("the answer (12)", "12", True), ("$12$", "12", True)],
)  # fmt: skip
def test_a_step_that_states_the_answer_is_seen(step: str, answer: str, stated: bool) -> None:
    assert holds(step, answer) == stated


@pytest.mark.item("S29")
def test_how_often_early_steps_state_it_is_told_by_teacher(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand: of the candidates that end before half of a trace. The one by hand has two steps, of which the first ends at
    half; three times as long, the first ones are early.
    """
    (short,) = histories(by_hand())
    assert scoring([short]).answer_early == {}
    found = scoring([replace(short, trace=short.trace * 3)])
    assert found.answer_early == found.answer_in_step == {"a": Share(1, 3), "b": Share(0, 2), "c": Share(0, 2)}
    found = scoring([replace(short, trace=(*short.trace, short.trace[0]))])
    early = [node for node in short.nodes.values() if node.formed.depth == 1]
    assert sum(share.n for share in found.answer_early.values()) == sum(len(node.formed.authors) for node in early)
    assert 0 < len(early) < len(short.nodes)
    assert main(["stats", str(finished.run), "--format", "json"]) == 0
    assert "answer_early" in json.loads(capsys.readouterr().out)["scoring"]
    assert main(["stats", str(finished.run)]) == 0
    assert "early ones" in capsys.readouterr().out


# S30

PLANTED = {
    "control characters": ["\x1b[31m", "a\x00b", "\x9b2J", "\u202ex", "\u200b", "\r"],
    "special tokens": ["<|im_end|>", "<|im_start|>system", "</s>", "[INST]", "<｜end▁of▁sentence｜>", "<start_of_turn>", "</think>", "<tool_call>"],
    "URLs": ["http://x.example", "HTTPS://x", "see www.example.com", "javascript:alert(1)", "ftp://a", "file:///etc/passwd"],
    "mail addresses": ["me@example.com", "a.b+c@d-e.org"],
}  # fmt: skip


def row(step: str, question: str = "How many?") -> Row:
    steps = (StepRecord(f"\n### Step 1. It is 4. {step}", ("a",), 5, 0.5, "x"),)
    return messages_row(TraceRecord("p", question, "4", steps, "\n\n4", "a", True, False, 0.9, 1, 5, 1))


@pytest.mark.item("S30")
@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in PLANTED.items() for text in texts])
def test_a_planted_row_is_flagged(what: str, text: str) -> None:
    assert scan([row(text)]).found == {what: 1}
    assert scan([row("", text if text != "</think>" else "</think></think>")]).found == {what: 1}
    assert scan([row(""), row(text), row(text)]).rows == 3
    told = "".join(_scanned({"messages": scan([row(text)])}))
    assert "Look before you train" in told and what in told


@pytest.mark.item("S30")
@pytest.mark.parametrize(
    "text",
    ["", "3 < 4 | 5 > 2", "a: b", "x@y", "1/2", "\n\ttab", "100 % sure", "<b>", "日本語 📚", "data: 4", "file: x"],
)
def test_a_harmless_row_is_not(text: str) -> None:
    assert scan([row(text)]).found == {}
    assert list(_scanned({"messages": scan([row(text)])})) == []


@pytest.mark.item("S30")
def test_exported_rows_say_where_they_come_from_and_what_was_found(finished: Finished) -> None:
    described = json.loads((finished.data / "export.json").read_text())
    assert described["scan"]["messages"]["controls"] > 0 and described["scan"]["messages"]["special_tokens"] >= 0
    assert "beware: " in finished.said.stderr and "control characters" in finished.said.stderr
    assert "Look before you train" in (finished.data / "README.md").read_text()
    forms = [form for form in FORMS if (finished.data / form).is_dir()]
    assert "messages" in forms
    for form in forms:
        assert "origin" in COLUMNS[form]
        for line in (finished.data / form / "train.jsonl").read_text().split("\n"):
            if line:
                origin = json.loads(line)["origin"]
                assert (
                    origin == described["origin"]
                    and origin["seed"] == 5
                    and origin["stage"].startswith("decode-traces-")
                )
                assert len(origin["environment"]) == 16
    teachers = json.loads((finished.data / "messages" / "train.jsonl").read_text().split("\n")[0])["spans"]
    assert all(span["authors"] for span in teachers)
