"""What is told about the word under the cursor, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.editor.explaining import block_words, component_words, field_words
from cordspec.editor.fields import Fields
from cordspec.editor.headers import Header
from cordspec.editor.kinds import SENTENCES
from cordspec.editor.occurrences import Symbol
from cordspec.editor.origins import place, shown
from cordspec.editor.place import place_at
from cordspec.editor.spots import Spot, spot_at
from cordspec.editor.words import piece_at, words
from cordspec.syntax.nodes import Block, Let


@dataclass(frozen=True, slots=True)
class Hover:
    """A text, and the word that it is about."""

    text: str
    span: Span


def hover(analysis: Analysis, offset: int) -> Hover | None:
    """What is known of the word at an offset; None where there is nothing to tell."""
    for one in analysis.occurrences_at(offset):
        if told := _symbol(analysis, one.symbol):
            return Hover(told, one.span)
    spot = spot_at(analysis.file, offset)
    if spot is None:
        return _typed(analysis, offset)
    told = _spot(analysis, spot)
    return Hover(told, spot.span) if told else None


def _spot(analysis: Analysis, spot: Spot) -> str:
    if not isinstance(spot.item, Block):
        return ""
    match spot.sort:
        case "kind":
            return SENTENCES.get(spot.text, "")
        case "component":
            found = Fields({}, analysis.registry).component(spot.item.kind.text, spot.text)
            return component_words(found) if found else ""
        case "field" | "value":
            header = Header.of(spot.item)
            return _helper(analysis, header, spot) or field_words(analysis, header, spot.steps)
        case _:
            return ""


def _helper(analysis: Analysis, header: Header, spot: Spot) -> str:
    """A component that a field names, which the model loads too."""
    fields = Fields(analysis.composition.blocks, analysis.registry)
    here = fields.at(header.options(analysis), spot.steps) if spot.sort == "value" else ()
    kinds = [shape.component_of for shape in here if spot.text in analysis.registry.names(shape.component_of)]
    found = fields.component(kinds[0], spot.text) if kinds else None
    return component_words(found) if found else ""


def _typed(analysis: Analysis, offset: int) -> Hover | None:
    """A field that is being typed, so that the tree does not have it."""
    source = analysis.source
    word = next((one for one in words(piece_at(source.text, offset)) if one.start <= offset <= one.end), None)
    if word is None or not word.is_name:
        return None
    here = place_at(source, word.end)
    steps = (*here.steps, *here.qualifiers, word.text)
    told = field_words(analysis, here.header, steps) if here.sort == "field" else ""
    return Hover(told, Span(source, word.start, word.end)) if told else None


def _symbol(analysis: Analysis, symbol: Symbol) -> str:
    if symbol.sort == "block":
        return block_words(analysis, analysis.composition.blocks[symbol.name])
    spans = [one.span for one in analysis.occurrences if one.symbol == symbol and one.defines]
    if symbol.sort == "import":
        return f"import at {place(analysis, spans[0])}" if spans else ""
    lets = (item for one in analysis.loaded for item in one.file.items if isinstance(item, Let))
    defined = [item for item in lets if item.name.span in spans]
    if not defined:
        return ""
    last = defined[-1]
    return f"let `{last.name.text}` = `{shown(last.value.span.text)}`\n\n{place(analysis, last.name.span)}"
