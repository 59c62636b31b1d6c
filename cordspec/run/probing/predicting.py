"""Who wins at equal tokens, and what the decode costs: searches played on the probed problems, over and over."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cordspec.artifacts.probes import Measure, Verdict, Winner
from cordspec.extension.kinds.search import Search, SearchSetting
from cordspec.run.probing.beliefs import Beliefs
from cordspec.run.probing.empirical import Bank
from cordspec.run.probing.playing import Played, play
from cordspec.run.probing.resampling import draws, ends, over_problems, probability_above, share
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import ProblemProbe

NOTHING = Measure(None, None, None, 0, 0)
FEWEST = 5
"""Problems below which nothing is called decided."""
ASSUMPTIONS = (
    "a prefix that was not probed is continued like the probed one of its problem and depth that is right or wrong as it is",
    "a step is right or wrong; after wrong ones rollouts end right at one rate, after right ones at a rate of the problem",
    "the interval is over the choice of problems; it does not hold the error of this model of the search",
)


@dataclass(frozen=True, slots=True)
class ProblemForecast:
    """Means over the played searches of one problem."""

    stepwise: float
    curation: float
    generated: float
    scored: float


def forecast(
    probe: ProblemProbe, believed: Beliefs, searches: tuple[Search, Search], teachers: tuple[str, ...],
    weights: tuple[int, ...], settings: ProbeSettings,
) -> ProblemForecast:  # fmt: skip
    """Play the step-wise search on one problem, and each time curation with as many tokens.

    Raises:
        Unplayable: the search asks for what a probe has not seen.
    """
    stepwise, curation = searches
    bank = Bank(probe, teachers, believed)
    one: list[Played] = []
    other: list[Played] = []
    for number in range(settings.plays):
        rng = random.Random(f"{probe.problem.id}:{number}")
        bank.settle(rng)
        one.append(play(stepwise.start(SearchSetting(len(teachers), None, weights)), bank, rng))
        setting = SearchSetting(len(teachers), one[-1].generated, weights)
        other.append(play(curation.start(setting), bank, rng))
    return ProblemForecast(
        fmean(each.right for each in one), fmean(each.right for each in other),
        fmean(each.generated for each in one), fmean(each.scored for each in one),
    )  # fmt: skip


def winner(forecasts: Sequence[ProblemForecast], settings: ProbeSettings) -> Winner:
    """The predicted difference with its interval over problems; `undecided` where that holds 0."""
    differences = [each.stepwise - each.curation for each in forecasts]
    difference = over_problems(differences, settings)
    stepwise = share([(each.stepwise, 1) for each in forecasts], settings)
    curation = share([(each.curation, 1) for each in forecasts], settings)
    if len(forecasts) < FEWEST:
        note = f"it takes at least {FEWEST} problems to say who wins"
        return Winner("undecided", stepwise, curation, difference, None, note)
    drawn = draws(len(differences), settings, lambda chosen: fmean(differences[at] for at in chosen))
    low, high = ends(drawn, settings.level)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
    return Winner(verdict, stepwise, curation, difference, probability_above(drawn))


def not_predicted(why: str) -> Winner:
    """For a search that cannot be played from what a probe sees."""
    return Winner("not predicted", NOTHING, NOTHING, NOTHING, None, why)
