"""Evaluations run with the miniature models: what is recorded, compared and refused, graded again, and judged by a service."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import fmean, stdev

import pytest

from cordspec import api
from cordspec.artifacts.records import PredictionRecord, read_lines
from cordspec.errors import CordspecError, UsageError

SPEC = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 6 }
problems q : inventory { count = 6, seed = 9 }
problems fewer : inventory { count = 5 }
model adder : mini { name = adder }
model multiplier : mini { name = multiplier }
eval alone : math_answers { model = adder, problems = p, samples = 4, max_tokens = 256tok }
eval other       like alone { model = multiplier }
eval draws       like alone { samples = 2 }
eval cooler      like alone { temperature = 0.3 }
eval cut         like alone { max_tokens = 60tok }
eval elsewhere   like alone { problems = q }
eval in_part     like alone { problems = fewer }
eval as_text     like alone { grader = exact }
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("evaluations")
    (directory / "e.cord").write_text(SPEC)
    return api.execute(api.load(directory / "e.cord"), directory / "run")


def stage(run: Path, block: str) -> Path:
    return next(path for path in (run / "stages").iterdir() if re.fullmatch(rf"evaluate-{block}-\w+", path.name))


def predictions(run: Path, block: str) -> list[PredictionRecord]:
    return list(read_lines(stage(run, block) / "predictions.jsonl", PredictionRecord))


def recorded(run: Path, block: str) -> dict[str, dict]:
    return json.loads((stage(run, block) / "evaluation.json").read_text())


def metrics(run: Path, block: str) -> dict[str, dict[str, float]]:
    return json.loads((stage(run, block) / "metrics.json").read_text())["metrics"]


def test_predictions_are_stored_by_problem_and_draw_with_their_verdicts(done: Path) -> None:
    found = predictions(done, "alone")
    assert [one.sample for one in found] == [0, 1, 2, 3] * 6
    assert len({one.problem for one in found}) == 6
    assert all(one.correct == (one.outcome == "correct") == (one.score == 1.0) for one in found)
    assert all(one.answer for one in found if one.outcome in ("correct", "wrong"))


def test_metrics_are_those_of_the_predictions(done: Path) -> None:
    by_problem: dict[str, list[bool]] = {}
    for one in predictions(done, "other"):
        by_problem.setdefault(one.problem, []).append(one.correct)
    shares = [fmean(each) for each in by_problem.values()]
    found = metrics(done, "other")
    assert list(found) == ["pass_at_1", "pass_at_k", "majority", "score"]
    assert found["pass_at_1"]["value"] == pytest.approx(fmean(shares))
    assert found["pass_at_1"]["standard_error"] == pytest.approx(stdev(shares) / 6**0.5)
    assert found["pass_at_k"]["value"] == pytest.approx(fmean(any(each) for each in by_problem.values()))
    assert (found["pass_at_1"]["n"], found["pass_at_1"]["samples"]) == (6, 4)


def test_what_was_asked_is_recorded(done: Path) -> None:
    asked = recorded(done, "alone")["asked"]
    assert asked["templates"] == ["Question: {}\n<think>"]
    assert asked["sampling"] == [
        {"temperature": 0.6, "top_p": 1.0, "top_k": 0, "max_tokens": 256, "min_tokens": 0, "stop": []}
    ]
    assert asked["first_prompt"].startswith("Question: Shelf A") and asked["first_prompt"].endswith("\n<think>")
    assert asked["data"] == recorded(done, "other")["asked"]["data"] != recorded(done, "elsewhere")["asked"]["data"]
    assert recorded(done, "alone")["checked_by"] == "math_verify 2"


def test_draws_without_an_answer_and_cut_off_ones_are_counted(done: Path) -> None:
    cut = recorded(done, "cut")["answers"]
    assert cut["outcomes"] == {"no answer": 24}
    assert (cut["no_answer"]["value"], cut["truncated"]["value"], cut["tokens"]["value"]) == (1.0, 1.0, 60.0)
    assert {one.reason for one in predictions(done, "cut")} == {"it was cut off while thinking"}
    whole = recorded(done, "alone")["answers"]
    assert whole["truncated"]["value"] == 0.0
    assert whole["tokens"]["value"] == pytest.approx(fmean(one.tokens for one in predictions(done, "alone")))


def test_evaluations_that_were_asked_alike_are_compared(done: Path) -> None:
    made = api.compare(f"{done}:alone", f"{done}:other")
    found = made.data["comparison"]
    assert isinstance(found, dict)
    assert found["difference"]["n"] == 6 and 0 < found["p"] <= 1
    assert found["low"] <= found["difference"]["value"] <= found["high"]
    assert "| difference | value | 95 % interval | n | p |" in made.to_markdown()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("draws", "unequal n: 4 draws a problem and 2 draws a problem"),
        ("cooler", "different sampling: temperature 0.6 and 0.3"),
        ("cut", "different sampling: max_tokens 256 and 60"),
        ("elsewhere", "different problems: 12 of 12 are in one of them only"),
        ("in_part", "different problems: 1 of 6 are in one of them only"),
        ("as_text", "different graders: math_verify 2 and exact 1"),
    ],
)
def test_others_are_refused_with_the_reason(done: Path, other: str, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        api.compare(f"{done}:alone", f"{done}:{other}")
    (told,) = refused.value.diagnostics
    assert told.code == "E812" and told.message.endswith(reason)


def test_other_prompts_are_refused(done: Path, tmp_path: Path) -> None:
    """The same problems, asked in other words: what the record says of them is all that differs."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(done, copy)
    path = stage(copy, "other") / "evaluation.json"
    path.write_text(path.read_text().replace(recorded(done, "other")["asked"]["data"], "0" * 64))
    with pytest.raises(UsageError, match="different prompts"):
        api.compare(f"{done}:alone", f"{copy}:other")


def test_the_table_has_the_shape_of_lm_evals(done: Path) -> None:
    lines = api.lm_eval_table(done).splitlines()
    assert re.fullmatch(r"\|Tasks +\|Version\|Filter +\|n-shot\|Metric +\| \|Value +\| \|Stderr\|", lines[0])
    assert re.fullmatch(r"\|-+\|-+:\|-+\|-+:\|-+\|-\|-+:\|-\|-+:\|", lines[1])
    value = metrics(done, "alone")["pass_at_1"]
    row = rf"\|alone +\| +1\|math_verify\| +0\|pass_at_1 *\|↑\| *{value['value']:.4f}\|±\| *{value['standard_error']:.4f}\|"
    assert re.fullmatch(row, lines[2])
    assert len({len(line) for line in lines}) == 1


def test_predictions_are_graded_again_without_a_model(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cordspec_mini.models import Mini

    monkeypatch.setattr(Mini, "open", lambda self: pytest.fail("a model was opened"))
    (found,) = api.regrade(done, ["integer"], evals=["other"])
    right = sum(one.correct for one in predictions(done, "other"))
    assert (found.first, found.second) == ("the run (math_verify 2)", "integer 1")
    assert (found.draws, found.right_first, found.right_second, found.failed_second) == (24, right, 0, 24)
    assert len(found.disagreements) == right > 0
    assert all(one.first.correct and one.second.outcome == "failed" for one in found.disagreements)
    (same,) = api.regrade(done, ["math_verify"], evals=["other"])
    assert same.disagreements == () and same.right_second == right
    text = api.render_regrade([found]).to_markdown()
    assert "## Disagreements: other" in text and "failed: the reference is no whole number" in text


def test_two_graders_are_held_against_each_other(done: Path) -> None:
    found = {one.eval: one for one in api.regrade(done, ["math_verify", "numeric"])}
    assert set(found) == {"alone", "other", "draws", "cooler", "cut", "elsewhere", "in_part", "as_text"}
    assert found["other"].first == "math_verify 2" and found["other"].second == "numeric 1"
    assert found["cut"].right_first == 0 and not found["cut"].disagreements


@pytest.mark.parametrize(
    ("graders", "message"),
    [(["nobody"], "no grader named `nobody` is installed"), (["exact", "integer", "tatqa"], "3 graders are named")],
)
def test_graders_that_cannot_be_used_are_named(done: Path, graders: list[str], message: str) -> None:
    words = [word for name in graders for word in ("--grader", name)]
    command = [sys.executable, "-m", "cordspec", "regrade", str(done), *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "error[E811]" in ended.stderr and message in ended.stderr


def test_an_expectation_may_name_every_metric_and_a_k_beyond_the_draws_is_told(
    diagnose: Callable[..., list], tmp_path: Path
) -> None:
    assert [
        one.code
        for one in diagnose(SPEC.replace("samples = 4,", "samples = 4, expect = { majority = 0..1, score = 0..1 },"))
    ] == []
    (told,) = diagnose(SPEC.replace("samples = 4,", "samples = 4, k = 5,").split("eval other")[0])
    assert told.label == "pass@5 needs 5 draws, `samples` says 4"


def test_variants_that_were_not_asked_alike_are_listed_and_not_compared(tmp_path: Path) -> None:
    one = SPEC.split("eval other")[0].replace("count = 6 }", "count = 3 }", 1).replace("samples = 4", "samples = 2")
    sweep = "sweep s { vary = { alone.samples = [1], alone.model = [multiplier] } }\n"
    (tmp_path / "s.cord").write_text(one + sweep)
    variants, _ = api.variants(api.read(tmp_path / "s.cord"))
    made = api.render(api.execute(variants, tmp_path / "run"))
    assert isinstance(made.data["refused"], list) and isinstance(made.data["comparisons"], list)
    assert [(each["first"], each["reason"]) for each in made.data["refused"]] == [
        ("alone [alone.samples=1]", "unequal n: 1 draw a problem and 2 draws a problem")
    ]
    assert [each["first"] for each in made.data["comparisons"]] == ["alone [alone.model=multiplier]"]
    assert "## Not compared" in made.to_markdown()


# a judge


class Judge:
    """A chat service that finds every answer with an 18 in it right, and to one question replies with something else."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                message = body["messages"][-1]["content"]
                service.messages.append(message)
                answer = message.split("<answer>\n")[1]
                text = "I cannot tell." if "Shelf A 2" in answer else json.dumps({"correct": "1" in answer})
                content = {
                    "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 9, "completion_tokens": 5},
                }
                data = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    service = Judge()
    monkeypatch.setenv("CORDSPEC_SERVICE_JUDGING_URL", f"http://127.0.0.1:{service.server.server_port}/v1")
    monkeypatch.setenv("CORDSPEC_SERVICE_JUDGING_KEY", "k")
    yield service
    service.server.shutdown()
    service.server.server_close()


JUDGED = """cord 1
experiment j { seed = 3 }
problems p : inventory { count = 4 }
model adder : mini { name = adder }
model judging : openai { service = "judging", model = "m", retries = 0 }
eval judged : judged_answers { model = adder, problems = p, samples = 3, max_tokens = 256tok, judge = judging, judge_tokens = 64tok }
"""


def test_a_model_judges_and_what_it_said_is_kept(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "j.cord").write_text(JUDGED)
    run = api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")
    found = predictions(run, "judged")
    assert len(found) == 12 and {one.outcome for one in found} <= {"correct", "wrong", "failed"}
    for one in found:
        _, _, written = one.text.rpartition("</think>")
        assert one.correct == ("1" in written)
    different = {(one.problem, one.text.rpartition("</think>")[2].strip()) for one in found}
    assert len(judge.messages) == len(different), "one answer is judged once"
    assert all("<reference>\nA " in message for message in judge.messages)
    costs = json.loads((stage(run, "judged") / "metrics.json").read_text())["ledger"]
    assert costs["judge"]["calls"] == 12
    record = recorded(run, "judged")
    assert record["checked_by"] == "model judging"
    asked = len(judge.messages)
    again = tmp_path / "run" / "stages" / stage(run, "judged").name
    for path in sorted(again.iterdir()):
        path.unlink()
    again.rmdir()
    api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")
    assert len(judge.messages) == asked, "the journal knows what the judge said"
    assert predictions(run, "judged") == found


COMPARED = (
    JUDGED
    + """
model same : openai { service = "judging", model = "m", retries = 0 }
eval renamed    like judged { judge = same }
eval best_of    like judged { k = 2 }
eval warmer     like judged { judge_temperature = 0.5 }
eval shorter    like judged { judge_tokens = 32tok }
eval in_words   like judged { judge_prompt = "{question}{reference}<answer>\\n{answer}" }
eval by_grader : math_answers { model = adder, problems = p, samples = 3, max_tokens = 256tok }
"""
)


REASONS = {
    "renamed": "",
    "best_of": "",
    "warmer": "different judges: judge_temperature 0.0 and 0.5",
    "shorter": "different judges: judge_tokens 64 and 32",
    "in_words": "different judges: judge_prompt",
    "by_grader": "different graders: model judging and math_verify 2",
}


@pytest.fixture
def judged(judge: Judge, tmp_path: Path) -> Path:
    (tmp_path / "j.cord").write_text(COMPARED)
    return api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")


def other_model(tmp_path: Path) -> Path:
    """A run in which another model judges behind a block of the same name."""
    (tmp_path / "other.cord").write_text(JUDGED.replace('model = "m"', 'model = "n"'))
    return api.execute(api.load(tmp_path / "other.cord"), tmp_path / "other")


def why(one: str, other: str) -> str:
    """Why two evaluations are not compared; empty where they are."""
    try:
        api.compare(one, other)
    except UsageError as refused:
        return refused.diagnostics[0].message.partition("cannot be compared: ")[2]
    return ""


def test_a_judge_is_what_its_block_stands_for_and_not_its_name(judged: Path, tmp_path: Path) -> None:
    assert {other: why(f"{judged}:judged", f"{judged}:{other}") for other in REASONS} == REASONS
    other = other_model(tmp_path)
    assert recorded(other, "judged")["checked_by"] == recorded(judged, "judged")["checked_by"] == "model judging"
    assert why(f"{judged}:judged", f"{other}:judged") == "different judges: what `judge` stands for"


def test_a_judge_that_is_known_by_its_name_only_is_found(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: of two judges with one name nothing else is recorded."""
    from cordspec.run import judges

    monkeypatch.setattr(judges, "identity", lambda block, makeup: {"judge": judges.named(block)})
    (tmp_path / "j.cord").write_text(JUDGED)
    run = api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")
    assert why(f"{run}:judged", f"{other_model(tmp_path)}:judged") == ""


def test_judged_evaluations_of_an_earlier_version_are_refused(judged: Path) -> None:
    path = stage(judged, "renamed") / "evaluation.json"
    record = recorded(judged, "renamed")
    del record["judge"]
    path.write_text(json.dumps({**record, "checked_by": "model judging"}))
    assert why(f"{judged}:judged", f"{judged}:renamed").startswith("what judged them was not recorded")


def test_a_judge_that_says_nothing_that_can_be_read_is_reported(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = JUDGED.replace(
        "judge_tokens = 64tok",
        'judge_tokens = 64tok, judge_prompt = "{question}{reference}<answer>\\nShelf A 2{answer}"',
    )
    (tmp_path / "j.cord").write_text(text)
    run = api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")
    found = predictions(run, "judged")
    assert {one.outcome for one in found} == {"failed"} and not any(one.correct for one in found)
    assert {one.reason for one in found} == {"the judge's reply is no verdict: 'I cannot tell.'"}
    assert recorded(run, "judged")["answers"]["outcomes"] == {"failed": 12}
    row = next(
        line for line in api.render(run).to_markdown().splitlines() if line.startswith("| judged | model judging")
    )
    assert row.endswith("| 12 |")


def test_a_judge_that_cannot_be_asked_ends_the_run(judge: Judge, tmp_path: Path) -> None:
    judge.server.shutdown()
    judge.server.server_close()
    (tmp_path / "j.cord").write_text(JUDGED)
    with pytest.raises(CordspecError):
        api.execute(api.load(tmp_path / "j.cord"), tmp_path / "run")
