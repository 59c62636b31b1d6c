"""Provenance of whole runs with the real miniature: events tell what the run counted, and the commands show it."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.records import TraceRecord, read_lines
from cordspec.report.load import load_run
from cordspec.report.provenance.ledger import make_ledger
from cordspec.report.provenance.load import load_provenance

SPEC = """cord 1
experiment small { seed = 5, in_flight = 8 }
problems p : inventory { count = 6, seed = 3, length = 3..4 }
model adder      : mini { name = adder }
model subtracter : mini { name = subtracter }
model multiplier : mini { name = multiplier }
model prover     : mini { name = prover }
pool hetero { teachers = [adder, subtracter, multiplier], temperature = 1.2 }
segmenter steps : step_header { max_step = 48tok }
scorer pp : predictive_perplexity { prover = prover }
search beam3 : beam { size = 3, samples = 2 }
search best : curation { traces_per_teacher = 2 }
search uct : mcts { iterations = 3 }
decode traces {
  problems = p, pool = hetero, segmenter = steps, scorer = pp, search = beam3
  budget = { thinking = 300tok, answer = 48tok }
}
decode curated like traces { search = best }
decode rolled like traces { search = uct }
"""
DECODES = ("traces", "curated", "rolled")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a beam, whole traces and a tree search over the same problems."""
    directory = tmp_path_factory.mktemp("provenance")
    (directory / "small.cord").write_text(SPEC)
    return api.execute(api.load(directory / "small.cord"), directory / "run")


def stage(made: Path, decode: str) -> Path:
    return next((made / "stages").glob(f"decode-{decode}-*"))


@pytest.mark.parametrize("decode", DECODES)
def test_the_ledger_from_events_is_that_of_the_run(made: Path, decode: str) -> None:
    stored = json.loads((stage(made, decode) / "ledger.json").read_text())
    ledger = make_ledger(load_provenance(made, decode).histories)
    counted = {
        role: {
            "calls": costs.calls, "prompt_tokens": costs.prompt, "prefilled_tokens": costs.prefilled,
            "generated_tokens": costs.generated, "scored_tokens": costs.scored, "seconds": pytest.approx(costs.seconds),
        }
        for role, costs in ledger.by_role().items()
    }  # fmt: skip
    assert all(spend["wasted_tokens"] == 0 for spend in stored.values()), "nothing was guessed"
    left_out = ("remembered", "wasted_tokens")
    assert counted == {role: {k: v for k, v in spend.items() if k not in left_out} for role, spend in stored.items()}
    whole = ledger.all_tokens
    assert whole.kept + whole.discarded + whole.wasted == whole.generated
    assert whole.generated + whole.answers == stored["teacher"]["generated_tokens"]
    traces = list(read_lines(stage(made, decode) / "traces.jsonl", TraceRecord))
    assert whole.generated == sum(trace.generated for trace in traces)
    assert whole.answers == sum(trace.answer_tokens for trace in traces)
    assert (
        0
        <= sum(costs.reprefilled for costs in ledger.costs.values())
        <= sum(c.prefilled for c in ledger.costs.values())
    )


@pytest.mark.parametrize("decode", DECODES)
def test_the_trace_from_events_is_that_of_the_run(made: Path, decode: str) -> None:
    traces = list(read_lines(stage(made, decode) / "traces.jsonl", TraceRecord))
    found = load_provenance(made, decode).histories
    assert [history.problem for history in found] == [trace.problem for trace in traces]
    for trace, history in zip(traces, found, strict=True):
        steps = [(step.authors, step.tokens) for step in trace.steps]
        assert [(step.authors, step.length) for step in history.trace] == steps
    fates = {node.fate for history in found for node in history.nodes.values()}
    assert {"chosen", "dropped"} <= fates


def test_the_shares_of_a_report_are_those_of_a_plain_recount(made: Path) -> None:
    data = json.loads(api.render(made).to_json())["traces"]
    for decode in load_run(made).decodes:
        steps: Counter[str] = Counter()
        credit: Counter[tuple[str, str]] = Counter()
        for trace in decode.traces:
            for at, step in enumerate(trace.steps):
                for place in (f"{at * 5 // len(trace.steps)}", "all", step.tag):
                    steps[place] += 1
                    for author in step.authors:
                        credit[place, author] += 1 / len(step.authors)  # type: ignore[assignment]
        for teacher, shares in data[decode.name]["teacher_share_by_fifth"].items():
            assert shares == pytest.approx({place: credit[place, teacher] / steps[place] for place in shares})
        by_tag = data[decode.name]["teacher_share_by_tag"]
        assert set(by_tag) == {step.tag for trace in decode.traces for step in trace.steps if step.tag}
        for tag, shares in by_tag.items():
            assert shares == pytest.approx({teacher: credit[tag, teacher] / steps[tag] for teacher in shares})
        assert all(sum(shares.values()) == pytest.approx(1) for shares in by_tag.values())


def test_a_run_that_is_resumed_tells_the_same_events(made: Path, tmp_path: Path) -> None:
    """All answers come from the journal, and the events with what they cost when they were given."""
    (tmp_path / "small.cord").write_text(SPEC)
    before = (stage(made, "rolled") / "events.jsonl").read_bytes()
    (tmp_path / "run").mkdir()
    for name in ("run.db", "manifest.json"):
        (tmp_path / "run" / name).write_bytes((made / name).read_bytes())
    again = api.execute(api.load(tmp_path / "small.cord"), tmp_path / "run")
    assert (stage(again, "rolled") / "events.jsonl").read_bytes() == before


def test_the_commands_show_it(made: Path, cordspec: Run, tmp_path: Path) -> None:
    stats = cordspec("stats", str(made), "--decode", "traces", "--svg", "hits.svg")
    assert stats.returncode == 0, stats.stderr
    for table in (
        "Calls",
        "Tokens",
        "Teacher hit rate",
        "Teacher hit rate per proposal",
        "Lengths",
        "Compliance",
        "Scores",
    ):
        assert f"\n{table}\n" in stats.stdout
    assert (tmp_path / "hits.svg").read_text().startswith("<svg")
    data = json.loads(cordspec("stats", str(made), "--decode", "traces", "--format", "json").stdout)
    assert data["problems"] == 6 and set(data["ledger"]["tokens"]) == {"adder", "multiplier", "subtracter"}
    report = cordspec("report", str(made)).stdout
    assert "## Tokens of the search" in report and re.search(r"\| 0–20 % \| 6 \| \d+% \[", report)


def test_trees_in_every_format(made: Path, cordspec: Run) -> None:
    data = json.loads(cordspec("tree", str(made), "--decode", "rolled", "--format", "json").stdout)
    problem = data["problems"][0]
    nodes = problem["nodes"]
    assert any(node["after"] for node in nodes), "a rollout goes on from the middle of another"
    for format, edge in (("text", "─ "), ("mermaid", "--"), ("dot", " -> ")):
        done = cordspec("tree", str(made), "--decode", "rolled", "--problem", problem["problem"], "--format", format)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if edge in line]
        assert len(lines) == len(nodes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stats",), "has 3 finished decodes"),
        (("tree", "--decode", "traced"), "no finished decode named `traced`"),
        (("tree", "--decode", "traces", "--problem", "zz"), "no problem is called `zz`"),
        (("stats", "--variant", "base"), "no finished variant named `base`"),
    ],
)
def test_what_is_not_in_a_run_is_said(made: Path, cordspec: Run, arguments: tuple[str, ...], said: str) -> None:
    done = cordspec(arguments[0], str(made), *arguments[1:])
    assert (done.returncode, done.stdout) == (2, "")
    assert "error[E709]: " in done.stderr and said in done.stderr


def test_events_that_were_changed_or_are_not_there(made: Path, cordspec: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(made), str(copy)], check=True)
    events = stage(copy, "traces") / "events.jsonl"
    events.write_text(events.read_text().replace('"generated": ', '"generated": -', 1).replace('"v": 1', '"v": 9', 1))
    done = cordspec("stats", str(copy), "--decode", "traces")
    assert done.returncode == 6 and "error[E706]" in done.stderr and "events.jsonl:1" in done.stderr
    events.unlink()
    done = cordspec("stats", str(copy), "--decode", "traces")
    assert done.returncode == 2 and "error[E709]" in done.stderr and "an older cordspec made it" in done.stderr
    assert "| traces |" not in cordspec("report", str(copy)).stdout.split("## Tokens of the search")[1].split("##")[0]
