"""Quick fixes: what diagnostics offer to replace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cordspec.diagnostics import Diagnostic, Fix
from cordspec.editor.analysis import Analysis
from cordspec.editor.loading import real_path


@dataclass(frozen=True, slots=True)
class Action:
    """One fix, and the diagnostic that it mends."""

    diagnostic: Diagnostic
    fix: Fix


def actions(analysis: Analysis, start: int, end: int) -> list[Action]:
    """The fixes of all diagnostics of a document that touch a range."""
    return list(_actions(analysis, start, end))


def _actions(analysis: Analysis, start: int, end: int) -> Iterator[Action]:
    for one in analysis.diagnostics:
        if one.span is None or real_path(one.span.source.name) != analysis.path:
            continue
        touches = one.span.start <= end and start <= one.span.end
        fix_touches = any(fix.span.start <= end and start <= fix.span.end for fix in one.fixes)
        if touches or fix_touches:
            yield from (Action(one, fix) for fix in one.fixes)
