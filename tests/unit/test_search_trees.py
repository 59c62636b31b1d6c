"""Three problems, two teachers, scores by table: the tree of every search, in golden files that a person can check.

The tables are in ``tests/golden/searches/tables.json``: what each teacher says after each prefix, and the score of each
prefix. ``UPDATE_GOLDEN=1`` writes the trees anew; read what changed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cordspec.plugin import Decision, Expansion, Ref, ScoredCandidate, Search, SearchSetting
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.searches.curation import Curation, CurationOptions
from cordspec_std.searches.integration import Integration, IntegrationOptions
from cordspec_std.searches.mcts import Mcts, MctsOptions
from tests.unit.scripted import shown, told

GOLDEN = Path(__file__).parents[1] / "golden" / "searches"
TABLES = json.loads((GOLDEN / "tables.json").read_text())
SEARCHES: dict[str, Search] = {
    "greedy": Beam(BeamOptions(size=1)),
    "beam2": Beam(BeamOptions(size=2)),
    "beam2_reserve": Beam(BeamOptions(size=2, finished="reserve")),
    "beam2_shelve": Beam(BeamOptions(size=2, finished="shelve")),
    "beam2_first": Beam(BeamOptions(size=2, finished="first")),
    "mcts": Mcts(MctsOptions(iterations=3)),
    "mcts_puct_max": Mcts(MctsOptions(iterations=3, rule="puct", backup="max")),
    "curation": Curation(CurationOptions(traces_per_teacher=1)),
    "integration": Integration(
        IntegrationOptions(integrator=Ref("model", "merger"), traces_per_teacher=1, order="rank", retries=0)
    ),
    "curation_longest": Curation(CurationOptions(traces_per_teacher=1, pick="longest")),
}


class Table:
    """One problem: what teachers say, step by step. A step that ends with a point ends the trace."""

    def __init__(self, said: dict[str, list[str]], scores: dict[str, float]) -> None:
        self._said, self._scores = said, scores

    def answer(self, expansion: Expansion) -> ScoredCandidate | None:
        if expansion.extent == "merge":
            return self._merged(expansion)
        steps, text = [], shown(expansion.prefix)
        while not text.endswith("."):
            said = self._said.get(text)
            if said is None:
                return None
            step = said[expansion.teacher]
            steps.append("\n" + step.rstrip("."))
            text = ("" if text == "(nothing)" else text + " ") + step
            if expansion.extent == "step":
                break
        return told(expansion, steps, self._scores[text], finished=text.endswith("."))

    def _merged(self, expansion: Expansion) -> ScoredCandidate | None:
        """The integrator of the tables writes the first steps of all sources, in their order, and refuses a single source."""
        if len({source.key for source in expansion.sources}) < 2:
            return None
        steps = [source.steps[0].text for source in expansion.sources]
        return told(expansion, steps, 0.5, finished=True)


def tree(search: Search, table: Table) -> str:
    machine = search.start(SearchSetting(teachers=2))
    lines: list[str] = []
    while expansions := machine.ask():
        answers = [table.answer(expansion) for expansion in expansions]
        lines.append(f"wave {len([one for one in lines if one.startswith('wave')]) + 1}")
        for expansion, answer in zip(expansions, answers, strict=True):
            what = "nothing" if answer is None else f"{shown(answer.trajectory)}  {answer.score.value:.2f}"  # type: ignore[union-attr]
            who = "integrator" if expansion.extent == "merge" else f"teacher {expansion.teacher}"
            lines.append(f"  {who} after {shown(expansion.prefix)}: {what}")
        lines += _decided(machine.tell([answer for answer in answers if answer is not None], 0))
        assert len(lines) < 200
    result = machine.result()
    lines.append(f"result: {shown(result.trajectory) if result else 'none'}")
    return "\n".join(lines) + "\n"


def _decided(decision: Decision) -> list[str]:
    lines = [f"  keep {shown(one.trajectory)}" for one in decision.kept]
    lines += [f"  drop {shown(one.trajectory)}" for one in decision.dropped]
    lines += [f"  {one.value:.2f} to {' | '.join(shown(node) for node in one.path)}" for one in decision.backups]
    return lines + ([f"  the root is now {shown(decision.root)}"] if decision.root is not None else [])


@pytest.mark.parametrize("name", SEARCHES)
def test_the_trees_are_those_worked_out_by_hand(name: str) -> None:
    found = "\n".join(
        f"# {problem}\n{tree(SEARCHES[name], Table(table['said'], table['scores']))}"
        for problem, table in TABLES.items()
    )
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


def test_the_tables_say_what_follows_every_open_prefix() -> None:
    for table in TABLES.values():
        for prefix, said in table["said"].items():
            for step in said:
                text = step if prefix == "(nothing)" else f"{prefix} {step}"
                assert text in table["scores"]
                assert text.endswith(".") or text in table["said"]
