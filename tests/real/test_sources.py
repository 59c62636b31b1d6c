"""Problem sources in whole runs: the hub from its cache, repeated rows, the construction of a set from a run's failures."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cordspec.plugin import InvalidData, Unavailable
from cordspec_std.problems.hub import Hub, HubOptions
from tests.unit.test_problem_sources import SPEC, TATQA, written

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
OLD, NEW = "a" * 40, "b" * 40


def test_repeated_rows_are_counted_and_contradicting_ones_refused(cordspec: Run, tmp_path: Path) -> None:
    rows = [{"question": f"{n % 3}?", "answer": str(n % 3)} for n in range(5)]
    written(tmp_path, "jsonl", rows)
    (tmp_path / "t.cord").write_text(SPEC.format(more="").replace(", }", " }"))
    assert cordspec("run", "t.cord", "--display", "plain").returncode == 0
    manifest = json.loads((tmp_path / "runs/e/manifest.json").read_text())
    assert manifest["stages"][0]["summary"] == "3 problems, repeated rows left out: 2"
    written(tmp_path, "jsonl", [*rows, {"question": "1?", "answer": "7"}])
    for command in ("run", "plan"):
        done = cordspec(command, "t.cord")
        assert done.returncode == 1 and "problem 6 asks the question of problem 2, with another answer" in done.stderr


def test_a_real_run_is_filtered(cordspec: Run, tmp_path: Path) -> None:
    """The whole construction in small: a model tries each problem three times, and what it misses is the next problem set."""
    written(tmp_path, "jsonl", [{"question": f"What is {n} + 1?", "answer": "no number"} for n in range(4)])
    text = SPEC.format(more="").replace(", }", " }").replace("samples = 1", "samples = 3")
    (tmp_path / "t.cord").write_text(text)
    assert cordspec("run", "t.cord").returncode == 0
    second = text.replace(
        'jsonl { path = "rows.jsonl" }', 'filtered { run = "runs/e", evals = ["v"], longer = 0tok, rows = 4 }'
    )
    (tmp_path / "u.cord").write_text(second)
    assert cordspec("validate", "u.cord").returncode == 0
    done = cordspec("run", "u.cord", "--out", "second")
    assert done.returncode == 0, done.stderr
    (stage,) = (tmp_path / "second/stages").glob("problems-p-*")
    assert len((stage / "problems.jsonl").read_text().splitlines()) == 4


def cached(cache: Path, dataset: str, commit: str, files: dict[str, str]) -> Path:
    """A data set in the hub's cache, as a download leaves it: files as blobs, linked from the commit's directory."""
    base = cache / f"datasets--{dataset.replace('/', '--')}"
    snapshot = base / "snapshots" / commit
    for number, (name, text) in enumerate(files.items()):
        blob = base / "blobs" / f"{commit[:8]}{number}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(text, encoding="utf-8")
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (base / "refs").mkdir(exist_ok=True)
    (base / "refs/main").write_text(commit)
    return snapshot


def lines(rows: Sequence[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    import datasets.config
    import huggingface_hub.constants

    where = tmp_path / "hub"
    where.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(where))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "prepared")
    return where


def hub(dataset: str, **options: object) -> Hub:
    return Hub(HubOptions(dataset=dataset, **options))


def test_a_pinned_revision_is_read_from_the_cache_whatever_main_is(cache: Path) -> None:
    cached(cache, "o/n", OLD, {"train.jsonl": lines([{"question": "old?", "answer": "1"}])})
    cached(cache, "o/n", NEW, {"train.jsonl": lines([{"question": "new?", "answer": "2"}])})
    assert [one.question for one in hub("o/n", revision=OLD).load()] == ["old?"]
    assert [one.question for one in hub("o/n", revision=OLD).load()] == ["old?"]
    unpinned = hub("o/n")
    assert ([one.question for one in unpinned.load()], unpinned.revision()) == (["new?"], NEW)


def test_a_wrong_row_of_the_hub_has_its_number(cache: Path) -> None:
    cached(
        cache, "o/n", OLD, {"train.jsonl": lines([{"question": "a?", "answer": "1"}, {"question": "b?", "answer": ""}])}
    )
    with pytest.raises(InvalidData, match=r"^o/n, train: row 2: `answer` is empty"):
        list(hub("o/n").load())
    with pytest.raises(InvalidData, match=r"the data set o/n cannot be read: .*test"):
        list(hub("o/n", split="test").load())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rows.txt": "a\nb\n"}, "is in the format `text`"),
        (
            {"README.md": "---\nconfigs:\n- config_name: default\n  data_files: ../../../secret.jsonl\n---\n"},
            "outside of itself",
        ),
        (
            {"README.md": "---\nconfigs:\n- config_name: default\n  data_files: https://a.invalid/x.jsonl\n---\n"},
            "outside of itself",
        ),
        ({"n.py": "raise SystemExit\n"}, "cannot be read"),
    ],
    ids=["another format", "a path that leads out", "an address", "a script"],
)
def test_only_rows_of_the_data_set_itself_are_read(cache: Path, files: dict[str, str], said: str) -> None:
    cached(cache, "o/n", OLD, files)
    (cache / "secret.jsonl").write_text(lines([{"question": "a?", "answer": "1"}]))
    with pytest.raises(InvalidData) as caught:
        list(hub("o/n").load())
    assert said in str(caught.value)


def test_without_the_data_and_a_network_one_diagnostic_says_how_to_get_it(cache: Path) -> None:
    what = hub("GAIR/LIMO", revision=OLD)
    with pytest.raises(Unavailable, match="is not in the cache of this machine") as caught:
        list(what.load())
    assert f"hf download --repo-type dataset GAIR/LIMO --revision {OLD}" in caught.value.help
    with pytest.raises(Unavailable, match="and the hub gave none"):
        what.fetch()
    with pytest.raises(Unavailable, match="and the hub gave none"):
        hub("GAIR/LIMO").revision()


RECIPES: dict[str, tuple[str, dict[str, object], dict[str, str], str]] = {
    "limo_v1": ("GAIR/LIMO", {"question": "q?", "solution": "worked", "answer": "7"}, {}, "7"),
    "limo_v2": ("GAIR/LIMO-v2", {"question": "q?", "solution": "worked", "answer": "7"}, {}, "7"),
    "s1k": (
        "simplescaling/s1K-1.1",
        {"question": "q?", "solution": "128", "deepseek_thinking_trajectory": "worked", "deepseek_attempt": "128"},
        {},
        "128",
    ),
    "aime24": ("HuggingFaceH4/aime_2024", {"id": 60, "problem": "q?", "solution": "s", "answer": "204"}, {}, "204"),
    "aime25": ("math-ai/aime25", {"problem": "q?", "answer": "70", "id": "0"}, {"file": "test.jsonl"}, "70"),
    "math500": ("HuggingFaceH4/MATH-500", {"problem": "q?", "answer": "\\frac{1}{2}"}, {"file": "test.jsonl"}, "\\frac{1}{2}"),
    "limo_v1_solved": ("GAIR/LIMO", {"question": "q?", "solution": "worked", "answer": "7"}, {}, "7"),
    "limo_v2_solved": ("GAIR/LIMO-v2", {"question": "q?", "solution": "worked", "answer": "7"}, {}, "7"),
    "s1k_solved": (
        "simplescaling/s1K-1.1", {"question": "q?", "solution": "128", "deepseek_thinking_trajectory": "worked"}, {}, "128"
    ),
}  # fmt: skip
"""Rows with the columns that the cards of these data sets describe, made for this test; nothing of theirs is in it."""


def preset(experiment: Callable[..., object], file: str, name: str, **changed: object) -> Hub:
    """The source that a preset describes, with fewer rows than the real data set has."""
    text = (
        f'cord 1\nimport "presets/{file}.cord" as it\nexperiment e {{}}\nmodel a : mini {{ name = adder }}\n'
        f"eval v : math_answers {{ model = a, problems = it.{name} }}\n"
    )
    found = experiment(text, name=str(ROOT / "specs" / "test.cord"))
    options = found.blocks[f"it.{name}"].options
    return Hub(options.model_copy(update={"rows": 1, **changed}))


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_reads_rows_of_its_data_sets_schema(name: str, cache: Path, experiment: Callable[..., object]) -> None:
    dataset, row, more, answer = RECIPES[name]
    cached(cache, dataset, OLD, {more.get("file", "train.jsonl"): lines([row])})
    (one,) = preset(experiment, "math", name).load()
    assert (one.question, one.answer) == ("q?", answer)
    assert (one.solution is not None and one.solution.thinking == "worked") == name.endswith("_solved")
    with pytest.raises(InvalidData, match="holds 1 problems, 2 were expected"):
        list(preset(experiment, "math", name, rows=2).load())


def test_the_recipe_of_tatqa_reads_its_nested_rows(cache: Path, experiment: Callable[..., object]) -> None:
    unanswered = {**TATQA, "questions": [{"uid": "9", "question": "Why?"}]}
    files = {"tatqa_dataset_test_gold.json": json.dumps([TATQA]), "tatqa_dataset_test.json": json.dumps([unanswered])}
    cached(cache, "next-tat/TAT-QA", OLD, files)
    problems = list(preset(experiment, "other_domains", "tatqa", rows=0).load())
    assert [one.answer for one in problems] == ["-12.6 million", "2019; 2018"]
    assert "| Other | 44.1 | 56.7 |\n\nWhat is the change in Other?" in problems[0].question


def test_the_recipe_of_pubmedqa_shows_the_golden_paragraph(cache: Path, experiment: Callable[..., object]) -> None:
    import pyarrow
    import pyarrow.parquet

    context = {"contexts": ["BACKGROUND.", "RESULTS."], "labels": ["A", "B"], "meshes": ["m"]}
    row = {"pubid": 1, "question": "Does it?", "context": context, "long_answer": "It does.", "final_decision": "yes"}
    card = "---\nconfigs:\n- config_name: pqa_artificial\n  data_files: pqa_artificial/train-*\n- config_name: pqa_labeled\n  data_files: pqa_labeled/train-*\n---\n"
    snapshot = cached(cache, "qiaojin/PubMedQA", OLD, {"README.md": card})
    for subset, rows in {"pqa_labeled": [row], "pqa_artificial": [row] * 3}.items():
        (snapshot / subset).mkdir()
        table = pyarrow.Table.from_pylist(rows)
        pyarrow.parquet.write_table(table, snapshot / subset / "train-00000-of-00001.parquet")
    (one,) = preset(experiment, "other_domains", "pubmedqa_labeled").load()
    assert (one.question, one.answer) == ("BACKGROUND.\nRESULTS.\n\nDoes it?", "It does.")


def test_a_run_reads_the_hubs_cache_and_records_the_revision(cordspec: Run, tmp_path: Path) -> None:
    where = tmp_path / "hub"
    cached(where, "o/n", OLD, {"train.jsonl": lines([{"question": "What is 1 + 1?", "answer": "2"}])})
    environment = {"HF_HUB_CACHE": str(where), "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "prepared")}
    text = SPEC.format(more="").replace('jsonl { path = "rows.jsonl",  }', 'hub { dataset = "o/n" }')
    (tmp_path / "t.cord").write_text(text)
    done = cordspec("run", "t.cord", **environment)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "runs/e/manifest.json").read_text())
    assert manifest["stages"][0]["summary"] == f"1 problems, revision {OLD}"
    assert cordspec("lock", "t.cord", **environment).returncode == 0
    assert json.loads((tmp_path / "t.cord.lock").read_text())["identities"]["p"] == OLD


def test_planning_fetches_nothing_and_a_run_says_what_is_missing(cordspec: Run, tmp_path: Path) -> None:
    text = SPEC.format(more="").replace(
        'jsonl { path = "rows.jsonl",  }', f'hub {{ dataset = "o/n", revision = "{OLD}", rows = 9 }}'
    )
    (tmp_path / "t.cord").write_text(text)
    environment = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    planned = cordspec("plan", "t.cord", **environment)
    assert planned.returncode == 0 and "not looked at, because not here: problems p" in planned.stdout
    done = cordspec("run", "t.cord", **environment)
    assert done.returncode == 3 and done.stderr.count("error[") == 1 and "error[E601]" in done.stderr
    assert f"hf download --repo-type dataset o/n --revision {OLD}" in done.stderr and "Traceback" not in done.stderr
