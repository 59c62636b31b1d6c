"""What a server can do is tried when it is attached, not believed: ids, stops, seeds, priorities, scoring, reuse."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cordspec.plugin import EngineIdentity, Sampling, Unavailable
from cordspec_serving.backend import About, Backend, Drawing, Drawn, Ids, NotOffered, Span
from cordspec_serving.identity import COMPARED, SEED, Identity, sampled
from cordspec_serving.scoring import ROUTES

Fact = str | int | float | bool

SENTENCE: Final = "Shelf A holds 12 cups and 7 more are put on it. "
NON_ASCII: Final = "Ünïcødé – 数学 🙂\n\n### Step 1. x\u00a0= 3.5"
ODD: Final = " Seven violet lamps argue about the price of rain."
"""What nothing leads to: how unlikely each word of it is differs between any two models."""
REPEATS: Final = 24
"""Sentences in the probe's prompt: more tokens than any engine's block of states."""
DRAWN: Final = 12
DECIMALS: Final = 3
AGREEMENT: Final = {"float32": 0.02}
"""Nats by which two ways to a log-probability may differ; in 16-bit numbers the kernels of both differ."""
LOOSE_AGREEMENT: Final = 0.35
REUSED_IN_SCORING: Final = "prefixes reused in scoring"
"""Tried with the route that is taken, where the server tells."""

UNREPEATABLE: Final = "W621"
REPEATED: Final = "scores repeat within, nats"
UNREPEATED: Final = 0.05
"""Nats of one token: more may turn the order of two candidates round. What is journaled first counts for ever."""


@dataclass(frozen=True, slots=True)
class Probed:
    """A replica's own word, and what was tried. ``route`` is empty where no way to log-probabilities is usable."""

    about: About
    route: str
    found: Mapping[str, Fact]
    identity: Identity

    @property
    def warning(self) -> str:
        """What is worth saying aloud; empty for nothing."""
        differs = self.found.get(REPEATED, 0.0)
        if isinstance(differs, float) and differs > UNREPEATED:
            return f"{UNREPEATABLE}: it scores the same text by up to {differs:g} nats otherwise when asked again"
        if self.route == "whole prompt" or self.found.get(REUSED_IN_SCORING) is False:
            return "it scores by whole prompts only: every score computes its prefix again"
        return ""


async def probe(backend: Backend, encode: Callable[[str], Ids], dtype: str) -> Probed:
    """Ask and try.

    Raises:
        Unavailable: the server has another tokenizer, or does not take token ids as they are.
    """
    about = await backend.about()
    found: dict[str, Fact] = dict(about.found)
    found["tokenizer agrees"] = await _same_tokens(backend, encode, about.version)
    prompt = encode(SENTENCE * REPEATS)
    drawn = await _drawn(backend, prompt, about.version)
    found["prefixes reused"] = bool(drawn.cached)
    found["stop strings"] = await _stops(backend, prompt, drawn)
    found["seeds repeat"], seeded = await _seeds(backend, prompt)
    whole = prompt + drawn.ids
    span = Span(whole, len(prompt), len(whole))
    tolerance = AGREEMENT.get(str(found.get("number format", dtype)), LOOSE_AGREEMENT)
    route = await _route(backend, span, found, tolerance)
    odd = prompt + encode(ODD)
    told = Span(odd, len(prompt), len(odd))
    values = await _again(backend, told, route, found) if route else ()
    seeds = found["seeds repeat"] is True
    sample = sampled(prompt, DRAWN, seeds=seeds)
    first = (seeded if seeds else drawn.ids)[:COMPARED]
    identity = Identity(EngineIdentity(await backend.serves(), first, values, tolerance), sample, route, told)
    return Probed(about, route, found, identity)


async def _same_tokens(backend: Backend, encode: Callable[[str], Ids], version: str) -> str:
    try:
        theirs = [await backend.tokenized(text) for text in (SENTENCE, NON_ASCII)]
    except NotOffered:
        return "not offered"
    if theirs != [encode(SENTENCE), encode(NON_ASCII)]:
        raise Unavailable(
            f"{version} has another tokenizer than the one of these weights",
            "serve the model that the spec names, or name the one that is served",
        )
    return "yes"


async def _drawn(backend: Backend, prompt: Ids, version: str) -> Drawn:
    """A greedy continuation, drawn twice so that the second one finds the states of the first."""
    drawing = Drawing(prompt, Sampling(0.0), 0, DRAWN)
    await backend.draw(drawing)
    drawn = await backend.draw(drawing)
    if not drawn.ids:
        raise Unavailable(f"{version} continues a prompt of {len(prompt)} token ids by nothing", "look at its log")
    return drawn


async def _stops(backend: Backend, prompt: Ids, drawn: Drawn) -> bool:
    """Whether a string inside what it would say ends it, and is left out."""
    if len(drawn.text) < 3:
        return False
    stop = drawn.text[len(drawn.text) // 2 :][:2]
    cut = await backend.draw(Drawing(prompt, Sampling(0.0), 0, DRAWN, (stop,)))
    return cut.stop == stop and cut.text == drawn.text[: drawn.text.index(stop)]


async def _seeds(backend: Backend, prompt: Ids) -> tuple[bool, Ids]:
    """Whether they decide what is drawn, and what one of them gave."""
    drawing = sampled(prompt, DRAWN, seeds=True)
    once, again, other = [await backend.draw(one) for one in (drawing, drawing, replace(drawing, seed=SEED + 1))]
    return once.ids == again.ids != other.ids, once.ids


async def _again(backend: Backend, span: Span, route: str, found: dict[str, Fact]) -> tuple[float, ...]:
    """The same log-probabilities asked for twice more, once after others: held states and the batch may change them."""
    other = Span(span.ids[: span.first + 1], span.first, span.first + 1)
    seen = [await ROUTES[route](backend, one, True) for one in (span, other, span)]
    first, last = seen[0].values, seen[2].values
    values = tuple(value for value in first if value is not None)
    if len(values) == len(first) and None not in last:
        differences = (abs(one - two) for one, two in zip(values, last, strict=True) if two is not None)
        found[REPEATED] = round(max(differences), DECIMALS)
    return values


async def _route(backend: Backend, span: Span, found: dict[str, Fact], tolerance: float) -> str:
    """The best way that agrees with the whole prompt's, or where there is no such thing with the next tokens'."""
    values: dict[str, list[float]] = {}
    cached: dict[str, int | None] = {}
    for name, route in ROUTES.items():
        try:
            valued = await route(backend, span, True)
        except NotOffered:
            continue
        given, cached[name] = valued.values, valued.cached
        if all(value is not None for value in given):
            values[name] = [value for value in given if value is not None]
    oracle = values.get("whole prompt") or values.get("next tokens")
    usable = []
    for name, given_values in values.items():
        assert oracle is not None
        difference = max(abs(one - other) for one, other in zip(given_values, oracle, strict=True))
        found[f"scoring by {name}, nats from the whole prompt's"] = round(difference, DECIMALS)
        if math.isfinite(difference) and difference <= tolerance:
            usable.append(name)
    if not usable:
        return ""
    if cached[usable[0]] is not None:
        found[REUSED_IN_SCORING] = bool(cached[usable[0]])
    return usable[0]
