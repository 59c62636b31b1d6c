"""What a probe makes of what it sees, in worlds where the truth is known: labels, intervals, sharpness, who wins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import pytest

from cordspec import api
from cordspec.domain.inference import Call, Generation
from cordspec.domain.problem import Problem, ProblemView
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import EMPTY, Proposal, Trajectory
from cordspec.domain.verdict import Verdict
from cordspec.errors import UsageError
from cordspec.extension.kinds.search import Search
from cordspec.extension.registry import Registry
from cordspec.model import Experiment
from cordspec.plan import Graph, build
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.estimate import Estimator
from cordspec.plan.machine import Gpu
from cordspec.plugin import Candidate, Score, ScoredCandidate, SearchSetting, Step
from cordspec.run.driver import Driver
from cordspec.run.ledger import Ledger
from cordspec.run.merging import Answered, Merged, merge
from cordspec.run.probing import measuring, predicting
from cordspec.run.probing.beliefs import beliefs
from cordspec.run.probing.costing import cluster_hours, costs
from cordspec.run.probing.empirical import Bank
from cordspec.run.probing.growing import Grower
from cordspec.run.probing.labels import follow, pairs
from cordspec.run.probing.playing import Unplayable, play
from cordspec.run.probing.probe import choose, sample
from cordspec.run.probing.resampling import probability_above, ratio, share
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import Level, ProbedCandidate, ProbedPrefix, ProblemProbe
from cordspec_std.searches.beam import Beam, BeamOptions
from tests.unit.test_driver import BLOCK

FEW = ProbeSettings(draws=200, plays=10)


# --- by hand ---------------------------------------------------------------------------------------------------------


def candidate(
    text: str, label: float | None, score: float | None, prefix: Trajectory = EMPTY, *, authors: int = 1
) -> ProbedCandidate:
    """A candidate whose ten rollouts ended right as often as its label says."""
    trajectory = prefix.extend((Step(text, ("t0",), 5),), finished=False)
    proposal = Proposal("t0", (text,), (5,), False, False, 6)
    merged = Merged((Expansion(0, prefix, 0),), (proposal,) * authors, trajectory)
    endings = () if label is None else tuple(at < round(10 * label) for at in range(10))
    return ProbedCandidate(merged, None if score is None else Score.of(score), endings)


def level(*candidates: ProbedCandidate) -> Level:
    return Level(1, ProbedPrefix(EMPTY, (), candidates), None)


def probe_of(*levels: Level) -> ProblemProbe:
    return ProblemProbe(Problem("q", "a"), (), levels, ())


def test_a_pair_is_a_right_and_a_wrong_step_in_this_order() -> None:
    found = list(pairs([candidate("a", 0.0, 0.7), candidate("b", 0.9, 0.2)], 0.3))
    assert found == [(0.2, 0.7)], "the right one's score comes first, whichever candidate does"


def test_steps_of_the_same_label_make_no_pair() -> None:
    alike = [candidate("a", 0.5, 0.1), candidate("b", 0.5, 0.9), candidate("c", 0.8, 0.4)]
    assert list(pairs(alike, 0.4)) == []
    assert list(pairs(alike, 0.2)) == [(0.4, 0.1), (0.4, 0.9)]


def test_what_has_no_score_or_no_label_is_in_no_pair() -> None:
    assert list(pairs([candidate("a", None, 0.1), candidate("b", 1.0, 0.9), candidate("c", 0.0, None)], 0.3)) == []


@pytest.mark.parametrize(("scores", "sharpness"), [((0.9, 0.1), 1.0), ((0.1, 0.9), 0.0), ((0.5, 0.5), 0.5)])
def test_sharpness_is_the_share_ranked_rightly_with_ties_half(scores: tuple[float, float], sharpness: float) -> None:
    probe = probe_of(level(candidate("right", 1.0, scores[0]), candidate("wrong", 0.0, scores[1])))
    (found,) = measuring.depths([probe, probe], FEW)
    assert found.siblings.value == found.level.value == sharpness
    assert (found.siblings.n, found.siblings.problems) == (2, 2)


def test_an_interval_is_over_problems_not_over_what_is_measured_in_them() -> None:
    """A thousand pairs of one problem are one problem: between two that disagree anything is possible."""
    found = ratio([(1000.0, 1000), (0.0, 1000)], FEW)
    assert (found.value, found.low, found.high, found.n, found.problems) == (0.5, 0.0, 1.0, 2000, 2)


def test_problems_without_pairs_do_not_narrow_an_interval() -> None:
    values = [(1.0, 1), (0.0, 1), (1.0, 1)]
    assert ratio([*values, *[(0.0, 0)] * 50], FEW) == ratio(values, FEW)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Problems of very different sharpness, ten pairs each; 90 % of intervals hold the mean, and not 100 %."""
    covered = 0
    for trial in range(100):
        rng = random.Random(trial)
        shares = [rng.choice((0.4, 1.0)) for _ in range(30)]
        found = ratio([(float(sum(rng.random() < share for _ in range(10))), 10) for share in shares], FEW)
        covered += found.low is not None and found.high is not None and found.low <= 0.7 <= found.high
    assert 80 <= covered <= 97


def test_one_problem_has_no_interval() -> None:
    found = ratio([(3.0, 4)], FEW)
    assert (found.value, found.low, found.high) == (0.75, None, None)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_problems_that_all_agree_still_leave_an_error(end: float) -> None:
    """A bootstrap of eight problems that all say 1 would say 1 to 1. A share of 0.69 or less gives that once in twenty."""
    found = share([(50 * end, 50)] * 8, FEW)
    assert (found.value, found.n, found.problems) == (end, 400, 8)
    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(1 - 0.05 ** (1 / 8))
    assert found.low <= end <= found.high


def test_the_path_follows_labels_and_not_scores() -> None:
    right, wrong = candidate("right", 0.8, 0.1), candidate("wrong", 0.1, 0.9)
    ahead, behind = follow(level(wrong, right))
    assert (ahead, behind) == (right, wrong)


def test_without_a_right_ending_the_path_follows_what_most_agree_on() -> None:
    lonely, common = candidate("lonely", 0.0, 0.9), candidate("common", 0.0, 0.1, authors=3)
    assert follow(level(lonely, common)) == (common, lonely)


def test_the_wrong_path_is_the_best_scored_of_the_wrong_ones() -> None:
    one, other = candidate("w1", 0.0, 0.2), candidate("w2", 0.1, 0.6)
    assert follow(level(candidate("r", 1.0, 0.1), one, other))[1] == other


def test_a_step_is_right_by_what_follows_from_it() -> None:
    """Its own rollouts, by weak teachers, all went wrong; from the step after it they go right."""
    first = candidate("first", 0.0, 0.5, authors=2)
    other = candidate("other", 0.0, 0.5)
    second = candidate("second", 0.6, 0.5, first.trajectory)
    probe = probe_of(level(first, other), Level(2, ProbedPrefix(first.trajectory, (), (second,)), None))
    (found,) = beliefs([probe])
    assert found[first.trajectory.key] > 0.95 > 0.2 > found[other.trajectory.key]


def test_a_lucky_rollout_does_not_make_a_step_right() -> None:
    """After wrong steps one rollout in ten ends right by luck; after right ones eight do."""
    lucky = [candidate(f"lucky {at}", 0.1, 0.5) for at in range(20)]
    right = [candidate(f"right {at}", 0.8, 0.5) for at in range(20)]
    found = beliefs([probe_of(level(one, other)) for one, other in zip(lucky, right, strict=True)])
    assert all(each[one.trajectory.key] < 0.4 for each, one in zip(found, lucky, strict=True))
    assert all(each[one.trajectory.key] > 0.9 for each, one in zip(found, right, strict=True))


def test_beliefs_are_calibrated() -> None:
    """Over many steps of a known world, what is believed right with probability p is right in a share p."""
    probes = look(World(0.5, steps=4, skill=0.6), 30, FEW)
    found = [
        (believed[one.trajectory.key], float(is_right(one.trajectory)))
        for probe, believed in zip(probes, beliefs(probes), strict=True)
        for part in probe.levels
        for one in part.candidates
    ]
    assert fmean(p for p, _ in found) == pytest.approx(fmean(truth for _, truth in found), abs=0.05)
    for low, high in ((0.0, 0.2), (0.8, 1.01)):
        some = [(p, truth) for p, truth in found if low <= p < high]
        assert fmean(p for p, _ in some) == pytest.approx(fmean(truth for _, truth in some), abs=0.1)


def test_what_is_above_zero_counts_and_zero_counts_half() -> None:
    assert probability_above([1.0, 0.0, -1.0, 2.0]) == pytest.approx(0.625)


# --- a world whose truth is known ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A problem is so many steps; each is right with a probability of its teacher's, and a wrong one stays wrong.

    ``sharp`` is how often the score of a trajectory is a right one's, rather than one of either kind; at the end it always
    knows. Plays pool, scorer and grader of a driver.
    """

    sharp: float
    steps: int = 4
    skill: float = 0.6
    seed: int = 0
    needs_answer = False
    reads_lengths = True
    teachers = (0, 1, 2)
    weights = ()

    def _rng(self, *what: object) -> random.Random:
        return random.Random(repr((self.seed, *what)))

    async def propose(self, problem: ProblemView, expansion: Expansion) -> Proposal:
        rng = self._rng(problem.id, expansion.prefix.key, expansion.teacher, expansion.index, expansion.extent)
        here = len(expansion.prefix.steps)
        last = self.steps if expansion.extent == "trace" else here + 1
        said = tuple("R" if rng.random() < self.skill else f"W{rng.randrange(3)}" for _ in range(here, last))
        return Proposal(f"t{expansion.teacher}", said, (10,) * len(said), last == self.steps, False, 10 * len(said))

    async def answer(self, problem: ProblemView, trajectory: Trajectory, writer: int) -> Generation:
        return Generation("right" if is_right(trajectory) else "wrong", 1, "end")

    async def score(self, candidates: list[Candidate]) -> list[Score]:
        return [self.value(one.problem.id, one.trajectory) for one in candidates]

    def value(self, problem: str, trajectory: Trajectory) -> Score:
        rng = self._rng("score", problem, trajectory.key)
        knows = trajectory.finished or rng.random() < self.sharp
        return Score.of((0.5 if knows and is_right(trajectory) else 0.0) + 0.5 * rng.random())

    def mark(self, problem: Problem, written: str) -> Verdict:
        return Verdict.of(written == problem.answer)


def is_right(trajectory: Trajectory) -> bool:
    return all(step.text == "R" for step in trajectory.steps)


LABELS = ("t0", "t1", "t2")


def searches(registry: Registry, size: int) -> tuple[Search, Search]:
    beam, curation = registry.get("search", "beam"), registry.get("search", "curation")
    return beam(beam.options_type(size=size)), curation(curation.options_type())  # type: ignore[return-value]


def look(world: World, problems: int, settings: ProbeSettings) -> list[ProblemProbe]:
    driver = Driver(world, world, BLOCK, Beam(BeamOptions()), lambda *_: None)  # type: ignore[arg-type]
    grower = Grower(driver, world, settings, 4)  # type: ignore[arg-type]

    async def all_of_them() -> list[ProblemProbe]:
        return [await grower.probe(Problem(f"q{at}", "right")) for at in range(problems)]

    return asyncio.run(all_of_them())


def forecasts(probes: list[ProblemProbe], pair: tuple[Search, Search]) -> list[predicting.ProblemForecast]:
    both = zip(probes, beliefs(probes), strict=True)
    return [predicting.forecast(one, believed, pair, LABELS, (), FEW) for one, believed in both]


def truth(world: World, pair: tuple[Search, Search], problems: int) -> float:
    """The difference of the two searches on other problems of the same world, without any probe."""
    differences = []
    for at in range(problems):
        spent = 0
        right = []
        for search in pair:
            machine = search.start(SearchSetting(3, spent or None))
            while asked := machine.ask():
                view = Problem(f"other {at}", "right").view
                answered = [Answered(one, asyncio.run(world.propose(view, one))) for one in asked]
                tokens = sum(one.proposal.generated for one in answered if one.proposal)
                spent += tokens if search is pair[0] else 0
                told = [
                    ScoredCandidate(
                        tuple(e.number for e in m.expansions), m.expansions[0].teacher, m.trajectory,
                        world.value(view.id, m.trajectory),
                    )
                    for m in merge(answered)
                ]  # fmt: skip
                machine.tell(told, tokens)
            best = machine.result()
            right.append(float(best is not None and is_right(best.trajectory)))
        differences.append(right[0] - right[1])
    return fmean(differences)


@pytest.mark.parametrize(("sharp", "size", "sign"), [(1.0, 1, 1), (1.0, 2, 1), (0.0, 1, -1), (0.0, 2, -1)])
def test_the_prediction_agrees_with_the_world(registry: Registry, sharp: float, size: int, sign: int) -> None:
    """The truth has a standard error of about 0.06 here, the prediction one of 0.05."""
    world = World(sharp, steps=5)
    pair = searches(registry, size)
    real = truth(world, pair, 60)
    probes = look(world, 24, FEW)
    found = predicting.winner(forecasts(probes, pair), FEW)
    assert sign * real > 0.05
    assert found.verdict == ("better" if sign > 0 else "worse")
    assert found.difference.value == pytest.approx(real, abs=0.24)


def test_a_close_race_is_undecided(registry: Registry) -> None:
    """A single step: both searches are the same best of three."""
    world = World(1.0, steps=1, skill=0.5)
    pair = searches(registry, 1)
    found = predicting.winner(forecasts(look(world, 8, FEW), pair), FEW)
    assert found.verdict == "undecided"


def test_four_problems_decide_nothing(registry: Registry) -> None:
    pair = searches(registry, 1)
    found = predicting.winner(forecasts(look(World(1.0), 4, FEW), pair), FEW)
    assert (found.verdict, found.probability) == ("undecided", None)


def test_every_step_is_labelled_by_the_same_teachers_in_turns() -> None:
    """Or the label of a right step would be that of what its author does next."""
    (probe,) = look(World(1.0), 1, FEW)
    for one in probe.levels[0].candidates:
        mine = [other.expansion.teacher for other in probe.rollouts if other.expansion.prefix == one.trajectory]
        assert mine == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("sharp", [0.0, 0.5, 1.0])
def test_sharpness_is_that_of_the_world(sharp: float) -> None:
    """A right step's score beats a wrong one's always where the score knows, else in half of the pairs."""
    found = measuring.depths(look(World(sharp, skill=0.7), 30, FEW), FEW)
    for depth in found[1:3]:
        assert depth.siblings.value == pytest.approx(0.5 + 0.5 * sharp, abs=0.15)
    assert found[3].siblings.value == 1.0, "at the end the score always knows"


@pytest.mark.parametrize(("sharp", "sign"), [(1.0, 1), (0.0, -1)])
def test_what_lies_deeper_than_the_probe_looked_is_like_its_deepest_part(
    registry: Registry, sharp: float, sign: int
) -> None:
    """Two of five steps are looked at; the sign is that of the same world looked at whole."""
    world = World(sharp, steps=5, skill=0.7)
    probes = look(world, 24, ProbeSettings(depth=2))
    assert {len(one.levels) for one in probes} == {2}
    found = forecasts(probes, searches(registry, 1))
    assert sign * fmean(one.stepwise - one.curation for one in found) > 0.05


def test_a_tree_search_is_not_predicted(registry: Registry) -> None:
    mcts = registry.get("search", "mcts")
    assert issubclass(mcts, Search)
    probes = look(World(1.0), 1, FEW)
    bank = Bank(probes[0], LABELS, beliefs(probes)[0])
    with pytest.raises(Unplayable, match="trace from a prefix"):
        play(mcts(mcts.options_type()).start(SearchSetting(3)), bank, random.Random(0))


def test_hours_on_a_cluster_are_those_of_a_plan_with_the_measured_lengths(root: Path) -> None:
    """Five steps of ten tokens were seen; the plan is told to assume the same."""
    experiment = api.load(root / "specs" / "hetero_beam4.cord")
    graph = build(experiment, lambda block: block.name)
    name = choose(experiment, "")
    probes = look(World(1.0, steps=5), 2, ProbeSettings(depth=1))
    found = cluster_hours(experiment, graph, name, 800, probes)
    assumed = replace(Assumptions(), steps=5, step_tokens=10)
    (planned,) = Estimator(experiment, lambda _: 800, assumed, Gpu()).stages(Graph("x", (graph.of_block(name),)))
    longer = replace(Assumptions(), steps=5, step_tokens=20)
    (twice,) = Estimator(experiment, lambda _: 800, longer, Gpu()).stages(Graph("x", (graph.of_block(name),)))
    assert found is not None and found == planned.hours != twice.hours


def test_costs_are_those_of_the_played_searches() -> None:
    """Two problems stand for a hundred; a token took 10 ms and a score 5 ms in the probe."""
    ledger = Ledger()
    ledger.add(Call("teacher", "m", 0, 0, 1_000, 0, 10.0), remembered=False)
    probes = look(World(1.0), 2, FEW)
    scorings = sum(len(one.traces) + sum(len(part.candidates) for part in one.levels) for one in probes)
    ledger.add(Call("prover", "m", 0, 0, 0, 4 * scorings, 0.005 * scorings), remembered=False)
    played = [predicting.ProblemForecast(1.0, 0.0, 200.0, 30.0), predicting.ProblemForecast(0.0, 1.0, 400.0, 50.0)]
    found = costs(played, probes, ledger, 100, None, FEW)
    assert (found.generated.value, found.scored.value) == (30_000, 16_000)
    assert (found.generated.low, found.generated.high) == (20_000, 40_000)
    assert found.hours.value == pytest.approx((30_000 * 0.01 + 4_000 * 0.005) / 3600)


# --- which decode, which problems ------------------------------------------------------------------------------------

SPEC = """cord 1
experiment e {}
problems p : inventory { count = 5 }
model m : mini { name = base }
pool solo { teachers = [m] }
segmenter steps : step_header {}
scorer pp : predictive_perplexity { prover = m }
search beam4 : beam {}
search whole : curation {}
"""
DECODE = "problems = p, pool = solo, segmenter = steps, scorer = pp"


@pytest.mark.parametrize(
    ("decodes", "name", "message"),
    [
        (["whole"], "", "the spec has no decodes that search step by step"),
        (["beam4", "beam4"], "", "the spec has 2 decodes that search step by step"),
        (["beam4", "whole"], "d1", "the decode `d1` does not search step by step"),
        (["beam4"], "other", "the decode `other` is not in the spec"),
    ],
)
def test_a_decode_that_cannot_be_probed(
    experiment: Callable[..., Experiment], decodes: list[str], name: str, message: str
) -> None:
    text = SPEC + "".join(f"decode d{at} {{ {DECODE}, search = {one} }}\n" for at, one in enumerate(decodes))
    with pytest.raises(UsageError) as caught:
        choose(experiment(text), name)
    assert [(one.code, one.message) for one in caught.value.diagnostics] == [("E120", message)]


def test_the_only_stepwise_decode_is_probed(experiment: Callable[..., Experiment]) -> None:
    text = SPEC + f"decode a {{ {DECODE}, search = whole }}\ndecode b {{ {DECODE}, search = beam4 }}\n"
    assert choose(experiment(text), "") == "b"


def test_the_seed_chooses_the_problems_and_their_order_stays() -> None:
    problems = [Problem(f"q{at}", "a") for at in range(50)]
    one, again, other = sample(problems, 10, 1), sample(problems, 10, 1), sample(problems, 10, 2)
    assert one == again != other
    assert one == [problem for problem in problems if problem in one]
    assert sample(problems, 99, 1) == problems


def test_a_probe_trains_no_student(root: Path, tmp_path: Path) -> None:
    experiment = api.load(root / "specs" / "lighter_prover.cord")
    with pytest.raises(UsageError, match="needs the student `light`, which only a run trains"):
        api.probe(experiment, tmp_path / "probe", decode="by_lighter")
