"""All checks of an engine, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cordspec.plugin import GenerateRequest, Sampling
from cordspec.testing import generations, scores
from cordspec.testing.subject import Subject

Check = Callable[[Subject], Awaitable[str]]

CHECKS: Final[tuple[Check, ...]] = (
    scores.scores_agree,
    scores.scores_do_not_depend_on_company,
    scores.a_full_context_gives_no_score,
    generations.greedy_is_likeliest,
    generations.stops_end_a_text,
    generations.first_tokens_may_hold_stops,
    generations.lengths_are_kept,
    generations.seeds_decide,
    generations.data_is_no_template,
    generations.prefixes_are_reused,
    generations.cancelled_calls_are_given_up,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one check. ``said`` is what was seen, or what is wrong; a check that does not apply says «not run»."""

    check: str
    passed: bool
    said: str


async def run(subject: Subject, checks: tuple[Check, ...] = CHECKS) -> list[Outcome]:
    """Run checks one after the other, all of them on the same loaded engine. What an engine raises fails a check.

    Raises:
        RuntimeError: Python runs without assertions (`-O`), and no check could fail.
    """
    if not __debug__:
        raise RuntimeError("without assertions no check can fail: run Python without -O")
    outcomes = []
    await subject.engine.generate([GenerateRequest(subject.prompt(""), Sampling(0.0), (), 1, 0)])  # attaches it
    for check in checks:
        try:
            outcomes.append(Outcome(check.__name__, True, await check(subject)))
        except AssertionError as error:
            outcomes.append(Outcome(check.__name__, False, str(error)))
        except Exception as error:
            outcomes.append(Outcome(check.__name__, False, f"{type(error).__name__}: {error}"))
    return outcomes
