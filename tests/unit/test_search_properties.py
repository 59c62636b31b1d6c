"""What holds for every search, whatever teachers say: by property, with scripts instead of models."""

from __future__ import annotations

import math
import random
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from cordspec.plugin import Expansion, Score, ScoredCandidate, Search, SearchSetting
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.searches.curation import Curation, CurationOptions
from cordspec_std.searches.mcts import Mcts, MctsMachine, MctsOptions
from cordspec_std.searches.tree import Node
from tests.unit.scripted import drawn, play, told

settings = st.builds(
    lambda teachers, weights: SearchSetting(teachers, None, tuple(weights[:teachers])),
    st.integers(1, 4),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
)
beams = st.builds(
    BeamOptions,
    size=st.integers(1, 5),
    samples=st.integers(1, 2),
    finished=st.sampled_from(["compete", "reserve", "shelve", "first"]),
)
trees = st.builds(
    MctsOptions,
    iterations=st.integers(1, 6),
    exploration=st.floats(0, 3),
    rule=st.sampled_from(["ucb1", "puct"]),
    backup=st.sampled_from(["mean", "max"]),
    samples=st.integers(1, 2),
)
curations = st.builds(
    CurationOptions, traces_per_teacher=st.integers(1, 4), pick=st.sampled_from(["score", "random", "longest"])
)
searches = st.one_of(st.builds(Beam, beams), st.builds(Mcts, trees), st.builds(Curation, curations))


@given(searches, settings, st.integers(0, 10_000), st.integers(0, 99))
def test_the_order_of_arrival_decides_nothing(search: Search, setting: SearchSetting, seed: int, order: int) -> None:
    plain, shuffled = search.start(setting), search.start(setting)
    assert play(plain, drawn(seed)) == play(shuffled, drawn(seed), order)
    assert plain.result() == shuffled.result()


@given(searches, settings, st.integers(0, 10_000))
def test_what_is_kept_was_told(search: Search, setting: SearchSetting, seed: int) -> None:
    seen: dict[tuple[int, ...], ScoredCandidate] = {}

    def say(expansion: Expansion) -> ScoredCandidate | None:
        answer = drawn(seed)(expansion)
        if answer is not None:
            seen[answer.expansions] = answer
        return answer

    machine = search.start(setting)
    for decision in play(machine, say):
        assert all(seen[one.expansions] == one for one in (*decision.kept, *decision.dropped))
        assert not {one.expansions for one in decision.kept} & {one.expansions for one in decision.dropped}
    result = machine.result()
    assert result is None or (seen[result.expansions] == result and result.score is not None)


@given(beams, settings, st.integers(0, 10_000))
def test_a_beam_is_never_wider_than_its_size(options: BeamOptions, setting: SearchSetting, seed: int) -> None:
    for decision in play(Beam(options).start(setting), drawn(seed)):
        done = sum(one.trajectory.finished for one in decision.kept)
        assert done <= options.size and len(decision.kept) - done <= options.size
        if options.finished != "reserve":
            assert len(decision.kept) <= options.size


@given(searches, settings, st.integers(0, 10_000), st.sampled_from([math.nan, math.inf, -math.inf, None]))
def test_a_score_that_is_no_number_never_selects(
    search: Search, setting: SearchSetting, seed: int, value: float | None
) -> None:
    def say(expansion: Expansion) -> ScoredCandidate | None:
        answer = drawn(seed)(expansion)
        if answer is None or random.Random(expansion.number).random() < 0.5:
            return answer
        score = None if value is None else Score(value)
        return ScoredCandidate(answer.expansions, answer.writer, answer.trajectory, score)

    machine = search.start(setting)
    for decision in play(machine, say):
        assert all(one.score is not None and math.isfinite(one.score.value) for one in decision.kept)
    result = machine.result()
    assert result is None or (result.score is not None and math.isfinite(result.score.value))


def statistics(top: Node) -> dict[str, tuple[int, float, float]]:
    """Visits, sum and best of every node, by the keys on the way to it."""
    found, pending = {}, [(top.prefix.key, top)]
    while pending:
        path, node = pending.pop()
        if node.visits:
            found[path] = (node.visits, round(node.total, 9), node.best)
        pending += [(f"{path}/{key}", child) for key, child in node.children.items()]
    return found


@given(trees, settings, st.integers(0, 10_000))
def test_the_statistics_of_a_tree_are_those_of_its_log(options: MctsOptions, setting: SearchSetting, seed: int) -> None:
    machine = Mcts(options).start(setting)
    assert isinstance(machine, MctsMachine)
    top = machine.root
    logged: defaultdict[str, list[float]] = defaultdict(list)
    for decision in play(machine, drawn(seed)):
        for backup in decision.backups:
            for length in range(1, len(backup.path) + 1):
                logged["/".join(node.key for node in backup.path[:length])].append(backup.value)
    again = {path: (len(v), round(math.fsum(v), 9), max(v)) for path, v in logged.items()}
    assert statistics(top) == again


@given(trees, settings, st.integers(0, 10_000))
def test_a_tree_moves_to_its_most_visited_child(options: MctsOptions, setting: SearchSetting, seed: int) -> None:
    machine = Mcts(options).start(setting)
    assert isinstance(machine, MctsMachine)
    while expansions := machine.ask():
        before = machine.root
        (expansion,) = expansions
        answer = drawn(seed)(expansion)
        machine.tell([] if answer is None else [answer], 1)
        if machine.root is not before:
            moved = next(
                node for node in before.children.values() if node is machine.root or _below(node, machine.root)
            )
            assert moved.visits == max(node.visits for node in before.children.values())
    result = machine.result()
    assert result is None or result.trajectory.finished


def _below(node: Node, wanted: Node) -> bool:
    return any(child is wanted or _below(child, wanted) for child in node.children.values())


@given(settings, st.integers(1, 3))
def test_weights_are_shares_of_the_proposals(setting: SearchSetting, each: int) -> None:
    for search in (Beam(BeamOptions(samples=each)), Curation(CurationOptions(traces_per_teacher=each))):
        asked = search.start(setting).ask()
        for teacher in range(setting.teachers):
            mine = [expansion.index for expansion in asked if expansion.teacher == teacher]
            assert sorted(mine) == list(range(each * setting.weight(teacher)))


def test_equal_steps_of_two_teachers_are_one_node() -> None:
    machine = Mcts(MctsOptions(iterations=2)).start(SearchSetting(2))
    assert isinstance(machine, MctsMachine)
    top = machine.root
    for value in (0.4, 0.6):
        (expansion,) = machine.ask()
        machine.tell([told(expansion, ["\nsame", f"\n{value}"], value, finished=True)], 1)
    (child,) = top.children.values()
    assert child.visits == 2 and child.total == 1.0
