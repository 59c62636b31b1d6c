"""Applying the fixes of diagnostics to texts."""

from __future__ import annotations

from collections.abc import Iterable

from cordspec.diagnostics.diagnostic import Diagnostic, Fix
from cordspec.diagnostics.source import Source


def fixes_for(source: Source, diagnostics: Iterable[Diagnostic]) -> list[Fix]:
    """The first fix of each diagnostic in a source, if it is sure, in order, without those that overlap an earlier one."""
    mine = [fix for one in diagnostics for fix in one.fixes[:1] if fix.sure and fix.span.source.name == source.name]
    kept: list[Fix] = []
    for fix in sorted(mine, key=lambda fix: (fix.span.start, fix.span.end)):
        if not kept or fix.span.start > kept[-1].span.end or (fix.span.start == kept[-1].span.end and not _empty(fix)):
            kept.append(fix)
    return kept


def apply(source: Source, fixes: Iterable[Fix]) -> str:
    """The text with the fixes made."""
    text = source.text
    for fix in sorted(fixes, key=lambda fix: fix.span.start, reverse=True):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    return text


def _empty(fix: Fix) -> bool:
    return fix.span.start == fix.span.end
