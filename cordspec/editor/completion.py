"""What may be typed at a place."""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.editor.analysis import Analysis
from cordspec.editor.candidates import Completion, block_completion, candidates
from cordspec.editor.fields import Fields, field_shapes
from cordspec.editor.kinds import SENTENCES
from cordspec.editor.place import Place, place_at
from cordspec.editor.wording import default_words, type_words
from cordspec.extension.options import Assignments
from cordspec.model.compose import Draft


def complete(analysis: Analysis, offset: int) -> list[Completion]:
    """Everything that fits at an offset; the editor compares it with what has been typed so far."""
    place = place_at(analysis.source, offset)
    found: list[Completion] = []
    match place.sort:
        case "kind":
            found += _kinds(place)
            if analysis.file.edition is None:
                found.append(Completion("cord 1", "keyword", place.start, documentation="The edition of the language."))
        case "origin":
            found.append(Completion("like", "keyword", place.start, "like ", "a copy of another block"))
        case "component":
            names = analysis.registry.names(place.header.kind)
            found += (Completion(name, "component", place.start, detail=place.header.kind) for name in names)
        case "like":
            found += _models(analysis, place)
        case "field":
            found += _fields(analysis, place)
            found += _kinds(place) if place.first_column else ()
        case "value":
            found += _values(analysis, place)
        case _:
            pass
    return found


def _kinds(place: Place) -> Iterator[Completion]:
    for kind, sentence in SENTENCES.items():
        yield Completion(kind, "kind", place.start, documentation=sentence, rank=2)


def _models(analysis: Analysis, place: Place) -> Iterator[Completion]:
    """Blocks of the kind that stand above; a file's own blocks may be copied only below them."""
    for draft in analysis.composition.blocks.values():
        here = draft.span.source.name == analysis.source.name
        if draft.kind == place.header.kind and not (here and draft.span.start >= place.header.start):
            yield block_completion(draft, place.start)


def _fields(analysis: Analysis, place: Place) -> Iterator[Completion]:
    fields = Fields(analysis.composition.blocks, analysis.registry)
    steps = (*place.steps, *place.qualifiers)
    here = fields.at(place.header.options(analysis), steps)
    if any(shape.marked(Assignments) for shape in here):
        yield from (block_completion(draft, place.start) for draft in _varied(analysis))
        return
    before = "".join(f"{name}." for name in place.qualifiers)
    given = {name.removeprefix(before).split(".")[0] for name in place.given if name.startswith(before)}
    shape = next((shape for shape in here if shape.options is not None), None)
    known = shape.options.model_fields if shape is not None and shape.options is not None else {}
    for name, field in known.items():
        if name in given:
            continue
        default = default_words(field)
        wanted = type_words(field_shapes(field))
        told = f"{wanted}, default {default}" if default else f"{wanted}, needed"
        text = before + name if place.followed_by_equals else f"{before}{name} = "
        yield Completion(
            before + name, "field", place.start, text, told, field.description or "", int(not field.is_required())
        )


def _varied(analysis: Analysis) -> Iterator[Draft]:
    return (draft for draft in analysis.composition.blocks.values() if draft.kind != "sweep")


def _values(analysis: Analysis, place: Place) -> Iterator[Completion]:
    fields = Fields(analysis.composition.blocks, analysis.registry)
    here = fields.at(place.header.options(analysis), place.steps)
    return candidates(analysis, here, place.start, place.word, place.header.name)
