"""One decode of a run directory with its histories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.events import read_events
from cordspec.artifacts.store import STAGES
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IntegrityError, UsageError
from cordspec.report.load import DecodeView, RunView, choose_decode, choose_run
from cordspec.report.provenance.history import History, histories
from cordspec.report.provenance.ledger import Ledger, make_ledger

EVENTS = "events.jsonl"


@dataclass(frozen=True, slots=True)
class Provenance:
    """A decode with what happened in the search of each of its problems."""

    view: DecodeView
    histories: tuple[History, ...]


def load_provenance(path: Path, decode: str | None = None, variant: str | None = None) -> Provenance:
    """The provenance of a decode of a run; its name may be left out where there is one, and a variant's where there is
    no sweep.

    Raises:
        UsageError: the run has no such decode or variant, or it is not said which.
        IntegrityError: its files are missing or damaged.
    """
    run = choose_run(path, variant or "")
    view = choose_decode(run, decode or "")
    return Provenance(view, decode_histories(run, view))


def decode_histories(run: RunView, decode: DecodeView) -> tuple[History, ...]:
    """The histories of a decode's problems, in order.

    Raises:
        UsageError: the decode was made before there were events.
        IntegrityError: the events cannot be read, or contradict each other.
    """
    file = _events(run, decode)
    if not file.exists():
        message = f"decode `{decode.name}` of {run.path} has no {EVENTS}: an older cordspec made it"
        raise UsageError(Diagnostic("E709", message, help="run the spec with this cordspec into another --out"))
    try:
        return tuple(histories(read_events(file)))
    except (OSError, ValueError) as error:
        message = f"the events of a finished stage cannot be read: {error}"
        raise IntegrityError(Diagnostic("E706", message, help=f"remove {file.parent} to make it again")) from error


def ledgers(run: RunView) -> dict[str, Ledger]:
    """The ledger of every decode of a run that has events.

    Raises:
        IntegrityError: events cannot be read, or contradict each other.
    """
    told = (decode for decode in run.decodes if _events(run, decode).exists())
    return {decode.name: make_ledger(decode_histories(run, decode)) for decode in told}


def choose_problem(found: Provenance, problem: str) -> Provenance:
    """The provenance of one problem alone, by its id or the beginning of it.

    Raises:
        UsageError: there is none, or there are several.
    """
    ids = [history.problem for history in found.histories]
    starting = [at for at, one in enumerate(ids) if one.startswith(problem)]
    exact = [at for at, one in enumerate(ids) if one == problem]
    if len(exact or starting) != 1:
        said = "several problems begin with" if starting else "no problem is called"
        shown = ", ".join([ids[at] for at in starting] or ids[:8])
        message = f"{said} `{problem}` in decode `{found.view.name}`"
        raise UsageError(Diagnostic("E709", message, help=f"there are {shown}"))
    return Provenance(found.view, (found.histories[(exact or starting)[0]],))


def _events(run: RunView, decode: DecodeView) -> Path:
    return run.path / STAGES / decode.stage / EVENTS
