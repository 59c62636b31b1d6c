"""All places that name the same thing, in all open documents and the files that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.editor.loading import real_path
from cordspec.editor.occurrences import Occurrence, Symbol

Site = tuple[str, int, int]
"""A range of a file, whichever document led to it."""


@dataclass(frozen=True, slots=True)
class Named:
    """One thing with a name, as several specs may know it: the same file may be imported under two names."""

    symbols: Sequence[tuple[Analysis, Symbol]]
    occurrences: Sequence[Occurrence]

    @property
    def definitions(self) -> list[Occurrence]:
        return [one for one in self.occurrences if one.defines]


def site(span: Span) -> Site:
    """A range as one that is the same for all specs."""
    return real_path(span.source.name), span.start, span.end


def named_at(analyses: Sequence[Analysis], offset: int) -> Named | None:
    """What the first of the documents has at an offset, looked for in all of them."""
    here = analyses[0].occurrences_at(offset)
    if not here:
        return None
    sites = _sites(one for one in analyses[0].occurrences if any(one.symbol == other.symbol for other in here))
    symbols: dict[tuple[Analysis, Symbol], None] = {}
    grown = True
    while grown:
        before = len(symbols)
        for analysis in analyses:
            symbols |= {
                (analysis, one.symbol): None for one in analysis.occurrences if one.defines and site(one.span) in sites
            }
        sites |= _sites(one for analysis, symbol in symbols for one in _of(analysis, symbol))
        grown = len(symbols) > before
    found: dict[Site, Occurrence] = {}
    for analysis, symbol in symbols:
        for one in _of(analysis, symbol):
            found.setdefault(site(one.span), one)
    return Named(list(symbols), [found[key] for key in sorted(found)])


def references(analyses: Sequence[Analysis], offset: int, *, with_definitions: bool) -> list[Span]:
    """The names of what is at an offset of the first document, sorted by place."""
    named = named_at(analyses, offset)
    return [one.span for one in named.occurrences if with_definitions or not one.defines] if named else []


def _of(analysis: Analysis, symbol: Symbol) -> Iterable[Occurrence]:
    return (one for one in analysis.occurrences if one.symbol == symbol)


def _sites(found: Iterable[Occurrence]) -> set[Site]:
    return {site(one.span) for one in found if one.defines}
