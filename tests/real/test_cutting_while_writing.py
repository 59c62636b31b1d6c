"""A teacher that writes step by step writes what it writes in one go, and is cut in the same places."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.journal import Committer, Journal
from cordspec.model.blocks import Budget
from cordspec.plugin import ProblemView, Sampling, Segmenter
from cordspec.run.attendance import Attendance
from cordspec.run.gateway import ModelGateway
from cordspec.run.ledger import Ledger
from cordspec.run.teachers import Pool, Teacher
from cordspec_mini.problems import InventoryProblems, MiniatureProblemsOptions
from cordspec_std.segmenters.cue import Cue, CueOptions
from cordspec_std.segmenters.line_break import LineBreak, LineBreakOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

SEGMENTERS = {
    "step_header": StepHeader(StepHeaderOptions(max_step=64)),
    "line_break": LineBreak(LineBreakOptions(boundary="\n", max_step=64)),
    "cue": Cue(CueOptions(cues=("Shelf",), cue_tokens=1, max_step=64)),
}


@pytest.mark.parametrize("name", SEGMENTERS)
def test_step_by_step_is_the_whole_trace_cut(name: str, engine, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    segmenter: Segmenter = SEGMENTERS[name]
    problems = [problem.view for problem in InventoryProblems(MiniatureProblemsOptions(count=4, seed=9)).load()]

    async def both(pool: Pool, view: ProblemView) -> tuple[list[str], list[str]]:
        whole = await pool.propose(view, Expansion(0, Trajectory(), 0, extent="trace"))
        prefix, steps = Trajectory(), []
        while not prefix.finished:
            said = await pool.propose(view, Expansion(len(steps), prefix, 0))
            assert said.valid and not said.violations, said
            steps += said.steps
            new = tuple(Step(text, ("adder",), 1) for text in said.steps)
            prefix = prefix.extend(new, finished=said.closes)
        return list(whole.steps), steps

    async def all_of_them() -> None:
        with Journal(tmp_path / "run.db") as journal:
            gateway = ModelGateway(lambda: engine("adder"), "adder", Committer(journal))
            teacher = Teacher("adder", gateway.view("adder", "teacher", Ledger()), Sampling(0.0))
            pool = Pool((teacher,), segmenter, Budget(thinking=512, answer=64), 1, Attendance("fail", 0.0, journal))
            for view in problems:
                whole, steps = await both(pool, view)
                assert steps == whole
                assert len(steps) >= 4

    asyncio.run(all_of_them())
