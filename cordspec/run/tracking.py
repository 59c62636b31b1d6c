"""Tells trackers the numbers of a run. An observer in front of the others; no tracker can change, slow or stop the run."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cordspec.artifacts.store import RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.errors import Interrupted
from cordspec.extension.component import Component, Unavailable
from cordspec.extension.kinds.tracker import RunEnd, TrackedRun, Tracker
from cordspec.extension.registry import Registry, RegistryError
from cordspec.plan import Stage
from cordspec.run.events import Event, Observer, RunStarted, StageFinished, StageProgress, Warned
from cordspec.run.stage_numbers import stage_numbers

TRACKING: Final = "tracking"
"""The directory in a run's own where trackers write."""
MOST_WAITING: Final = 10_000
"""Calls that one tracker may be behind; more would be memory that grows with the run."""
END_SECONDS: Final = 30.0
"""How long a tracker may take at the end of a variant for what it has not written yet."""
UNASKED: Final = "trackio"
"""The tracker of a spec that names none, in a run that trains."""
Make = Callable[[], Tracker]
Call = Callable[[Tracker], None]


@dataclass(frozen=True, slots=True)
class Trackers:
    """How to make the trackers of a run, by name.

    Those that nobody ``asked`` for are told of runs that train only, and nothing is said where they are missing.
    """

    makes: Mapping[str, Make] = field(default_factory=dict)
    asked: bool = True


def trackers_of(names: Sequence[str] | None, registry: Registry) -> Trackers:
    """The trackers that a spec names, or, where it does not say, the one that comes with a training."""
    if names is not None:
        return Trackers({name: partial(_made, registry.get("tracker", name)) for name in names})
    try:
        return Trackers({UNASKED: partial(_made, registry.get("tracker", UNASKED))}, asked=False)
    except RegistryError:  # not installed, or not allowed by the operator
        return Trackers()


def _made(component: type[Component]) -> Tracker:
    assert issubclass(component, Tracker)
    return component(component.options_type())


class Tracking:
    """Hears a run, tells its trackers, and passes everything on; warnings about trackers go the same way.

    Used as a context: at its end it is known how the run ended.
    """

    def __init__(self, observer: Observer, directory: RunDirectory, trackers: Trackers) -> None:
        self._observer = observer
        self._directory = directory
        self._trackers = trackers
        self._feeds: list[_Feed] = []
        self._failed: dict[str, Diagnostic | None] = {}
        """By tracker: what is still to be said of it, None once it was said. It is not begun for the next variant."""
        self._steps: dict[str, int] = {}
        """By stage: the last step that was told; a trainer tells one again while the next takes long."""
        self._last: StageProgress | None = None
        self._lock = threading.Lock()
        """Training tells its steps from a thread of its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
        self._end("finished" if error is None else "stopped" if stopped else "failed")
        self._tell()

    def on_event(self, event: Event) -> None:
        with self._lock:
            self._hear(event)
        self._observer.on_event(event)
        self._tell()

    def _hear(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._end("finished")
                self._feeds = self._begun(event)
            case StageProgress(stage, step):
                self._last = event
                loss, pace = event.detail.get("loss"), event.detail.get("tok/s")
                if stage.kind == "train" and step > self._steps.get(stage.id, 0):
                    self._steps[stage.id] = step
                    self._log(stage, {"loss": loss, "tokens_per_second": pace})
            case StageFinished(stage, seconds, reused=False):
                self._log(stage, {"seconds": seconds, **self._right(stage)}, self._directory.stage(stage.id))
            case _:
                pass

    def _begun(self, event: RunStarted) -> list[_Feed]:
        trains = any(stage.kind == "train" and stage.block not in event.reused for stage in event.graph.stages)
        makes, asked = self._trackers.makes, self._trackers.asked
        if not (asked or trains):
            return []
        run = TrackedRun(event.graph.experiment, event.variant.name, self._directory.path / TRACKING)
        return [_Feed(name, make, run, asked) for name, make in makes.items() if name not in self._failed]

    def _right(self, stage: Stage) -> dict[str, float]:
        """The share of right traces, as the decode itself told it last."""
        told = self._last
        if stage.kind != "decode" or told is None or told.stage != stage or not told.total:
            return {}
        return {"accuracy": float(told.detail.get("right", 0)) / told.total, "n": told.total}

    def _log(self, stage: Stage, values: Mapping[str, float | str | None], finished: Path | None = None) -> None:
        step = self._steps.get(stage.id, 0)

        def call(tracker: Tracker) -> None:
            every = {**values, **(stage_numbers(finished) if finished else {})}
            numbers = {
                name: value for name, value in every.items() if isinstance(value, (int, float)) and math.isfinite(value)
            }
            if numbers:
                tracker.log(stage.block, step, numbers)

        for feed in self._feeds:
            feed.put(call)

    def _end(self, status: RunEnd) -> None:
        for feed in self._feeds:
            feed.close(status)
        for feed in self._feeds:
            feed.join()
        self._look()
        self._feeds = []

    def _look(self) -> None:
        for feed in self._feeds:
            if (said := feed.warning()) is not None:
                self._failed.setdefault(feed.name, said)

    def _tell(self) -> None:
        """What went wrong since the last event, of each tracker once."""
        with self._lock:
            self._look()
            found = [said for said in self._failed.values() if said is not None]
            self._failed = dict.fromkeys(self._failed)
        if found:
            self._observer.on_event(Warned(tuple(found)))


class _Feed:
    """One tracker in a thread of its own, which does not keep the process from ending."""

    def __init__(self, name: str, make: Make, run: TrackedRun, asked: bool) -> None:
        self._make = make
        self._run = run
        self._asked = asked
        self._calls: queue.Queue[Call | RunEnd] = queue.Queue(MOST_WAITING)
        self._failure: BaseException | None = None
        self.name = name
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def put(self, call: Call) -> None:
        """Never waits."""
        if self._failure is not None:
            return
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            self._failure = self._failure or RuntimeError(f"it is more than {MOST_WAITING} calls behind")

    def close(self, status: RunEnd) -> None:
        if not self._thread.is_alive():
            return
        with contextlib.suppress(queue.Full):  # then it hangs, which `join` finds
            self._calls.put(status, timeout=END_SECONDS)

    def join(self) -> None:
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            self._failure = self._failure or TimeoutError(f"it did not end within {END_SECONDS:.0f} s")

    def warning(self) -> Diagnostic | None:
        """Why it is told nothing more."""
        if self._failure is None:
            return None
        name, failure = self.name, self._failure
        if isinstance(failure, Unavailable):
            if not self._asked:
                return None
            message = f"the tracker `{name}` is not here: {failure}"
            return Diagnostic("W821", message, help=failure.help or "the run goes on without it")
        said = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
        help = "the run goes on and changes nothing; its numbers are in its own directory"
        return Diagnostic("W820", f"the tracker `{name}` failed and is told nothing more: {said}", help=help)

    def _work(self) -> None:
        try:
            tracker = self._make()
            self._run.directory.mkdir(mode=0o700, exist_ok=True)
            tracker.begin(self._run)
        except (Exception, SystemExit) as error:
            self._failure = error
            return
        while not isinstance(call := self._calls.get(), str):
            if self._failure is None:
                self._guarded(partial(call, tracker))
        self._guarded(partial(tracker.end, call))

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except (Exception, SystemExit) as error:  # whatever it is, it is the tracker's
            self._failure = self._failure or error
