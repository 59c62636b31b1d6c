"""Training data from real runs: what `datasets` and TRL read is what the run's records say, and nothing is overwritten."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import Dataset, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from cordspec import api
from cordspec.artifacts.choices import choices
from cordspec.artifacts.records import CandidateRecord, StepRecord, TraceRecord, read_lines
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.errors import UsageError
from cordspec.report.export.columns import COLUMNS, FORMS
from cordspec.report.export.comparisons import label_rows
from cordspec.report.export.texts import messages_row, partial_text
from cordspec_mini.models import CHECKPOINTS
from tests.real.test_runs import DECODES

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = list[dict[str, Any]]

ODD = 'Shelf A has "6" boxes\\ of 2 books 📚.\nShelf B holds 32\u2028cups and sells 7.\tHow many items are on | each shelf?'
SPEC = (
    DECODES.replace("count = 6", "count = 5")
    + """problems odd : jsonl { path = "odd.jsonl" }
decode strange like traces { problems = odd }
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a search over steps, one over whole traces, and a problem of odd characters."""
    directory = tmp_path_factory.mktemp("exported")
    (directory / "odd.jsonl").write_text(json.dumps({"question": ODD, "answer": "A 12, B 25"}) + "\n")
    (directory / "small.cord").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        return api.execute(api.load(Path("small.cord")), directory / "run")


@pytest.fixture(scope="module")
def data(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of its beam search, in all forms, as JSON Lines."""
    return api.export(run, tmp_path_factory.mktemp("data") / "out", decode="traces").to


def loaded(directory: Path, form: str, tmp_path: Path) -> Dataset:
    return load_dataset(str(directory), form, split="train", cache_dir=str(tmp_path / "cache"))


def lines(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def stage(run: Path, decode: str) -> Path:
    return next((run / "stages").glob(f"decode-{decode}-*"))


def traces(run: Path, decode: str = "traces") -> list[TraceRecord]:
    return list(read_lines(stage(run, decode) / "traces.jsonl", TraceRecord))


def candidates(run: Path, problem: str, decode: str = "traces") -> list[CandidateRecord]:
    found = read_lines(stage(run, decode) / "candidates.jsonl", CandidateRecord)
    return [one for one in found if one.problem == problem and one.score is not None]


@pytest.mark.parametrize("decode", ["traces", "curated", "strange"])
def test_spans_are_the_steps_with_their_authors(run: Path, tmp_path: Path, decode: str) -> None:
    api.export(run, tmp_path / "out", decode=decode, forms=["messages", "prompt_completion"], formats=["parquet"])
    rows = loaded(tmp_path / "out", "messages", tmp_path).to_list()
    assert [row["messages"] for row in rows] == [row["messages"] for row in lines(stage(run, decode) / "dataset.jsonl")]
    for row, trace in zip(rows, traces(run, decode), strict=True):
        question, text = (turn["content"] for turn in row["messages"])
        assert question == trace.question and row["problem"] == trace.problem and row["correct"] == trace.correct
        assert [text[one["start"] : one["end"]] for one in row["spans"]] == [step.text for step in trace.steps]
        assert [tuple(one["authors"]) for one in row["spans"]] == [step.authors for step in trace.steps]
        answer = row["answer_span"]
        assert text[answer["start"] : answer["end"]] == trace.answer and answer["authors"] == [trace.writer]
        first, last = row["spans"][0]["start"], row["spans"][-1]["end"]
        assert text == f"<think>{text[first:last]}\n</think>{trace.answer}"
    apart = loaded(tmp_path / "out", "prompt_completion", tmp_path).to_list()
    assert [row["prompt"] + row["completion"] for row in apart] == [row["messages"] for row in rows]
    assert [row["spans"] for row in apart] == [row["spans"] for row in rows]


def test_odd_characters_come_through(run: Path, tmp_path: Path) -> None:
    api.export(run, tmp_path / "out", decode="strange", forms=["messages"], formats=["jsonl", "parquet"])
    assert loaded(tmp_path / "out", "messages", tmp_path)[0]["messages"][0]["content"] == ODD
    read = load_dataset(
        "json", data_files=str(tmp_path / "out/messages/train.jsonl"), cache_dir=str(tmp_path / "plain")
    )
    assert read["train"][0]["messages"][0]["content"] == ODD


def test_every_form_is_the_same_in_every_format(run: Path, tmp_path: Path) -> None:
    for format, formats in {"jsonl": ["jsonl"], "parquet": ["parquet"], "both": ["jsonl", "parquet"]}.items():
        made = api.export(run, tmp_path / format, decode="traces", formats=formats)  # type: ignore[arg-type]
        assert all(made.rows.values()) and tuple(made.rows) == FORMS
        for form in FORMS:
            found = loaded(tmp_path / format, form, tmp_path / format)
            assert len(found) == made.rows[form], "both formats are loaded"
            assert list(found.features) == list(COLUMNS[form])
            assert found.features == loaded(tmp_path / "jsonl", form, tmp_path / "jsonl").features
            assert found.to_list() == loaded(tmp_path / "jsonl", form, tmp_path / "jsonl").to_list()
        if format != "parquet":
            assert lines(tmp_path / format / form / "train.jsonl") == found.to_list()


def prefix_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def expected_pairs(run: Path, trace: TraceRecord) -> Iterator[tuple[str, str, str]]:
    """Prefix, chosen and rejected step, from the records by another way: along the text of the trace."""
    prefix = ""
    for step in trace.steps:
        siblings = [one for one in candidates(run, trace.problem) if one.parent == prefix_key(prefix)]
        score = next(one.score for one in siblings if one.text == step.text)
        for text in {one.text for one in siblings if one.score < score}:  # type: ignore[operator]
            yield prefix, step.text, text
        prefix += step.text


def test_pairs_are_the_chosen_steps_and_their_lower_siblings(run: Path, data: Path, tmp_path: Path) -> None:
    rows = loaded(data, "preferences", tmp_path).to_list()
    right = [trace for trace in traces(run) if trace.correct]
    assert len(right) > 1
    expected = Counter((one.problem, *pair) for one in right for pair in expected_pairs(run, one))
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        chosen, rejected, at = row["chosen"][0]["content"], row["rejected"][0]["content"], row["step_start"]
        assert chosen[:at] == rejected[:at] and chosen[:at].startswith("<think>")
        written, other = (text[at:].removesuffix("\n</think>") for text in (chosen, rejected))
        found[row["problem"], chosen[7:at], written, other] += 1
        assert row["score_chosen"] > row["score_rejected"]
        assert row["margin"] == pytest.approx(row["score_chosen"] - row["score_rejected"], abs=1e-9)
        records = {one.text: one for one in candidates(run, row["problem"]) if one.parent == prefix_key(chosen[7:at])}
        assert (row["score_rejected"], tuple(row["authors_rejected"])) == (records[other].score, records[other].authors)
        trace = next(one for one in right if one.problem == row["problem"])
        assert trace.steps[row["depth"]].text == written and row["prompt"][0]["content"] == trace.question
        assert trace.thinking.startswith(chosen[7:].removesuffix("\n</think>"))
    assert found == expected and len(rows) > 5


def test_a_margin_leaves_out_what_is_close(run: Path, data: Path, tmp_path: Path) -> None:
    every = [row["margin"] for row in lines(data / "preferences/train.jsonl")]
    least = sorted(every)[len(every) // 2]
    api.export(run, tmp_path / "out", decode="traces", margin=least)
    some = [row["margin"] for row in lines(tmp_path / "out/preferences/train.jsonl")]
    assert some == [one for one in every if one >= least] and 0 < len(some) < len(every)


def test_labels_are_right_on_what_can_be_checked(run: Path, data: Path, tmp_path: Path) -> None:
    """The miniature's steps are sums: a false one is miscalculated, a true one is not; the words are those of records."""
    rows = loaded(data, "step_labels", tmp_path).to_list()
    texts = {trace.question: [step.text.removeprefix("\n") for step in trace.steps] for trace in traces(run)}
    right = {trace.question for trace in traces(run) if trace.correct}
    assert {row["prompt"] for row in rows} == right
    for row in rows:
        assert row["labels"] == [True] * (len(row["labels"]) - 1) + [row["labels"][-1]]
        before = row["completions"] if row["labels"][-1] else row["completions"][:-1]
        assert before == texts[row["prompt"]][: len(before)]
        assert len(row["labels"]) == len(row["completions"]) == len(row["scores"]) == len(row["authors"])
        for text, label in zip(row["completions"], row["labels"], strict=True):
            assert label == calculates(text), text
    assert sum(all(row["labels"]) for row in rows) == len(right) and not all(all(row["labels"]) for row in rows)


def calculates(step: str) -> bool:
    one, operator, other, result = re.search(r": (\d+) ([-+*]) (\d+) = (-?\d+)\.", step).groups()  # type: ignore[union-attr]
    values = {"+": int(one) + int(other), "-": int(one) - int(other), "*": int(one) * int(other)}
    return values[operator] == int(result)


def test_whole_traces_make_pairs_and_no_false_steps(run: Path, tmp_path: Path) -> None:
    made = api.export(run, tmp_path / "out", decode="curated")
    assert made.rows["preferences"] > 0
    assert {row["depth"] for row in lines(tmp_path / "out/preferences/train.jsonl")} == {0}
    assert all(all(row["labels"]) for row in lines(tmp_path / "out/step_labels/train.jsonl"))


def test_wrong_traces_are_left_out_or_told(run: Path, tmp_path: Path) -> None:
    verdicts = [trace.correct for trace in traces(run, "curated")]
    assert set(verdicts) == {True, False}, "the run has no wrong trace to leave out"
    counts = {}
    for keep in (None, "correct", "all"):
        made = api.export(run, tmp_path / f"{keep}", decode="curated", keep=keep)  # type: ignore[arg-type]
        counts[keep] = (made.rows["messages"], {row["correct"] for row in lines(made.to / "preferences/train.jsonl")})
        assert ("Wrong traces are included" in (made.to / "README.md").read_text()) == (keep != "correct")
    assert counts[None] == (len(verdicts), {True})
    assert counts["correct"] == (sum(verdicts), {True})
    assert counts["all"] == (len(verdicts), {True, False})


def candidate(
    parent: Trajectory, text: str, score: float, *, closes: bool = False, forced: bool = False
) -> CandidateRecord:
    grown = parent.extend((Step(text, ("a",), 1),) if text else (), finished=closes or forced, forced=forced)
    return CandidateRecord(
        "p", 1, grown.key, parent.key, text, ("a",), score, 0.0, grown.finished, forced, "kept", 1, 1, ()
    )


def test_which_siblings_lose() -> None:
    """Same words, equal or higher score: no losers. A teacher's own end is part of the step, one by force is not."""
    start = Trajectory()
    one = start.extend((Step("\nA", ("a",), 1),), finished=False)
    steps = tuple(StepRecord(text, ("a",), 1, None, "") for text in ("\nA", "\nB"))
    trace = TraceRecord("p", "q", "r", steps, "x", "a", True, False, 0.9, 2, 4, 1)
    proposed = [
        candidate(start, "\nA", 0.5), candidate(start, "\nA ", 0.1), candidate(start, "\nA", 0.3, closes=True),
        candidate(start, "\nC", 0.5), candidate(start, "\nD", 0.6), candidate(start, "\nE", 0.4),
        candidate(start, "\nE ", 0.2),
        candidate(one, "\nB", 0.9), candidate(one, "\nB", 0.9, closes=True), candidate(one, "", 0.2, closes=True),
        candidate(one, "\nF", 0.1, forced=True),
    ]  # fmt: skip
    first, last = choices(trace, proposed)
    assert [loser.text for loser in first.losers] == ["\nE"]
    assert partial_text(first.prefix, first.chosen) == "<think>\nA"
    assert partial_text(last.prefix, last.chosen) == "<think>\nA\nB\n</think>"
    assert [partial_text(last.prefix, loser) for loser in last.losers] == ["<think>\nA\n</think>", "<think>\nA\nF"]
    assert [(loser.text, gap) for loser, gap in last.lower_by(0.75)] == [("\nF", 0.8)]


def test_offsets_count_code_points() -> None:
    steps = tuple(StepRecord(text, ("a",), 1, 0.5, "") for text in ("\n📚 naïve ½", "\n\u2028é", "\nB"))
    row = messages_row(TraceRecord("p", "q", "r", steps, "\n\n答", "a", True, False, 0.9, 2, 4, 1))
    text: str = row["messages"][1]["content"]  # type: ignore[index]
    spans: Rows = [*row["spans"], row["answer_span"]]  # type: ignore[misc]
    assert [text[one["start"] : one["end"]] for one in spans] == [*(step.text for step in steps), "\n\n答"]


def test_only_single_steps_are_labelled_false() -> None:
    """Neither a sibling of several steps, nor a single step beside a chosen rest of several."""
    start = Trajectory()
    steps = tuple(StepRecord(text, ("a",), 1, 0.5, "") for text in ("\nA", "\nB"))
    trace = TraceRecord("p", "q", "r", steps, "x", "a", True, False, 0.9, 2, 4, 1)
    chosen, single, several = (
        candidate(start, text, score) for text, score in (("\nA", 0.5), ("\nC", 0.2), ("\nD", 0.1))
    )
    rest = candidate(start, "\nA\nB", 0.9, closes=True)
    lengths = {single.candidate: 1, several.candidate: 2}
    assert [row["completions"] for row in label_rows(trace, [chosen, single, several], lengths, 0)] == [
        ["A", "B"],
        ["C"],
    ]
    assert [row["completions"] for row in label_rows(trace, [rest, single, several], lengths, 0)] == [["A", "B"]]
    assert not list(label_rows(replace(trace, correct=False), [chosen, single], lengths, 0))


@pytest.fixture(scope="module")
def mini() -> tuple[Any, Any]:
    path = CHECKPOINTS / "adder"
    return AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)


def settings(tmp_path: Path) -> dict[str, Any]:
    return {"output_dir": str(tmp_path), "report_to": [], "use_cpu": True, "bf16": False, "max_length": None}


@pytest.mark.parametrize("form", ["messages", "prompt_completion"])
def test_sft_trainer_encodes_the_rows(data: Path, tmp_path: Path, mini: tuple[Any, Any], form: str) -> None:
    rows, (model, tokenizer) = loaded(data, form, tmp_path), mini
    trainer = SFTTrainer(model, SFTConfig(**settings(tmp_path)), train_dataset=rows, processing_class=tokenizer)
    for row, made in zip(rows, trainer.train_dataset, strict=True):
        turns = row["messages"] if form == "messages" else row["prompt"] + row["completion"]
        text = f"Question: {turns[0]['content']}\n{turns[1]['content']}<|end|>"
        assert tokenizer.decode(made["input_ids"]) == text
        learned = tokenizer.decode([label for label in made["labels"] if label != -100])
        assert learned == (text if form == "messages" else f"{turns[1]['content']}<|end|>")


def test_dpo_trainer_encodes_the_rows(data: Path, tmp_path: Path, mini: tuple[Any, Any]) -> None:
    rows, (model, tokenizer) = loaded(data, "preferences", tmp_path), mini
    trainer = DPOTrainer(model, args=DPOConfig(**settings(tmp_path)), train_dataset=rows, processing_class=tokenizer)
    for row, made in zip(rows, trainer.train_dataset, strict=True):
        assert tokenizer.decode(made["prompt_ids"]) == f"Question: {row['prompt'][0]['content']}\n"
        for name in ("chosen", "rejected"):
            assert tokenizer.decode(made[f"{name}_ids"]) == row[name][0]["content"] + "<|end|>"


def test_pairs_of_steps_alone_as_the_document_makes_them(data: Path, tmp_path: Path, mini: tuple[Any, Any]) -> None:
    """The code of docs/data.md: the shared prefix becomes prompt, and no end of turn is learned after a step."""
    code = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "data.md").read_text(), re.DOTALL)
    rows, (model, tokenizer) = loaded(data, "preferences", tmp_path), mini
    names = {"tokenizer": tokenizer, "pairs": rows, "model": model, "DPOTrainer": DPOTrainer}
    names["args"] = DPOConfig(**settings(tmp_path))
    exec(next(text for text in code if "step_start" in text), names)
    made = names["trainer"].train_dataset
    assert len(made) == len(rows)
    for row, one in zip(rows, made, strict=True):
        at = row["step_start"]
        opened = f"Question: {row['prompt'][0]['content']}\n{row['chosen'][0]['content'][:at]}"
        assert tokenizer.decode(one["prompt_ids"]) == opened
        for name in ("chosen", "rejected"):
            assert tokenizer.decode(one[f"{name}_ids"]) == row[name][0]["content"][at:]


def test_llama_factory_is_told_of_the_dialogues(data: Path, tmp_path: Path) -> None:
    """Its loader opens ``file_name`` beside ``dataset_info.json`` as plain JSON Lines, and reads turns by these tags."""
    ((name, entry),) = json.loads((data / "dataset_info.json").read_text()).items()
    assert name == "small_traces" and entry["formatting"] == "sharegpt"
    read = load_dataset("json", data_files=[str(data / entry["file_name"])], cache_dir=str(tmp_path), split="train")
    tags = entry["tags"]
    for row in read:
        roles = [turn[tags["role_tag"]] for turn in row[entry["columns"]["messages"]]]
        assert roles == [tags["user_tag"], tags["assistant_tag"]]
        assert all(turn[tags["content_tag"]] for turn in row["messages"])


def test_the_card(run: Path, data: Path) -> None:
    _, head, text = (data / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    described = yaml.safe_load(head)
    assert [one["config_name"] for one in described["configs"]] == list(FORMS) and "license" not in described
    right = sum(trace.correct for trace in traces(run))
    for said in (
        f"{right / 5:.3f} ± ", "5 problems", "`predictive_perplexity`", "adder", "subtracter", "`beam`", "cordspec 0.1.0",
        "No licence is named", "by score, not by humans", "code points", stage(run, "traces").name,
    ):  # fmt: skip
        assert said in text, said
    assert str(run.parent) not in text


def told(done: subprocess.CompletedProcess[str], code: str, exit_code: int) -> str:
    assert done.returncode == exit_code and f"error[{code}]" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_only_an_untouched_export_is_replaced(run: Path, cordspec: Run, tmp_path: Path) -> None:
    command = ["export", str(run), "--decode", "traces", "--to"]
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        assert cordspec(*command, "empty").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]
    first = contents(tmp_path / "empty")
    assert cordspec(*command, "empty", "--form", "messages").returncode == 0
    assert set(contents(tmp_path / "empty")) < set(first), "what is no longer exported is gone"
    card = tmp_path / "empty" / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: mit\n", 1))
    assert "changed since" in told(cordspec(*command, "empty"), "E710", 2)
    assert "license: mit" in card.read_text()
    assert cordspec(*command, "mine").returncode == 0
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert "notes.txt" in told(cordspec(*command, "mine"), "E710", 2)
    (tmp_path / "file").write_text("mine")
    assert "is a file" in told(cordspec(*command, "file"), "E710", 2)
    before = contents(run)
    told(cordspec(*command, str(run)), "E710", 2)
    told(cordspec(*command, str(stage(run, "traces"))), "E710", 2)
    assert contents(run) == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_full_disk_leaves_nothing_half_written(run: Path, cordspec: Run, tmp_path: Path, format: str) -> None:
    command = [sys.executable, "-m", "cordspec", "export", str(run), "--decode", "traces", "--format", format, "--to"]
    assert cordspec(*command[3:], "old", "--form", "messages").returncode == 0
    before = contents(tmp_path / "old")
    for to in ("old", "new"):
        done = subprocess.run(
            [*command, to], cwd=tmp_path, capture_output=True, text=True, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        )  # fmt: skip
        assert "choose another --to" in told(done, "E702", 5)
    assert contents(tmp_path / "old") == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_is_not_there_is_named(run: Path, cordspec: Run, tmp_path: Path) -> None:
    to = ["--to", "out"]
    assert "traces, curated, strange" in told(cordspec("export", str(run), *to), "E709", 2)
    assert "traces, curated, strange" in told(cordspec("export", str(run), *to, "--decode", "trace"), "E709", 2)
    told(cordspec("export", str(run), *to, "--decode", "traces", "--variant", "base"), "E709", 2)
    told(cordspec("export", str(run), *to, "--decode", "traces", "--form", "preferences", "--margin", "2"), "E711", 2)
    told(cordspec("export", "nowhere", *to), "E708", 2)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError):
        api.export(run, tmp_path / "out", decode="nothing")


def test_a_damaged_stage_is_not_exported(cordspec: Run, tmp_path: Path, run: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    path = stage(tmp_path / "run", "traces") / "candidates.jsonl"
    path.write_text(path.read_text().replace("Step 1", "Step 9", 1))
    told(cordspec("export", "run", "--decode", "traces", "--to", "out"), "E706", 6)
    assert not (tmp_path / "out").exists()


def test_a_variant_of_a_sweep(cordspec: Run, tmp_path: Path) -> None:
    text = SPEC.split("search best")[0] + SPEC.split("match_tokens = traces }\n")[1].split("decode curated")[0]
    text = text.replace('problems odd : jsonl { path = "odd.jsonl" }\n', "")
    (tmp_path / "s.cord").write_text(text + "sweep w { vary = { beam3.size = [1, 2] } }\n")
    done = cordspec("run", "s.cord", "--limit", "1", "--out", "run")
    assert done.returncode == 0, done.stderr
    names = [one["name"] for one in json.loads((tmp_path / "run" / "variants.json").read_text())["variants"]]
    assert len(names) > 1
    assert names[0] in told(cordspec("export", "run", "--to", "out"), "E709", 2)
    for at, name in enumerate(names):
        assert cordspec("export", "run", "--to", f"out{at}", "--variant", name, "--keep", "all").returncode == 0
        assert f"| variant | `{name}` |" in (tmp_path / f"out{at}" / "README.md").read_text()


WITHOUT = "import sys; sys.modules['pyarrow'] = None; from cordspec.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_json_lines_need_no_pyarrow(run: Path, tmp_path: Path) -> None:

    def export(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, "export", str(run), "--decode", "traces", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert export("--to", "plain").returncode == 0
    assert "pip install pyarrow" in told(export("--to", "columns", "--format", "both"), "E601", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_the_commands_of_the_document_print_what_it_shows(cordspec: Run, tmp_path: Path, root: Path) -> None:
    text = (root / "docs" / "data.md").read_text()
    commands, shown = (re.search(rf"```{name}\n(.*?)```", text, re.DOTALL) for name in ("sh", "text"))
    (tmp_path / "specs").symlink_to(root / "specs")
    assert commands and shown
    for command in commands.group(1).splitlines():
        done = cordspec(*command.split()[1:])
        assert done.returncode == 0, done.stderr
    assert done.stdout == shown.group(1)
    assert "hello_traces" in (tmp_path / "data" / "dataset_info.json").read_text()
