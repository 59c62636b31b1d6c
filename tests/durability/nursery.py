"""Runs in processes that are forked, one for each, so that they begin with everything imported; some of them are killed.

``python -m tests.durability.nursery`` reads orders, one JSON object a line, and says of each how the child ended. It has no
threads, no event loop and no open journal when it forks; a child is a process of its own with one run in it.
"""

from __future__ import annotations

import gc
import json
import locale
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from cordspec import api, faultpoints
from cordspec.errors import CordspecError
from cordspec.extension.registry import Registry
from cordspec.journal import Committer
from tests.durability.engine import ENVIRONMENT

ACKNOWLEDGED = "acknowledged.log"
"""Beside the run directory: which process was told that which answer is kept, and the answer's hash."""
DONE = "done.json"
"""Beside it, of a process that got to its end: how often it passed each fault point, and what it had imported."""
POINTS = [EntryPoint(name, "tests.durability.engine", "cordspec") for name in ("model.durable", "student.copying")]


@dataclass(frozen=True, slots=True)
class Order:
    """One process of a run.

    It is killed at the ``passage``-th time that it passes ``point`` (any point, if that is empty), or ``after`` so many seconds.
    """

    spec: str
    out: str
    server: dict[str, Any]
    attempt: int = 1
    sets: list[str] = field(default_factory=list)
    point: str = ""
    passage: int = 0
    after: float = 0.0
    crashes: int | None = None
    """How many kills set a problem aside; 0 for never."""
    report: bool = True
    """Whether the report is made too, which takes a third of the time of so small a run."""
    bug: str = ""
    """A bug to plant: a function of `tests.durability.bugs`."""
    imports: list[str] = field(default_factory=list)
    """Of an order for process 0: what the nursery is to import, instead of a run in its own process."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: killed, or with an exit code and, where that is not 0, the reason."""

    killed: bool
    code: int
    said: str


def serve() -> None:
    """Do what is ordered until there are no more orders."""
    with suppress(locale.Error):  # the one of the environment, as far as it is installed
        locale.setlocale(locale.LC_ALL, "")
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print when they are imported
    registry = Registry([*entry_points(group="cordspec"), *POINTS])
    for line in sys.stdin:
        order = Order(**json.loads(line))
        ended = _prepared(order, registry) if order.attempt == 0 else _forked(order, registry)
        print(json.dumps(asdict(ended)), file=told, flush=True)


def _prepared(order: Order, registry: Registry) -> Ended:
    """Import whatever the children need, before there are any."""
    for module in order.imports:
        with suppress(Exception):  # some are only names in the table of modules
            import_module(module)
    if not order.imports:
        _run(order, registry)
    gc.collect()
    gc.freeze()  # what is there now is shared with all children
    return Ended(False, 0, "")


def _forked(order: Order, registry: Registry) -> Ended:
    assert threading.active_count() == 1
    errors = Path(f"{order.out}.err")
    errors.parent.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        _live(order, registry, errors)
    if order.after:
        time.sleep(order.after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = 0 if killed else os.waitstatus_to_exitcode(status)
    return Ended(killed, code, errors.read_text()[-2000:] if code else "")


def _live(order: Order, registry: Registry, errors: Path) -> None:
    """The whole life of a child; it does not return."""
    code = 70
    try:
        out = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        passed: Counter[str] = Counter()
        counting = threading.Lock()  # the journal writes in a thread of its own

        def at(name: str) -> None:
            with counting:
                passed[name] += 1
                here = passed[name] if order.point else passed.total()
                if order.passage == here and order.point in ("", name):
                    os.kill(os.getpid(), signal.SIGKILL)

        if order.bug:
            getattr(import_module("tests.durability.bugs"), order.bug)()
        _note_acknowledgements(order)
        faultpoints.arm(at)
        _run(order, registry)
        Path(f"{order.out}.{DONE}").write_text(json.dumps({"passed": passed, "modules": list(sys.modules)}))
        code = 0
    except CordspecError as error:
        code = error.exit_code
        print(error, file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run(order: Order, registry: Registry) -> None:
    """What `cordspec run` does, without its display."""
    os.environ[ENVIRONMENT] = json.dumps({**order.server, "attempt": order.attempt})
    out = Path(order.out)
    api.execute(api.load(Path(order.spec), order.sets, registry), out, crashes=order.crashes, registry=registry)
    if order.report:
        api.write_report(out, api.render(out))


def _note_acknowledgements(order: Order) -> None:
    """Write down, outside the process, every answer of which the driver is told that it is kept."""
    from tests.durability.oracles import answer_hash

    log = os.open(f"{order.out}.{ACKNOWLEDGED}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    put = Committer.put

    async def noted(self: Committer, row: Any) -> None:
        await put(self, row)
        os.write(log, f"{order.attempt} {row[0].hex()} {answer_hash(row[2])}\n".encode())

    Committer.put = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
