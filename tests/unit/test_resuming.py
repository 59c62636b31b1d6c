"""What a resumed run knows about the processes before it: what they were asking, what they decided, what they died of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Score, ScoredCandidate
from cordspec.domain.search import Decision
from cordspec.domain.trajectory import Trajectory
from cordspec.errors import IntegrityError
from cordspec.journal import Committer, Journal
from cordspec.journal.history import asked_again, crashed
from cordspec.run.decisions import Decisions
from cordspec.run.quarantine import Quarantine

PROBLEMS = [Problem(f"question {number}", "1") for number in range(4)]
IDS = [problem.id for problem in PROBLEMS]


def answer(number: int) -> tuple[bytes, str, dict[str, object], float]:
    return bytes([number]) * 32, "model", {"text": str(number)}, 0.0


@pytest.fixture
def process(tmp_path: Path) -> Callable[[Callable[[Journal], None]], None]:
    """Does something in a journal and dies of it: nothing is closed in order."""

    def run(work: Callable[[Journal], None]) -> None:
        journal = Journal(tmp_path / "run.db")
        work(journal)
        journal._closing.close()

    return run


def test_processes_that_did_not_end_by_themselves_are_known(tmp_path: Path, process) -> None:
    with Journal(tmp_path / "run.db"):
        pass
    process(lambda journal: None)
    with pytest.raises(KeyError), Journal(tmp_path / "run.db"):
        raise KeyError
    with Journal(tmp_path / "run.db") as journal:
        assert journal.attempt == 4 and crashed(journal) == [2]


def test_what_was_under_way_when_a_process_ended_is_counted_when_it_is_answered(tmp_path: Path, process) -> None:
    def asks(journal: Journal) -> None:
        for number in (1, 2, 3):
            journal.asked(answer(number)[0])
        journal.put([answer(1)])

    process(asks)
    with Journal(tmp_path / "run.db") as journal:
        assert asked_again(journal) == {}
        journal.put([answer(2), answer(4)])
        assert asked_again(journal) == {"model": 1}
    with Journal(tmp_path / "run.db") as journal:
        assert asked_again(journal) == {"model": 1}


def test_what_a_finished_process_gave_up_was_not_interrupted(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.db") as journal:
        journal.asked(answer(1)[0])
    assert (tmp_path / "asked.log").read_bytes() == b""
    with Journal(tmp_path / "run.db") as journal:
        journal.put([answer(1)])
        assert asked_again(journal) == {}


def decision(score: float, wave: int = 0) -> Decision:
    return Decision(wave, (ScoredCandidate((), 0, Trajectory(), Score.of(score)),), ())


def test_a_wave_that_is_decided_otherwise_ends_the_run(tmp_path: Path) -> None:
    for _ in range(2):
        with Journal(tmp_path / "run.db") as journal:
            decisions = Decisions("stage", Committer(journal))
            decisions.keep(IDS[0], decision(0.5))
            decisions.keep(IDS[1], decision(0.7))
            decisions.committer.flush()
    with Journal(tmp_path / "run.db") as journal, pytest.raises(IntegrityError, match="E714"):
        Decisions("stage", Committer(journal)).keep(IDS[0], decision(0.6))


def begin(*ids: str) -> Callable[[Journal], None]:
    def work(journal: Journal) -> None:
        quarantine = Quarantine(Committer(journal), "stage", PROBLEMS)
        for one in ids:
            asyncio.run(quarantine.begin(one))

    return work


def test_a_problem_that_ends_the_process_three_times_is_set_aside_and_no_other(tmp_path: Path, process) -> None:
    process(begin(*IDS))
    process(begin(IDS[0], IDS[2]))
    with Journal(tmp_path / "run.db") as journal:
        suspects = Quarantine(Committer(journal), "stage", PROBLEMS)
        assert suspects.alone == {IDS[0], IDS[2]} and not suspects.aside
        asyncio.run(suspects.begin(IDS[0]))
        suspects.end(IDS[0])
        suspects._committer.flush()
    process(begin(IDS[2]))
    with Journal(tmp_path / "run.db") as journal:
        found = Quarantine(Committer(journal), "stage", PROBLEMS)
        assert found.aside == {IDS[2]} and not found.alone
        assert IDS[2] in found.warning().message and found.warning().code == "W714"
        assert not Quarantine(Committer(journal), "stage", PROBLEMS, 0).aside
        assert not Quarantine(Committer(journal), "another stage", PROBLEMS).aside


def test_a_problem_that_went_on_before_the_process_ended_is_not_to_blame(tmp_path: Path, process) -> None:
    process(begin(IDS[0]))
    process(begin(IDS[0]))

    def goes_on(journal: Journal) -> None:
        asyncio.run(Quarantine(Committer(journal), "stage", PROBLEMS).begin(IDS[0]))
        journal.put([answer(journal.attempt)])

    for _ in range(5):
        process(goes_on)
    with Journal(tmp_path / "run.db") as journal:
        assert Quarantine(Committer(journal), "stage", PROBLEMS).alone == {IDS[0]}


def test_processes_that_ended_by_themselves_are_no_crashes(tmp_path: Path) -> None:
    for _ in range(4):
        with Journal(tmp_path / "run.db") as journal:
            asyncio.run(Quarantine(Committer(journal), "stage", PROBLEMS).begin(IDS[0]))
            assert not Quarantine(Committer(journal), "stage", PROBLEMS).aside
