"""Which diagnostics are worth telling: echoes of a mistake are left out, and one missing name is one mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from cordspec.diagnostics import Diagnostic, Label
from cordspec.model.compose import Composition
from cordspec.model.experiment import Block

MOST: Final = 50


def told(found: Iterable[Diagnostic], composition: Composition, blocks: Mapping[str, Block]) -> list[Diagnostic]:
    """The diagnostics in the order of their places, without echoes, at most 50 of them and a word on the rest."""
    each = {(one.code, one.message, one.span): one for one in found}  # a `like` inherits its model's mistakes
    ordered = sorted(each.values(), key=lambda diagnostic: diagnostic.order)
    kept = _once_a_name(_without_echoes(ordered), composition, blocks)
    if len(kept) <= MOST:
        return kept
    more = Diagnostic("E410", f"{len(kept) - MOST} more diagnostics are not shown", help="mend these first")
    return [*kept[:MOST], more]


def _without_echoes(found: list[Diagnostic]) -> list[Diagnostic]:
    """What is wrong with the meaning of a line that could not be read is an echo of that."""
    broken = {(one.span.source.name, one.span.line) for one in found if one.span and one.code.startswith("E0")}
    return [
        one for one in found
        if one.code[:2] not in ("E1", "E2", "E3") or not one.span or (one.span.source.name, one.span.line) not in broken
    ]  # fmt: skip


def _once_a_name(found: list[Diagnostic], composition: Composition, blocks: Mapping[str, Block]) -> list[Diagnostic]:
    """A name that several blocks miss is told at the first of them, with a look at a block that nobody asks for."""
    first: dict[str, int] = {}
    kept: list[Diagnostic] = []
    for one in found:
        if one.code != "E102" or one.span is None:
            kept.append(one)
            continue
        missing = one.message
        if missing not in first:
            first[missing] = len(kept)
            kept.append(_with_unused(one, composition, blocks))
            continue
        known = kept[first[missing]]
        if len(known.related) < 8:
            kept[first[missing]] = replace(known, related=(*known.related, Label(one.span, "and here")))
    return kept


def _with_unused(one: Diagnostic, composition: Composition, blocks: Mapping[str, Block]) -> Diagnostic:
    """Where a name is unknown and a block of the kind is used by nobody, that block may be the one that is meant."""
    if one.related:
        return one
    kinds = one.message.removeprefix("no ").split(" named ")[0].split(" or ")
    used = {ref.name for block in blocks.values() for _, ref in block.refs()}
    for draft in composition.blocks.values():
        if draft.kind in kinds and draft.name not in used and "." not in draft.name:
            return replace(one, related=(Label(draft.span, "nothing refers to this one"),))
    return one
