"""Local problem sources: mapping of columns, what is wrong with a row and where, and that rows are read the same again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic
from cordspec.plugin import InvalidData, Problem, ProblemSource, Unavailable
from cordspec.run.stages.problems import content_hash
from cordspec_mini.problems import ChainProblems, MiniatureProblemsOptions
from cordspec_std.problems.csv_file import Csv, CsvOptions
from cordspec_std.problems.filtered import Filtered, FilteredOptions
from cordspec_std.problems.jsonl import JsonLines, JsonLinesOptions
from cordspec_std.problems.parquet_file import Parquet, ParquetOptions
from cordspec_std.problems.procedural import ReasoningGym, ReasoningGymOptions
from cordspec_std.problems.rows import MOST_CHARACTERS

ROWS = [
    {"question": f"What is {n} + {n}? Say it, with a \"reason\".\nTake your time.", "answer": str(2 * n), "thinking": f"{n} twice"}
    for n in range(5)
]  # fmt: skip
FORMATS = ["jsonl", "csv", "parquet"]


def written(directory: Path, format: str, rows: Sequence[dict[str, object]]) -> Path:
    path = directory / f"rows.{format}"
    if format == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif format == "csv":
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return path


def source(format: str, path: Path, **options: object) -> ProblemSource:
    kinds = {"jsonl": (JsonLines, JsonLinesOptions), "csv": (Csv, CsvOptions), "parquet": (Parquet, ParquetOptions)}
    component, settings = kinds[format]
    return component(settings(**{"path": str(path), "thinking": "thinking", **options}))


def refused(what: ProblemSource) -> str:
    with pytest.raises(InvalidData) as caught:
        list(what.load())
    return str(caught.value)


def expected(rows: Sequence[dict[str, object]]) -> list[tuple[str, str, str]]:
    return [(str(row["question"]), str(row["answer"]), str(row["thinking"])) for row in rows]


def found(problems: Sequence[Problem]) -> list[tuple[str, str, str]]:
    return [(one.question, one.answer, one.solution.thinking if one.solution else "") for one in problems]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_the_same_problems_again_and_again(format: str, tmp_path: Path) -> None:
    what = source(format, written(tmp_path, format, ROWS))
    first, second = list(what.load()), list(what.load())
    assert first == second and found(first) == expected(ROWS)
    plain = list(source("jsonl", written(tmp_path, "jsonl", ROWS)).load())
    assert content_hash(first) == content_hash(plain)
    changed = [*ROWS[:4], {**ROWS[4], "answer": "9"}]
    assert content_hash(list(source(format, written(tmp_path, format, changed)).load())) != content_hash(plain)


@pytest.mark.parametrize("format", FORMATS)
def test_limits_and_counts_are_respected(format: str, tmp_path: Path) -> None:
    path = written(tmp_path, format, ROWS)
    assert found(list(source(format, path, limit=2, rows=5).load())) == expected(ROWS[:2])
    assert "holds 5 problems, 4 were expected" in refused(source(format, path, rows=4))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": ""}, "`answer` is empty"),
        ({"question": "   "}, "`question` is empty"),
        ({"question": "x" * (MOST_CHARACTERS + 1)}, "`question` has 4,194,305 characters"),
    ],
    ids=["no answer", "blank question", "huge"],
)
def test_a_wrong_row_is_named_by_its_place(format: str, change: dict[str, object], said: str, tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answer": str(n), "thinking": "t"} for n in range(3)]
    path = written(tmp_path, format, [rows[0], {**rows[1], **change}, rows[2]])
    place = {"jsonl": f"{path}:2: ", "csv": f"{path}:3: ", "parquet": f"{path}: row 2: "}[format]
    told = refused(source(format, path))
    if format == "csv" and "characters" in said:
        assert told.startswith(f"{path}:3: this row is no CSV")
    else:
        assert told.startswith(place + said), told


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_is_not_utf8_is_named_by_its_line(format: str, tmp_path: Path) -> None:
    path = written(tmp_path, format, [{"question": "Ä?", "answer": "1"}, {"question": "B?", "answer": "2"}])
    path.write_bytes(path.read_bytes().replace(b"B?", b"\xff?"))
    assert refused(source(format, path)).startswith(f"{path}:{2 if format == 'jsonl' else 3}: this line is not UTF-8")


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_line_without_an_end_is_not_read_to_its_end(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cordspec_std.problems.files.MOST_BYTES", 100)
    path = written(tmp_path, format, [{"question": "q" * 200, "answer": "1"}])
    number = {"jsonl": 1, "csv": 2}[format]
    assert refused(source(format, path)) == f"{path}:{number}: this line has more than 100 bytes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question,answer\n1?,2,3\n", ":2: this row has 3 cells, the first line names 2 columns"),
        ("question,question\n1?,2\n", ":1: two columns have the same name"),
        ('question,answer\n"1?,2\n', ":2: this row is no CSV"),
        ("frage,answer\n1?,2\n", ":2: `question` is missing"),
    ],
)
def test_a_wrong_csv_is_told(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    assert refused(source("csv", path)).startswith(f"{path}{said}")


def test_csv_takes_another_delimiter_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffquestion\tanswer\n1, 2?\t3\n", encoding="utf-8")
    assert found(list(source("csv", path, delimiter="\t").load())) == [("1, 2?", "3", "")]


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("question,answer\n")
    assert "this is no Parquet file" in refused(source("parquet", path))


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_file_is_unavailable(format: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no such file"):
        list(source(format, tmp_path / "none").load())


@pytest.mark.parametrize("value", [True, [1, 2], {"a": 1}, None])
def test_an_answer_of_a_wrong_type_is_told(value: object, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "1?", "answer": value}) + "\n")
    lack = "is missing" if value is None else "is no text"
    assert refused(source("jsonl", path)) == f"{path}:1: `answer` {lack}"


TATQA = {
    "table": {"uid": "t", "table": [["", "2019", "2018"], ["Other", "44.1", "56.7"]]},
    "paragraphs": [{"uid": "a", "order": 1, "text": "In millions."}, {"uid": "b", "order": 2, "text": "Audited."}],
    "questions": [
        {"uid": "1", "question": "What is the change in Other?", "answer": -12.6, "scale": "million"},
        {"uid": "2", "question": "Which years are shown?", "answer": ["2019", "2018"], "scale": ""},
        {"uid": "3", "question": "Who says so?", "answer": ["the auditor"], "scale": ""},
        {"uid": "4", "question": "Who says so?", "answer": ["nobody"], "scale": ""},
    ],
}  # fmt: skip
AS_TATQA = {
    "each": "questions",
    "context": ("paragraphs.text", "table.table"),
    "scale": "scale",
    "ambiguous": "leave_out",
}


def test_questions_over_tables_carry_their_table_and_their_scale(tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl", [TATQA])
    problems = list(source("jsonl", path, **AS_TATQA).load())
    context = "In millions.\nAudited.\n\n|  | 2019 | 2018 |\n| Other | 44.1 | 56.7 |"
    assert [one.answer for one in problems] == ["-12.6 million", "2019; 2018"]
    assert problems[0].question == f"{context}\n\nWhat is the change in Other?"


def test_a_wrong_row_inside_a_row_is_named(tmp_path: Path) -> None:
    wrong = {**TATQA, "questions": [TATQA["questions"][0], {"question": "Why?", "scale": ""}]}
    path = written(tmp_path, "jsonl", [TATQA, wrong])
    assert refused(source("jsonl", path, **AS_TATQA)) == f"{path}:2 (questions 2): `answer` is missing"
    assert "`questions` is missing" in refused(source("jsonl", written(tmp_path, "jsonl", [ROWS[0]]), **AS_TATQA))


def test_choices_are_lettered_and_a_number_is_a_letter(tmp_path: Path) -> None:
    row = {"question": "Which is a fish?", "options": ["cow", "trout", "owl"], "answer": 1}
    path = written(tmp_path, "jsonl", [row])
    (one,) = source("jsonl", path, choices="options").load()
    assert (one.question, one.answer) == ("Which is a fish?\n\nA. cow\nB. trout\nC. owl", "B")
    (other,) = source("jsonl", path, choices="options", template="{choices}\nNow: {question}").load()
    assert other.question == "A. cow\nB. trout\nC. owl\nNow: Which is a fish?"
    wrong = written(tmp_path, "jsonl", [{**row, "answer": 3}])
    assert "`answer` is 3, and there are 3 choices" in refused(source("jsonl", wrong, choices="options"))


SPEC = """cord 1
experiment e {{ seed = 3 }}
problems p : jsonl {{ path = "rows.jsonl", {more} }}
model a : mini {{ name = adder }}
eval v : math_answers {{ model = a, problems = p, samples = 1, max_tokens = 8tok }}
"""


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ('context = ["notes", "answer"]', "E501"),
        ('context = ["answer.text"]', "E501"),
        ('answer = "all.answer", context = ["all"]', "E501"),
        ('choices = "answer"', "E501"),
        ('scale = "unit", context = ["unit"]', "E501"),
        ('template = "{answer} {question}"', "E204"),
        ('template = "{context}"', "E204"),
    ],
)
def test_the_answer_is_not_mapped_into_what_teachers_see(
    more: str, code: str, diagnose: Callable[..., list[Diagnostic]]
) -> None:
    assert [one.code for one in diagnose(SPEC.format(more=more))] == [code]


def test_the_outer_row_keeps_no_answers_of_the_inner_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl", [TATQA])
    leaking = {**AS_TATQA, "context": ("questions.answer",)}
    assert "`questions.answer` is missing" in refused(source("jsonl", path, **leaking))


def test_reasoning_gym_repeats_and_its_own_scorer_takes_the_answers() -> None:
    import reasoning_gym

    options = ReasoningGymOptions(task="chain_sum", seed=5, size=20, settings={"min_terms": 3, "max_terms": 4})
    problems = list(ReasoningGym(options).load())
    assert problems == list(ReasoningGym(options).load()) and len(problems) == 20
    assert problems != list(ReasoningGym(options.model_copy(update={"seed": 6})).load())
    made = reasoning_gym.create_dataset("chain_sum", seed=5, size=20, min_terms=3, max_terms=4)
    assert [made.score_answer(one.answer, entry) for one, entry in zip(problems, made, strict=True)] == [1.0] * 20
    assert [made.score_answer(one.answer + "1", entry) for one, entry in zip(problems, made, strict=True)] != [1.0] * 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "chain_summ"}, "reasoning-gym has no task `chain_summ`"),
        ({"task": "chain_sum", "settings": {"terms": 3}}, "does not take these settings"),
        ({"task": "chain_sum", "settings": {"min_terms": 9}}, "does not take these settings"),
        ({"task": "countdown", "size": 3}, ""),
    ],
)
def test_reasoning_gym_tells_what_a_task_does_not_do(options: dict[str, object], said: str) -> None:
    what = ReasoningGym(ReasoningGymOptions(**options))
    if said:
        assert said in refused(what)
    else:
        assert all(one.answer for one in what.load())


def test_chain_arithmetic_repeats() -> None:
    what = ChainProblems(MiniatureProblemsOptions(count=30, seed=4))
    assert content_hash(list(what.load())) == content_hash(list(what.load()))


def finished_run(directory: Path, draws: dict[str, dict[str, list[tuple[bool, int]]]]) -> Path:
    """A run directory with predictions of evaluations: for each problem, whether each sample is right, and its tokens."""
    run = directory / "run"
    stages = [{"kind": "problems", "block": "p", "id": "problems-p-0"}]
    blocks: dict[str, object] = {"p": {"options": {}}}
    (run / "stages/problems-p-0").mkdir(parents=True)
    problems = list(next(iter(draws.values())))
    lines = (json.dumps({"id": one, "question": f"{one}?", "answer": f"because {one}"}) + "\n" for one in problems)
    (run / "stages/problems-p-0/problems.jsonl").write_text("".join(lines))
    for name, drawn in draws.items():
        stages.append({"kind": "evaluate", "block": name, "id": f"evaluate-{name}-0"})
        blocks[name] = {"options": {"problems": "p"}}
        (run / f"stages/evaluate-{name}-0").mkdir()
        rows = [
            {"problem": one, "sample": at, "text": "", "tokens": tokens, "finish": "stop", "correct": right}
            for one, samples in drawn.items()
            for at, (right, tokens) in enumerate(samples)
        ]
        (run / f"stages/evaluate-{name}-0/predictions.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    (run / "manifest.json").write_text(json.dumps({"stages": stages, "blocks": blocks}))
    return run


LONG, SHORT = (False, 2_000), (False, 100)


def test_hard_problems_are_those_that_one_model_missed_every_time_at_length(tmp_path: Path) -> None:
    draws = {
        "llama": {"a": [LONG] * 3, "b": [LONG, LONG, (True, 2_000)], "c": [SHORT] * 3, "d": [(True, 9)] * 3},
        "qwen": {"a": [(True, 9)] * 3, "b": [SHORT] * 3, "c": [SHORT, LONG, LONG], "d": [LONG, LONG, (True, 10)]},
    }
    run = finished_run(tmp_path, draws)
    options = FilteredOptions(run=str(run), evals=("llama", "qwen"))
    assert [one.question for one in Filtered(options).load()] == ["a?", "c?"]
    assert [one.answer for one in Filtered(options.model_copy(update={"limit": 1})).load()] == ["because a"]
    assert "2 problems of" in refused(Filtered(options.model_copy(update={"rows": 3})))
    assert "has 3 samples of a problem, 4 are needed" in refused(Filtered(options.model_copy(update={"wrong": 4})))
    assert "no finished evaluation `phi`" in refused(Filtered(options.model_copy(update={"evals": ("phi",)})))
    with pytest.raises(Unavailable, match="there is no finished run"):
        list(Filtered(options.model_copy(update={"run": str(tmp_path / "none")})).load())
