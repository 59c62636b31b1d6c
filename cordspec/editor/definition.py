"""Where the word under the cursor gets its meaning."""

from __future__ import annotations

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.editor.loading import target
from cordspec.editor.spots import spot_at
from cordspec.syntax.nodes import Extends, Import


def definition(analysis: Analysis, offset: int) -> list[Span]:
    """The names that define a block, a constant or an import, a block before its patches; or the beginning of a file.

    An import's own name leads to its file.
    """
    found: dict[Span, None] = {}
    for one in analysis.occurrences_at(offset):
        if one.symbol.sort == "import" and one.defines:
            continue
        same = (other.span for other in analysis.occurrences if other.symbol == one.symbol and other.defines)
        found |= dict.fromkeys(same)
    return list(found) or _file(analysis, offset)


def _file(analysis: Analysis, offset: int) -> list[Span]:
    spot = spot_at(analysis.file, offset)
    items = [item for item in analysis.file.items if isinstance(item, (Import, Extends))]
    for item in items:
        is_alias = isinstance(item, Import) and item.alias.span.start <= offset <= item.alias.span.end
        if is_alias or (spot is not None and spot.sort == "file" and spot.item is item):
            file = target(item.path, analysis.files)
            return [Span(file.span.source, 0, 0)] if file is not None else []
    return []
