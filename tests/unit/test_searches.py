"""Searches without a model: properties, and trees worked out by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cordspec.plugin import Expansion, Score, ScoredCandidate, SearchMachine, SearchSetting, Step, Trajectory
from cordspec_std.searches.beam import BeamMachine
from cordspec_std.searches.curation import CurationMachine


def candidate(expansion: Expansion, text: str, value: float | None, *, finished: bool = False) -> ScoredCandidate:
    trajectory = expansion.prefix.extend((Step(text, (f"t{expansion.teacher}",), 1),), finished=finished)
    score = None if value is None else Score.of(value)
    return ScoredCandidate((expansion.number,), expansion.teacher, trajectory, score)


def scripted(expansion: Expansion, seed: int) -> ScoredCandidate:
    """A made-up answer that depends on what was asked alone."""
    rng = random.Random(f"{seed}:{expansion.prefix.key}:{expansion.teacher}:{expansion.index}")
    depth = len(expansion.prefix.steps) + 1
    value = None if rng.random() < 0.1 else rng.random()
    return candidate(expansion, f"\n{rng.random()}", value, finished=depth >= 4 or rng.random() < 0.2)


def play(machine: SearchMachine, seed: int, shuffle: int | None = None) -> list[tuple[list[str], list[str]]]:
    history = []
    while expansions := machine.ask():
        answers = [scripted(expansion, seed) for expansion in expansions]
        if shuffle is not None:
            random.Random(shuffle).shuffle(answers)
        decision = machine.tell(answers, len(answers))
        history.append(([c.trajectory.key for c in decision.kept], sorted(c.trajectory.key for c in decision.dropped)))
        assert len(history) < 50
    return history


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.integers(0, 10_000), st.integers(0, 99))
def test_beam_keeps_the_best_candidates_in_any_arrival_order(
    size: int, samples: int, teachers: int, seed: int, shuffle: int
) -> None:
    plain = play(BeamMachine(size, samples, SearchSetting(teachers)), seed)
    assert plain == play(BeamMachine(size, samples, SearchSetting(teachers)), seed, shuffle)
    assert all(len(kept) <= size for kept, _ in plain)


@given(st.integers(1, 4), st.integers(0, 10_000))
def test_beam_of_one_is_greedy(teachers: int, seed: int) -> None:
    machine = BeamMachine(1, 1, SearchSetting(teachers))
    prefix, best = Trajectory(), None
    while expansions := machine.ask():
        assert {expansion.prefix.key for expansion in expansions} == {prefix.key}
        answers = [scripted(expansion, seed) for expansion in expansions]
        machine.tell(answers, 0)
        valid = [answer for answer in answers if answer.score is not None]
        if not valid:
            break
        best = min(valid, key=lambda answer: answer.rank)
        prefix = best.trajectory
    assert machine.result() == best


def waves(machine: SearchMachine, script: Sequence[dict[tuple[str, int], tuple[str, float, bool]]]) -> list[list[str]]:
    """Play by a table: (prefix text, teacher) -> (step, score, finished). Returns the kept texts of each wave."""
    kept = []
    for table in script:
        answers = [
            candidate(e, table[e.prefix.thinking, e.teacher][0], table[e.prefix.thinking, e.teacher][1],
                      finished=table[e.prefix.thinking, e.teacher][2])
            for e in machine.ask()
        ]  # fmt: skip
        kept.append([c.trajectory.thinking for c in machine.tell(answers, 0).kept])
    return kept


def test_a_finished_beam_competes_until_better_ones_push_it_out() -> None:
    """Two teachers, two beams. `x` finishes at once with 0.6; both children of `b` beat it in the second wave."""
    machine = BeamMachine(2, 1, SearchSetting(2))
    script = [
        {("", 0): ("x", 0.6, True), ("", 1): ("b", 0.5, False)},
        {("b", 0): ("c", 0.7, False), ("b", 1): ("d", 0.8, False)},
        {
            ("bd", 0): ("e", 0.9, True),
            ("bd", 1): ("f", 0.1, True),
            ("bc", 0): ("g", 0.2, True),
            ("bc", 1): ("h", 0.85, True),
        },
    ]
    assert waves(machine, script) == [["x", "b"], ["bd", "bc"], ["bde", "bch"]]
    assert machine.ask() == []
    result = machine.result()
    assert result is not None and result.trajectory.thinking == "bde"


def test_a_finished_beam_that_stays_best_wins() -> None:
    machine = BeamMachine(2, 1, SearchSetting(2))
    script = [
        {("", 0): ("x", 0.9, True), ("", 1): ("b", 0.5, False)},
        {("b", 0): ("c", 0.3, True), ("b", 1): ("d", 0.2, True)},
    ]
    assert waves(machine, script) == [["x", "b"], ["x", "bc"]]
    result = machine.result()
    assert result is not None and result.trajectory.thinking == "x"


def test_ties_go_to_probability_then_length_then_teacher_then_content() -> None:
    root = Expansion(0, Trajectory(), 0)

    def one(text: str, value: float, logprob: float, tokens: int, writer: int) -> ScoredCandidate:
        trajectory = root.prefix.extend((Step(text, ("t",), tokens),), finished=False)
        return ScoredCandidate((0,), writer, trajectory, Score.of(value, logprob))

    ordered = [
        one("a", 0.6, -9, 9, 2),
        one("b", 0.5, -1, 9, 2),
        one("c", 0.5, -2, 3, 2),
        one("d", 0.5, -2, 4, 0),
        one("e", 0.5, -2, 4, 1),
    ]
    mixed = ordered[::-1]
    assert sorted(mixed, key=lambda candidate: candidate.rank) == ordered


def test_a_score_that_is_no_number_is_never_kept() -> None:
    machine = BeamMachine(4, 1, SearchSetting(2))
    first, second = machine.ask()
    bad = ScoredCandidate((0,), 0, first.prefix.extend((Step("n", ("t",), 1),), finished=True), Score(math.nan))
    decision = machine.tell([bad, candidate(second, "g", 0.1, finished=True)], 0)
    assert [c.trajectory.thinking for c in decision.kept] == ["g"]
    assert [c.trajectory.thinking for c in decision.dropped] == ["n"]


def test_a_search_in_which_nobody_says_anything_ends_without_a_result() -> None:
    machine = BeamMachine(2, 1, SearchSetting(1))
    machine.ask()
    machine.tell([], 0)
    assert machine.ask() == [] and machine.result() is None


def test_curation_takes_turns_and_keeps_the_best_trace() -> None:
    machine = CurationMachine(2, SearchSetting(teachers=3))
    asked = machine.ask()
    assert [(e.teacher, e.index, e.extent) for e in asked] == [
        (0, 0, "trace"), (1, 0, "trace"), (2, 0, "trace"), (0, 1, "trace"), (1, 1, "trace"), (2, 1, "trace"),
    ]  # fmt: skip
    decision = machine.tell([candidate(e, f"{e.number}", 0.1 * (e.number == 4)) for e in asked], 60)
    assert [c.trajectory.thinking for c in decision.kept] == ["4"]
    assert len(decision.dropped) == 5 and machine.ask() == []


@given(st.integers(50, 2_000), st.integers(0, 1_000))
def test_curation_at_equal_tokens_ends_within_half_a_trace_of_its_target(target: int, seed: int) -> None:
    rng = random.Random(seed)
    machine = CurationMachine(4, SearchSetting(teachers=3, target_tokens=target))
    spent = traces = 0
    while expansions := machine.ask():
        (expansion,) = expansions
        spent, traces = spent + (cost := rng.randint(80, 120)), traces + 1
        machine.tell([candidate(expansion, str(expansion.number), 0.5)], cost)
    assert traces == 1 or abs(spent - target) <= 120


def test_curation_at_equal_tokens_agrees_with_its_targets_over_many_problems() -> None:
    rng = random.Random(5)
    targets = [rng.randint(900, 1_500) for _ in range(400)]
    total = 0
    for target in targets:
        machine = CurationMachine(4, SearchSetting(teachers=3, target_tokens=target))
        while expansions := machine.ask():
            cost = rng.randint(60, 140)
            total += cost
            machine.tell([candidate(expansions[0], str(expansions[0].number), 0.5)], cost)
    assert abs(total / sum(targets) - 1) < 0.02


def test_a_prefix_closed_at_once_does_not_take_a_second_place() -> None:
    """`b` is kept open and finished; closing the open one gives the finished one again, which must not push out `c`."""
    machine = BeamMachine(2, 1, SearchSetting(2))
    first, second = machine.ask()
    machine.tell([candidate(first, "b", 0.9, finished=True), candidate(second, "b", 0.9)], 0)
    closes, goes_on = machine.ask()
    again = ScoredCandidate((closes.number,), 0, closes.prefix.extend((), finished=True), Score.of(0.9))
    decision = machine.tell([again, candidate(goes_on, "c", 0.8)], 0)
    assert [c.trajectory.thinking for c in decision.kept] == ["b", "bc"]
