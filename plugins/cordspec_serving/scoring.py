"""The ways to the log-probabilities of given tokens, best first, and what each of them must never do.

A row of a prompt's log-probabilities is computed with the states before it. What a server holds already it does not
compute, and then has no row for: such rows are None here and are asked for again by the portable way. Nothing is averaged
over a gap, and no row is believed that may not have been computed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from cordspec_serving.backend import Backend, NotOffered, Span, Valued
from cordspec_serving.failures import BadScores, MissingScores

Route = Callable[[Backend, Span, bool], Coroutine[Any, Any, Valued]]


async def prompt_rows(backend: Backend, span: Span, urgent: bool) -> Valued:
    """The rows of the target alone, selected by the server; those that it held are asked for as next tokens."""
    return await _filled(backend, span, await backend.prompt_rows(span, urgent=urgent), urgent)


async def held_prompt(backend: Backend, span: Span, urgent: bool) -> Valued:
    """Rows of what was computed now; those of held states, whose memory was never written, are asked for as next tokens."""
    return await _filled(backend, span, await backend.held_prompt(span, urgent=urgent), urgent)


async def next_tokens(backend: Backend, span: Span, urgent: bool) -> Valued:
    """Each token as the next one: M requests of one token, all states being used. Right on every server that has it."""
    return await backend.next_tokens(span, urgent=urgent)


async def whole_prompt(backend: Backend, span: Span, urgent: bool) -> Valued:
    """The whole prompt computed again for each candidate: the last resort."""
    return await backend.whole_prompt(span, urgent=urgent)


ROUTES: Final[dict[str, Route]] = {
    "prompt rows": prompt_rows,
    "held prompt": held_prompt,
    "next tokens": next_tokens,
    "whole prompt": whole_prompt,
}
"""By the name that a run records, best first."""


async def complete_values(route: Route, backend: Backend, span: Span) -> Valued:
    """The log-probabilities of a whole span.

    Raises:
        MissingScores: there are more or fewer than tokens.
        BadScores: one of them is no number.
    """
    found = await route(backend, span, True)
    if len(found.values) != len(span.target):
        raise MissingScores(f"{len(found.values)} log-probabilities came for {len(span.target)} tokens")
    if None in found.values:
        raise BadScores(f"token {found.values.index(None) + 1} of {len(span.target)} has no log-probability")
    return found


async def _filled(backend: Backend, span: Span, found: Valued, urgent: bool) -> Valued:
    missing = [at for at, value in enumerate(found.values) if value is None]
    if not missing:
        return found
    begin = span.first + missing[0]
    end = span.first + missing[-1] + 1
    try:
        asked = await backend.next_tokens(Span(span.ids, begin, end), urgent=urgent)
    except NotOffered:
        asked = await backend.whole_prompt(Span(span.ids, begin, end), urgent=urgent)
    values = list(found.values)
    for at in missing:
        values[at] = asked.values[span.first + at - begin]
    return Valued(tuple(values), found.cached, found.prompts + asked.prompts)
