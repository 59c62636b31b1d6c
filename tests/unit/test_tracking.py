"""What trackers are told, and that none of them can do a run any harm."""

from __future__ import annotations

import json
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cordspec import api
from cordspec.artifacts.store import RunDirectory
from cordspec.diagnostics import Diagnostic, Source
from cordspec.errors import Interrupted
from cordspec.extension.registry import Registry
from cordspec.plan import Graph, Stage
from cordspec.plugin import TrackedRun, Tracker, Unavailable
from cordspec.run import tracking
from cordspec.run.events import Event, RunStarted, StageFinished, StageProgress, StageStarted, VariantPlace, Warned
from cordspec.run.tracking import Trackers, Tracking, trackers_of

TRAIN, EVAL = Stage("train", "small", "f" * 64, ()), Stage("evaluate", "after", "e" * 64, ("small",))
DECODE = Stage("decode", "traces", "d" * 64, ())
SPEC = "cord 1\nexperiment e { seed = 3%s }\nproblems p : inventory { count = 5 }\nmodel a : mini { name = adder }\neval x : math_answers { model = a, problems = p }\n"


class Recording(Tracker):
    name: ClassVar[str] = "recording"

    def __init__(self, fails: str = "", error: Exception | None = None) -> None:
        self.fails, self.error = fails, error or ValueError("boom")
        self.calls: list[tuple[object, ...]] = []

    def note(self, *call: object) -> None:
        self.calls.append(call)
        if call[0] == self.fails:
            raise self.error

    def begin(self, run: TrackedRun) -> None:
        self.note("begin", run.experiment, run.variant)

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.note("log", stage, step, dict(values))

    def end(self, status: str) -> None:
        self.note("end", status)


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def warnings(self) -> list[Diagnostic]:
        return [one for event in self.events if isinstance(event, Warned) for one in event.diagnostics]


def started(name: str = "base", number: int = 0, total: int = 1) -> RunStarted:
    return RunStarted(Graph("e", (TRAIN, EVAL)), "run", frozenset(), VariantPlace(name, number, total))


def step(number: int, loss: float | None, **detail: float) -> StageProgress:
    shown: dict[str, float | str] = {} if loss is None else {"loss": loss}
    return StageProgress(TRAIN, number, 9, "steps", {**shown, **detail, "left": "3 s"})


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.create()
    for stage, files in {
        TRAIN: {"training.json": {"losses": [2.0], "examples": 4, "tokens": 10, "left_out": 1, "shortened": 0, "remarks": ["text"]}},
        EVAL: {"metrics.json": {
            "metrics": {"pass_at_1": {"value": 0.5, "standard_error": None, "n": 2}},
            "ledger": {"evaluated": {"generated_tokens": 20, "scored_tokens": 1}},
        }},
        DECODE: {"ledger.json": {"teacher": {"generated_tokens": 7, "scored_tokens": 0}}},
    }.items():  # fmt: skip
        found.stage(stage.id).mkdir()
        for name, content in files.items():
            (found.stage(stage.id) / name).write_text(json.dumps(content))
    return found


EVENTS: list[Event] = [
    started(), StageStarted(TRAIN), step(1, 2.5), step(2, 2.25, **{"tok/s": 800}), step(2, 2.25), step(3, float("nan")),
    step(4, None), step(5, 2.0), StageFinished(TRAIN, 1.5, False, "done"), StageFinished(EVAL, 0.5, True, "reused"),
]  # fmt: skip


def follow(directory: RunDirectory, *trackers: Tracker, events: list[Event] = EVENTS) -> Listener:
    listener = Listener()
    named: dict[str, Callable[[], Tracker]] = {
        f"recording{number}": partial(lambda one: one, one) for number, one in enumerate(trackers)
    }
    with Tracking(listener, directory, Trackers(named)) as heard:
        for event in events:
            heard.on_event(event)
    return listener


def test_a_training_is_told_step_by_step_and_its_counts_at_the_end(directory: RunDirectory) -> None:
    tracker = Recording()
    assert follow(directory, tracker).events == EVENTS
    assert tracker.calls == [
        ("begin", "e", "base"),
        ("log", "small", 1, {"loss": 2.5}),
        ("log", "small", 2, {"loss": 2.25, "tokens_per_second": 800}),
        ("log", "small", 5, {"loss": 2.0}),
        ("log", "small", 5, {"seconds": 1.5, "examples": 4.0, "tokens": 10.0, "left_out": 1.0, "shortened": 0.0}),
        ("end", "finished"),
    ]


def test_metrics_come_with_their_numbers_of_problems_and_tokens_with_their_roles(directory: RunDirectory) -> None:
    tracker = Recording()
    right = StageProgress(DECODE, 4, 4, "problems", {"right": 3})
    follow(
        directory,
        tracker,
        events=[started(), right, StageFinished(DECODE, 2.0, False, ""), StageFinished(EVAL, 0.5, False, "")],
    )
    assert tracker.calls[1:-1] == [
        ("log", "traces", 0, {"seconds": 2.0, "accuracy": 0.75, "n": 4, "tokens/teacher": 7.0}),
        ("log", "after", 0, {"seconds": 0.5, "pass_at_1": 0.5, "pass_at_1/n": 2.0, "tokens/evaluated": 21.0}),
    ]


def harmless(directory: RunDirectory, fails: str) -> None:
    """A tracker that raises there is told of once, and nobody else notices."""
    bad, good = Recording(fails), Recording()
    listener = follow(directory, bad, good)
    assert [event for event in listener.events if not isinstance(event, Warned)] == EVENTS
    assert [one.code for one in listener.warnings] == ["W820"]
    assert "`recording0` failed" in listener.warnings[0].message and "ValueError: boom" in listener.warnings[0].message
    assert len(good.calls) == 6
    assert len(bad.calls) == {"begin": 1, "log": 3, "end": 6}[fails], "it is told nothing more, but for its end"


@pytest.mark.parametrize("fails", ["begin", "log", "end"])
def test_a_tracker_that_raises_is_told_once_and_harms_nobody(directory: RunDirectory, fails: str) -> None:
    harmless(directory, fails)


class Unguarded:
    """The bug: trackers are called directly."""

    def __init__(self, name: str, make: Callable[[], Tracker], run: TrackedRun, asked: bool) -> None:
        self.name, self.tracker = name, make()
        self.tracker.begin(run)

    def put(self, call: Callable[[Tracker], None]) -> None:
        call(self.tracker)

    def close(self, status: Any) -> None:
        self.tracker.end(status)

    def join(self) -> None: ...

    def warning(self) -> None: ...


@pytest.mark.parametrize("fails", ["begin", "log", "end"])
def test_without_the_guard_it_would_stop_the_run(
    directory: RunDirectory, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_Feed", Unguarded)
    with pytest.raises(ValueError, match="boom"):
        harmless(directory, fails)


def test_a_tracker_that_is_not_here_is_told_with_what_to_do(directory: RunDirectory) -> None:
    listener = follow(directory, Recording("begin", Unavailable("it needs the package x", "pip install x")))
    assert [(one.code, one.help) for one in listener.warnings] == [("W821", "pip install x")]


def unasked(directory: RunDirectory, tracker: Tracker, begin: RunStarted) -> Listener:
    listener = Listener()
    with Tracking(listener, directory, Trackers({"recording": lambda: tracker}, asked=False)) as heard:
        for event in [begin, step(1, 2.5), StageFinished(EVAL, 0.5, False, "")]:
            heard.on_event(event)
    return listener


def test_the_one_that_nobody_asked_for_is_told_runs_that_train(directory: RunDirectory) -> None:
    here = VariantPlace("base", 0, 1)
    trains, trained, measures = Recording(), Recording(), Recording()
    unasked(directory, trains, RunStarted(Graph("e", (TRAIN, EVAL)), "run", frozenset(), here))
    assert [call[0] for call in trains.calls] == ["begin", "log", "log", "end"]
    unasked(directory, trained, RunStarted(Graph("e", (TRAIN, EVAL)), "run", frozenset({"small"}), here))
    unasked(directory, measures, RunStarted(Graph("e", (EVAL,)), "run", frozenset(), here))
    assert trained.calls == measures.calls == []


def test_of_one_that_nobody_asked_for_only_a_failure_is_told(directory: RunDirectory) -> None:
    missing = Recording("begin", Unavailable("it needs the package x", "pip install x"))
    assert unasked(directory, missing, started()).warnings == []
    assert [one.code for one in unasked(directory, Recording("log"), started()).warnings] == ["W820"]


def test_a_spec_that_names_none_means_trackio_where_it_may_be_used() -> None:
    found = trackers_of(None, Registry())
    assert list(found.makes) == ["trackio"] and not found.asked
    assert trackers_of((), Registry()) == trackers_of(None, Registry([])) == Trackers()
    assert list(trackers_of(("jsonl",), Registry()).makes) == ["jsonl"]


def sweep(directory: RunDirectory, fails: str) -> tuple[list[Recording], Listener]:
    made: list[Recording] = []

    def make() -> Recording:
        made.append(Recording(fails))
        return made[-1]

    listener = Listener()
    with Tracking(listener, directory, Trackers({"recording": make})) as heard:
        for number, name in enumerate(("base", "beam.size = 2")):
            heard.on_event(started(name, number, 2))
            heard.on_event(StageFinished(EVAL, 0.5, False, ""))
    return made, listener


def test_a_sweep_is_as_many_runs(directory: RunDirectory) -> None:
    made, _ = sweep(directory, "")
    assert [(one.calls[0], one.calls[-1]) for one in made] == [
        (("begin", "e", "base"), ("end", "finished")),
        (("begin", "e", "beam.size = 2"), ("end", "finished")),
    ]


def test_a_tracker_that_failed_is_not_begun_for_the_next_variant(directory: RunDirectory) -> None:
    made, listener = sweep(directory, "log")
    assert [one.calls[-1] for one in made] == [("end", "finished")]
    assert [one.code for one in listener.warnings] == ["W820"]


@pytest.mark.parametrize("error", [TypeError("options"), SystemExit(3)])
def test_one_that_cannot_be_made_or_ends_its_thread_is_told(directory: RunDirectory, error: BaseException) -> None:
    def make() -> Recording:
        raise error

    listener = Listener()
    with Tracking(listener, directory, Trackers({"bad": make})) as heard:
        for event in EVENTS:
            heard.on_event(event)
    assert [event for event in listener.events if not isinstance(event, Warned)] == EVENTS
    assert [one.code for one in listener.warnings] == ["W820"] and type(error).__name__ in listener.warnings[0].message


@pytest.mark.parametrize(
    ("error", "status"), [(Interrupted(15, "cordspec run"), "stopped"), (RuntimeError("out of memory"), "failed")]
)
def test_how_a_run_ended_is_told(directory: RunDirectory, error: Exception, status: str) -> None:
    tracker = Recording()
    trackers = Trackers({"recording": lambda: tracker})
    with pytest.raises(type(error)), Tracking(Listener(), directory, trackers) as heard:
        heard.on_event(started())
        raise error
    assert tracker.calls[-1] == ("end", status)


class Hanging(Recording):
    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.free.wait()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    tracker = Hanging()
    yield tracker
    tracker.free.set()


@pytest.mark.parametrize(("room", "said"), [(10_000, "did not end within"), (1, "more than 1 calls behind")])
def test_a_tracker_that_hangs_holds_up_no_step(
    directory: RunDirectory, hanging: Hanging, room: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "MOST_WAITING", room)
    monkeypatch.setattr(tracking, "END_SECONDS", 0.05)
    listener = follow(directory, hanging)
    assert [event for event in listener.events if not isinstance(event, Warned)] == EVENTS
    assert [one.code for one in listener.warnings] == ["W820"] and said in listener.warnings[0].message


def resolved(more: str) -> tuple[Any, list[Diagnostic]]:
    return api.resolve(Source("t.cord", SPEC % more))


def test_trackers_are_no_part_of_what_is_made() -> None:
    ids = []
    for more in ("", ", trackers = [jsonl]", ", trackers = [jsonl, wandb]"):
        experiment, diagnostics = resolved(more)
        assert experiment is not None, diagnostics
        ids.append([stage.id for stage in api.plan(experiment).stages])
    assert ids[0] == ids[1] == ids[2]


def test_a_tracker_that_nobody_knows_is_refused_before_the_run() -> None:
    experiment, diagnostics = resolved(", trackers = [jsonll]")
    assert experiment is None
    assert [one.code for one in diagnostics] == ["E301"] and "did you mean `jsonl`?" in str(diagnostics[0].label)


def tracked(name: str, place: Path) -> None:
    """Two steps and an end, as a run tells them."""
    component = Registry().get("tracker", name)
    assert issubclass(component, Tracker)
    tracker = component(component.options_type())
    tracker.begin(TrackedRun("e", "base", place))
    tracker.log("small", 1, {"loss": 2.5})
    tracker.log("after", 0, {"pass@1": 0.5, "pass@1/n": 2.0})
    tracker.end("stopped")


def test_jsonl_writes_a_line_a_call(tmp_path: Path) -> None:
    tracked("jsonl", tmp_path)
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [
        {"variant": "base", "stage": "small", "step": 1, "loss": 2.5},
        {"variant": "base", "stage": "after", "step": 0, "pass@1": 0.5, "pass@1/n": 2.0},
    ]


class Calls:
    """Stands in for an object of a package, and notes what is asked of it."""

    def __init__(self, noted: list[tuple[Any, ...]], **attributes: object) -> None:
        self._noted = noted
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object, **words: object) -> object:
            self._noted.append((name, *arguments, words))
            return None

        return call


@pytest.mark.parametrize("operator", [None, "online"])
def test_wandb_is_offline_without_the_operator_and_takes_no_more_than_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operator: str | None
) -> None:
    """Against a stand-in of wandb's functions."""
    noted: list[tuple[Any, ...]] = []
    wandb = types.ModuleType("wandb")
    wandb.Settings = lambda **words: words  # type: ignore[attr-defined]
    wandb.init = lambda **words: noted.append(("init", words)) or Calls(noted)  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if operator:
        monkeypatch.setenv("WANDB_MODE", operator)
    tracked("wandb", tmp_path)
    _, words = noted[0]
    settings = words.pop("settings")
    assert words == {"project": "e", "name": "base", "dir": str(tmp_path), "mode": operator or "offline"}
    assert settings["console"] == "off" and settings["save_code"] is settings["x_save_requirements"] is False
    on = (
        "disable_code",
        "disable_git",
        "disable_job_creation",
        "x_disable_meta",
        "x_disable_stats",
        "x_disable_machine_info",
    )
    assert all(settings[name] is True for name in on)
    assert noted[1:] == [
        ("define_metric", "small/*", {"step_metric": "small/step"}),
        ("log", {"small/step": 1, "small/loss": 2.5}, {}),
        ("define_metric", "after/*", {"step_metric": "after/step"}),
        ("log", {"after/step": 0, "after/pass@1": 0.5, "after/pass@1/n": 2.0}, {}),
        ("finish", {"exit_code": 1}),
    ]


@pytest.mark.parametrize("operator", [None, "https://mlflow.example"])
def test_mlflow_writes_into_the_run_without_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operator: str | None
) -> None:
    """Against a stand-in of mlflow's client."""
    noted: list[tuple[Any, ...]] = []
    run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="r1"))

    class Client(Calls):
        def __init__(self, tracking_uri: str) -> None:
            super().__init__(noted)
            noted.append(("client", tracking_uri))

        def create_run(self, *arguments: object, **words: object) -> object:
            noted.append(("create_run", *arguments, words))
            return run

    mlflow = types.ModuleType("mlflow")
    mlflow.MlflowClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if operator:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", operator)
    tracked("mlflow", tmp_path)
    assert noted == [
        ("client", operator or f"sqlite:///{tmp_path}/mlflow.db"),
        ("get_experiment_by_name", "e", {}),
        ("create_experiment", "e", None if operator else f"file://{tmp_path}/mlflow", {}),
        ("create_run", None, {"run_name": "base"}),
        ("log_metric", "r1", "small/loss", 2.5, {"step": 1}),
        ("log_metric", "r1", "after/pass_1", 0.5, {"step": 0}),
        ("log_metric", "r1", "after/pass_1/n", 2.0, {"step": 0}),
        ("set_terminated", "r1", {"status": "KILLED"}),
    ]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_package_that_is_not_installed_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Unavailable) as raised:
        tracked(name, tmp_path)
    assert raised.value.help == f'pip install "cordspec[{name}]"'
