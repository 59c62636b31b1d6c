"""The longest prefix that a decode allows is scored before anything is drawn for it.

The memory that a score takes on a server grows with its prompt. A server that cannot bear the longest one would end hours
later, when the first traces get there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from cordspec.diagnostics import Diagnostic
from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Candidate, Score
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.scorer import Scorer
from cordspec.model.blocks import DecodeOptions
from cordspec.run.events import Warned
from cordspec.run.ledger import Ledger
from cordspec.run.workshop import StageContext, Workshop, component_errors

SENTENCE: Final = "Then 12 more cups are put on the next shelf, and 7 of them are taken away again. "
MEASURED: Final = 64
"""Sentences by which it is measured how many of them fill a budget."""


async def rehearse(shop: Workshop, decode: str, problems: Sequence[Problem]) -> None:
    """Score a prefix of ``budget.thinking`` tokens after the longest question, where models behind servers score.

    The answer is in the journal like any other, so a resumed run does not ask again. It decides nothing, and is none of the
    decode's costs.

    Raises:
        IncompleteError: a server that was there did not bear it (E625).
    """
    options = shop.experiment.decode(decode)
    block = shop.experiment.blocks[options.scorer.name]
    servers = shop.served(block)
    if not servers or not problems:
        return
    context = StageContext(shop, Ledger(), block)
    try:
        with component_errors(block):
            assert block.component is not None and issubclass(block.component, Scorer)
            scorer = block.component(block.options, context)
            count = max((context.engine(ref).count_tokens for ref in servers), key=lambda one: one(SENTENCE))
            candidate = longest(options, problems, count, answers=scorer.needs_answer)
            try:
                (score,) = await scorer.score([candidate])
            except Unavailable as error:
                gateways = [shop.models.gateways[ref.name] for ref in servers]
                if error.code != "E601" or any(gateway.traits is None for gateway in gateways):
                    raise  # another model, no numbers at all, or nobody there
                message = (
                    f"a prefix of {candidate.step_tokens:,} tokens, which `{decode}` allows, was not scored: {error}"
                )
                help = (
                    "give its server more memory or less at a time, or lower `budget.thinking`; nothing was drawn yet"
                )
                raise Unavailable(message, help, "E625") from error
    finally:
        context.close()
    if not math.isfinite(score.value if isinstance(score, Score) else score):
        named = ", ".join(f"`{ref.name}`" for ref in servers)
        message = f"{named} gave no score for a prefix of {candidate.step_tokens:,} tokens, which `{decode}` allows"
        help = "candidates of that length will have none and are not kept: serve a longer context, or lower `budget.thinking`"
        shop.observer.on_event(Warned((Diagnostic("W625", message, block.span, help=help),)))


def longest(
    options: DecodeOptions, problems: Sequence[Problem], count: Callable[[str], int], *, answers: bool
) -> Candidate:
    """A candidate as long as they come: its only step fills the budget in the tokens of who scores."""
    tokens = options.budget.thinking
    sentences = tokens * MEASURED // count(SENTENCE * MEASURED)
    step = Step(f"\n{SENTENCE * sentences}", ("rehearsal",), tokens)
    problem = max(problems, key=lambda one: len(one.question) + len(one.answer))
    return Candidate(problem.view, Trajectory((step,)), tokens, problem.answer if answers else None)
