"""What became of every problem of a decode. At the end none may be missing: the numbers are checked, not believed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from cordspec.artifacts.manifest import ProblemCount
from cordspec.artifacts.records import TraceRecord, read_lines
from cordspec.artifacts.store import write_text
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IntegrityError

if TYPE_CHECKING:
    from cordspec.run.driver import SearchRecord

Outcome = Literal["done", "stalled", "unscored", "unanswered", "quarantined"]
OUTCOMES: Final = "outcomes.json"
SCHEMA_VERSION: Final = 1


def outcome_of(record: SearchRecord) -> Outcome:
    """How the search of a problem ended: with a trace and an answer, or why without."""
    if record.chosen is None:
        return "unscored" if any(wave.candidates for wave in record.waves) else "stalled"
    return "done" if record.answer is not None else "unanswered"


class Tally:
    """Counts the problems of one decode, each once."""

    def __init__(self, problems: Iterable[str]) -> None:
        self._outcomes: dict[str, Outcome | None] = dict.fromkeys(problems)
        self._counts: Counter[str] = Counter(pending=len(self._outcomes))
        self._closed = 0
        self._not_graded = 0

    def ended(self, problem: str, outcome: Outcome, *, closed: bool = False, graded: bool = True) -> None:
        """A problem is over; ``closed``: its trace was closed by the budget; ``graded``: its grader did not fail.

        Raises:
            IntegrityError: it is none of this decode, or was over before.
        """
        if self._outcomes.get(problem, "done") is not None:
            raise _wrong(f"problem {problem} ended twice, or is none of this decode")
        self._outcomes[problem] = outcome
        self._counts.update((outcome,))
        self._counts["pending"] -= 1
        self._closed += closed
        self._not_graded += not graded

    def count(self) -> ProblemCount:
        counts = self._counts.copy()
        done, quarantined, pending = (counts.pop(name, 0) for name in ("done", "quarantined", "pending"))
        failed = dict(sorted(counts.items()))
        return ProblemCount(len(self._outcomes), done, failed, quarantined, pending, self._closed, self._not_graded)

    def write(self, out: Path) -> None:
        """Put the outcomes into the directory of a stage that is over.

        Raises:
            IntegrityError: a problem is not accounted for.
        """
        count = self.count()
        check(count, out.name)
        described = {
            "schema_version": SCHEMA_VERSION,
            "input": count.input,
            "done": count.done,
            "failed": count.failed,
            "quarantined": count.quarantined,
            "closed": count.closed,
            "not_graded": count.not_graded,
            "without_trace": {one: outcome for one, outcome in self._outcomes.items() if outcome != "done"},
        }
        write_text(out / OUTCOMES, json.dumps(described, indent=2, sort_keys=True) + "\n")


def check(count: ProblemCount, stage: str) -> None:
    """Refuse a finished decode whose numbers do not add up.

    Raises:
        IntegrityError: they do not.
    """
    if count.pending or not count.adds_up:
        raise _wrong(f"{stage}: {count}")


def read_count(stage: Path, problems: int) -> ProblemCount:
    """The numbers of a finished decode; one that was made before there were such numbers is counted from its traces.

    Raises:
        IntegrityError: they do not add up to this many problems.
    """
    path = stage / OUTCOMES
    try:
        if path.is_file():
            raw = json.loads(path.read_text(encoding="utf-8"))
            not_graded = raw.get("not_graded", 0)  # earlier versions did not tell such traces from wrong ones
            count = ProblemCount(
                raw["input"], raw["done"], raw["failed"], raw["quarantined"], 0, raw["closed"], not_graded
            )
        else:
            traces = list(read_lines(stage / "traces.jsonl", TraceRecord))
            done = sum(bool(trace.steps) for trace in traces)
            failed = {"stalled": len(traces) - done} if done < len(traces) else {}
            count = ProblemCount(len(traces), done, failed, 0, 0, sum(trace.forced for trace in traces))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _wrong(f"{stage.name} has no readable {OUTCOMES}: {error}") from error
    check(count, stage.name)
    if count.input != problems:
        raise _wrong(f"{stage.name} is of {count.input} problems, its problem set holds {problems}")
    return count


def _wrong(said: str) -> IntegrityError:
    message = f"not every problem is accounted for: {said}"
    return IntegrityError(Diagnostic("E720", message, help="please report it with the run's manifest and journal"))
