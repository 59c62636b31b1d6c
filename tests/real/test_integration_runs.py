"""Whole decodes with integration: real miniature teachers, integrated by the rule, by a model that cannot, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.events import read_events
from cordspec.artifacts.records import CandidateRecord, TraceRecord, read_lines
from cordspec.domain.events import Committed, Expanded, Formed, Proposed, Scored
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.errors import CordspecError
from cordspec.plugin import GenerateRequest, prompt_text
from cordspec.run.integrating import integration_message
from cordspec_mini.integrator import RuleEngine, merge_by_rule
from tests.journals import count_answers

SPEC = """cord 1
experiment small { seed = 5, in_flight = 8 }
problems p : inventory { count = 3, seed = 3, length = 3..4 }
model adder      : mini { name = adder }
model subtracter : mini { name = subtracter }
model multiplier : mini { name = multiplier }
model prover     : mini { name = prover }
model merger     : mini_integrator {}
model service    : openai { service = "merging", model = "m", retries = 0 }
pool hetero { teachers = [adder, subtracter, multiplier], temperature = 0.8 }
segmenter steps : step_header { max_step = 48tok }
scorer pp : predictive_perplexity { prover = prover }
search best   : curation    { traces_per_teacher = 2 }
search merged : integration { integrator = merger, traces_per_teacher = 2 }
decode curated {
  problems = p, pool = hetero, segmenter = steps, scorer = pp, search = best
  budget = { thinking = 300tok, answer = 48tok }
}
decode integrated like curated { search = merged }
"""
ONLY = SPEC.replace("decode integrated like curated { search = merged }\n", "").replace(
    "search = best", "search = merged"
)


def run(tmp_path: Path, text: str, *sets: str, name: str = "run") -> Path:
    spec = tmp_path / f"{name}.cord"
    spec.write_text(text)
    return api.execute(api.load(spec, list(sets)), tmp_path / name)


def stage(run: Path, block: str) -> Path:
    return next((run / "stages").glob(f"decode-{block}-*"))


def traces(run: Path, block: str) -> list[TraceRecord]:
    return list(read_lines(stage(run, block) / "traces.jsonl", TraceRecord))


def candidates(run: Path, block: str) -> list[CandidateRecord]:
    return list(read_lines(stage(run, block) / "candidates.jsonl", CandidateRecord))


def test_merged_traces_are_what_the_rule_makes_of_what_curation_made(tmp_path: Path) -> None:
    done = run(tmp_path, SPEC)
    merged = traces(done, "integrated")
    assert [trace.writer for trace in merged] == ["merger"] * 3
    assert all(trace.answer.startswith("\n\nThe final answer is A ") and trace.score for trace in merged)
    for trace in merged:
        own = [one for one in candidates(done, "integrated") if one.problem == trace.problem]
        sources = sorted((one for one in own if one.wave == 1), key=lambda one: -(one.score or 0))
        known = {one.candidate: one for one in candidates(done, "curated") if one.problem == trace.problem}
        assert {one.candidate: (one.text, one.score) for one in sources} == {
            key: (one.text, one.score) for key, one in known.items()
        }
        (last,) = (one for one in own if one.wave == 2)
        assert (last.text, last.authors, last.fate, last.score) == (trace.thinking, ("merger",), "kept", trace.score)
        assert last.violations == () and not last.forced
        assert trace.thinking == by_rule(done, trace)
    told, _ = api.stats(done, "integrated", None)
    ratio = json.loads(told.to_json())["compression"]
    assert ratio["n"] == 3 and 0.5 < ratio["value"] < 2
    assert "Integration" in [table.title for table in told.tables]


def by_rule(done: Path, trace: TraceRecord) -> str:
    """The merged trace, worked out again from the events of the teachers' wave."""
    own = [one for one in read_events(stage(done, "integrated") / "events.jsonl") if one.problem == trace.problem]
    wrote = {one.number: one.steps for one in own if isinstance(one, Proposed)}
    scored = {one.candidate: one for one in own if isinstance(one, Scored) and one.wave == 1}
    (ranking,) = (one.candidates for one in own if isinstance(one, Committed) and one.wave == 1)
    assert [scored[number].value for number in ranking] == sorted((one.value for one in scored.values()), reverse=True)
    alike = {one.candidate: one.expansions for one in own if isinstance(one, Formed)}
    asked = sorted(number for first in ranking for number in alike[first])
    sources = [Trajectory(tuple(Step(step, (), 0) for step in wrote[number])) for number in asked]
    assert len(sources) == 6
    merged = json.loads(merge_by_rule(integration_message(trace.question, sources)))
    return "".join(f"\n{step['content']}" for name, step in merged.items() if name != "answer_part")


def test_teachers_are_asked_once_for_curation_and_integration(tmp_path: Path) -> None:
    done = run(tmp_path, SPEC)
    ledgers = [json.loads((stage(done, block) / "ledger.json").read_text()) for block in ("curated", "integrated")]
    teacher = ledgers[1]["teacher"]
    assert teacher["calls"] == teacher["remembered"] == 3 * 3 * 2
    assert ledgers[1]["integrator"]["calls"] == 3 and "integrator" not in ledgers[0]


def test_integration_repeats_byte_for_byte_and_asks_nothing_twice(tmp_path: Path) -> None:
    one = run(tmp_path, SPEC, name="one")
    other = run(tmp_path, SPEC, "small.in_flight=1", name="other")
    for name in ("traces.jsonl", "candidates.jsonl", "events.jsonl", "dataset.jsonl"):
        found = [(stage(each, "integrated") / name).read_text() for each in (one, other)]
        if name == "events.jsonl":  # seconds are the clock's
            found = [timeless(text) for text in found]
        assert found[0] == found[1], name
    assert count_answers(one, "mini_integrator%") == 3


def timeless(lines: str) -> str:
    rows = [json.loads(line) for line in lines.splitlines()]
    for row in rows:
        for call in row.get("calls", ()):
            call.pop("seconds")
            call.pop("prefilled")  # what a batch beside it had computed
    return json.dumps(rows)


def test_the_integrator_sees_no_reference_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gold = "GOLD-7f3a"
    rows = [{"question": f"Shelf A holds {n} cups and gets 4 more. How many items are on each shelf?", "answer": gold}
            for n in (7, 9)]  # fmt: skip
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    seen: list[GenerateRequest] = []
    original = RuleEngine.generate

    async def generate(self, requests):
        seen.extend(requests)
        return await original(self, requests)

    monkeypatch.setattr(RuleEngine, "generate", generate)
    monkeypatch.chdir(tmp_path)
    text = ONLY.replace("inventory { count = 3, seed = 3, length = 3..4 }", 'jsonl { path = "p.jsonl" }')
    run(tmp_path, text)
    assert len(seen) >= 2 and not any(gold in repr(request) for request in seen)
    assert all("Shelf A holds" in prompt_text(request.prompt) for request in seen)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_model_that_cannot_write_json_is_refused_and_the_best_trace_is_kept(tmp_path: Path, retries: int) -> None:
    """The miniature was taught nothing but its own traces; it is asked `retries` times more, and each time it is counted."""
    text = SPEC.replace("integrator = merger", f"integrator = prover, retries = {retries}")
    done = run(tmp_path, text)
    merged, curated = traces(done, "integrated"), traces(done, "curated")
    assert [one.thinking for one in merged] == [one.thinking for one in curated]
    assert [(one.answer, one.writer, one.score) for one in merged] == [
        (one.answer, one.writer, one.score) for one in curated
    ]
    refused = [one for one in candidates(done, "integrated") if one.wave > 1]
    assert len(refused) == 3 * (retries + 1) and {one.fate for one in refused} == {"invalid"}
    assert all("no JSON object" in one.violations for one in refused)


def test_where_a_refusal_is_to_fail_there_is_no_trace(tmp_path: Path) -> None:
    done = run(tmp_path, ONLY.replace("integrator = merger", "integrator = prover, on_refusal = fail"))
    assert [(one.steps, one.answer, one.correct) for one in traces(done, "curated")] == [((), "", False)] * 3
    assert (stage(done, "curated") / "dataset.jsonl").read_text() == ""


# over HTTP


class Merging(BaseHTTPRequestHandler):
    """A chat service. The first answer of each conversation is broken, the next one is the rule's, in a code fence."""

    asked: dict[str, int]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = body["messages"][0]["content"]
        count = self.asked[message] = self.asked.get(message, 0) + 1
        text = "I would rather not." if count == 1 else f"```json\n{merge_by_rule(message)}\n```"
        reply = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": 100, "completion_tokens": 40}}).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    asked: dict[str, int] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Merging,), {"asked": asked}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CORDSPEC_SERVICE_MERGING_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setenv("CORDSPEC_SERVICE_MERGING_KEY", "sk-very-secret")
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_service_integrates_after_one_refusal(tmp_path: Path, service: dict[str, int]) -> None:
    done = run(tmp_path, ONLY.replace("integrator = merger", "integrator = service"))
    merged = traces(done, "curated")
    assert [(one.writer, one.waves) for one in merged] == [("service", 3)] * 3
    assert sorted(service.values()) == [2, 2, 2]
    events = list(read_events(stage(done, "curated") / "events.jsonl"))
    merges = [event for event in events if isinstance(event, Expanded) and event.extent == "merge"]
    assert sorted(event.index for event in merges) == [0, 0, 0, 1, 1, 1]
    told = [event for event in events if isinstance(event, Proposed) and event.teacher == "service"]
    assert sorted(event.violations for event in told) == [("JSON in a code fence",)] * 3 + [("no JSON object",)] * 3
    assert all((event.generated, event.calls[0].role, event.calls[0].prompt_tokens) == (40, "integrator", 100)
               for event in told)  # fmt: skip
    again = run(tmp_path, ONLY.replace("integrator = merger", "integrator = service"))
    assert again == done and sum(service.values()) == 6
    assert not any(b"sk-very-secret" in path.read_bytes() for path in done.rglob("*") if path.is_file())


def test_a_service_without_an_address_is_said_and_what_was_asked_is_kept(
    tmp_path: Path, service: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ONLY.replace("integrator = merger", "integrator = service")
    with monkeypatch.context() as patch, pytest.raises(CordspecError) as caught:
        patch.delenv("CORDSPEC_SERVICE_MERGING_URL")
        run(tmp_path, text)
    assert caught.value.exit_code == 3
    (told,) = caught.value.diagnostics
    assert told.code == "E601" and "no address is known for the service `merging`" in told.message
    assert "CORDSPEC_SERVICE_MERGING_URL" in told.help
    assert [one.writer for one in traces(run(tmp_path, text), "curated")] == ["service"] * 3
