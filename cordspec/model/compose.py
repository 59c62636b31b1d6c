"""Many files to one set of blocks: imports, `extends`, `like`, `let` and `--set`, all explicit, each value with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from cordspec.diagnostics import Diagnostic, Fix, Label, Source, Span
from cordspec.syntax import parse, parse_value
from cordspec.syntax.nodes import Block, Extends, Field, Import, Let, Name, Path, Text, Value
from cordspec.syntax.parser import KINDS

BLOCK_KINDS = KINDS - {"import", "extends", "let"}
DEEPEST = 64
"""How many files a spec may be made of."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What bare names mean in one file: a prefix for its own blocks and its ``let`` constants."""

    prefix: str = ""
    lets: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overlay:
    """An object of which single fields are set (``budget.answer = 64tok``); the others stay as ``base`` has them."""

    base: Setting | None
    changes: Mapping[str, Setting]
    span: Span


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and the scope in which its names are to be read."""

    name: Name
    value: Value | Overlay
    scope: Scope


@dataclass(frozen=True, slots=True)
class Draft:
    """A block before its fields are typed. ``name`` is full: ``math.aime24`` for an imported one."""

    kind: str
    name: str
    component: Path | None
    settings: Mapping[str, Setting]
    doc: str
    span: Span
    scope: Scope


@dataclass(frozen=True, slots=True)
class Composition:
    """All blocks of a spec, in order, and the sources that they come from."""

    blocks: Mapping[str, Draft]
    sources: Sequence[Source]
    diagnostics: Sequence[Diagnostic]


def compose(source: Source, sets: Iterable[str] = ()) -> Composition:
    """Read a spec and everything that it refers to. Paths in it are relative to the file that names them."""
    composer = _Composer()
    composer.load(source, Scope(), ())
    for assignment in sets:
        composer.override(assignment)
    return Composition(composer.blocks, composer.sources, composer.diagnostics)


class _Composer:
    def __init__(self) -> None:
        self.blocks: dict[str, Draft] = {}
        self.sources: list[Source] = []
        self.diagnostics: list[Diagnostic] = []
        self._main = Scope()

    def load(self, source: Source, scope: Scope, chain: tuple[str, ...]) -> None:
        if not self.sources:
            self._main = scope
        self.sources.append(source)
        file, found = parse(source)
        self.diagnostics += found
        here = FilePath(source.name).parent
        told: set[str] = set()
        aliases: set[str] = set()
        inner = (*chain, str(FilePath(source.name).resolve()))
        for item in file.items:
            match item:
                case Extends(path):
                    self._read(path, here, scope, inner)
                case Import(path, alias):
                    if alias.text in aliases:
                        self._report("E108", f"the name `{alias.text}` is used twice", alias.span, "again")
                        continue
                    aliases.add(alias.text)
                    prefix = f"{scope.prefix}{alias.text}."
                    self._read(path, here, Scope(prefix), inner)
                case Let(name, value):
                    if name.text in scope.lets and name.text in told:
                        self._report("E108", f"the name `{name.text}` is used twice", name.span, "again")
                    told.add(name.text)
                    scope.lets[name.text] = value
                case Block():
                    self._block(item, scope)

    def _read(self, path: Text, here: FilePath, scope: Scope, chain: tuple[str, ...]) -> None:
        if "\x00" in path.value:
            self._report("E006", "a path cannot hold a NUL character", path.span, "this is not a path")
            return
        target = here / path.value
        if FilePath(path.value).is_absolute() or ".." in FilePath(path.value).parts[1:]:
            self._report("E107", "a path in a spec is relative and stays near it", path.span, "write a relative path")
            return
        if len(self.sources) >= DEEPEST:
            self._report("E404", f"more than {DEEPEST} files", path.span, "one too many")
            return
        try:
            if str(target.resolve()) in chain:
                self._report("E105", f"`{path.value}` refers back to itself", path.span, "this closes a circle")
                return
            text = target.read_text(encoding="utf-8")
        except (OSError, ValueError, RuntimeError) as error:
            self._report(
                "E106", f"cannot read `{path.value}`: {why_unreadable(error)}", path.span, f"looked for {target}"
            )
            return
        self.load(Source(str(target), text), scope, chain)

    def _block(self, block: Block, scope: Scope) -> None:
        if block.kind.text not in BLOCK_KINDS:
            self._unknown_kind(block)
            return
        name = scope.prefix + block.name.text
        known = self.blocks.get(name)
        if known is not None and known.span.source is block.span.source:
            related = (Label(known.span, "first defined here"),)
            self.diagnostics.append(
                Diagnostic("E108", f"the name `{block.name.text}` is used twice", block.name.span, "again", related)
            )
            return
        if known is not None and known.kind != block.kind.text:
            message = f"`{name}` is a {known.kind} in the file that this one extends, not a {block.kind.text}"
            self._report("E103", message, block.kind.span, f"write `{known.kind}`, or another name")
            return
        base = known
        if block.like is not None:
            base = self._liked(block, scope)
            if base is None:
                return
        settings = dict(base.settings) if base else {}
        if base and block.component and base.component and block.component.text != base.component.text:
            settings = {}
        self._assign_all(settings, block.fields, scope)
        component = block.component or (base.component if base else None)
        doc = block.doc or (base.doc if base and base is known else "")
        head = Span(block.span.source, block.kind.span.start, block.name.span.end)
        self.blocks[name] = Draft(block.kind.text, name, component, settings, doc, head, scope)

    def _liked(self, block: Block, scope: Scope) -> Draft | None:
        assert block.like is not None
        base = self.blocks.get(scope.prefix + block.like.text) or self.blocks.get(block.like.text)
        if base is None:
            suggestion = suggest(block.like.text, self.blocks)
            label = f"did you mean `{suggestion}`?" if suggestion else "define it above this block"
            self._report("E102", f"no block named `{block.like.text}` above this one", block.like.span, label)
            return None
        if base.kind != block.kind.text:
            message = f"a {block.kind.text} cannot be like `{base.name}`, which is a {base.kind}"
            self._report("E103", message, block.like.span, f"name a {block.kind.text}")
            return None
        return base

    def _assign_all(self, settings: dict[str, Setting], fields: Iterable[Field], scope: Scope) -> None:
        given: dict[str, Path] = {}
        for item in fields:
            if item.path.text in given:
                related = (Label(given[item.path.text].span, "first given here"),)
                message = f"`{item.path.text}` is given twice"
                self.diagnostics.append(Diagnostic("E109", message, item.path.span, "again", related))
                continue
            given[item.path.text] = item.path
            assign(settings, item.path.names, item.value, scope)

    def _unknown_kind(self, block: Block) -> None:
        close = RENAMED_KINDS.get(block.kind.text) or suggest(block.kind.text, BLOCK_KINDS)
        label = f"did you mean `{close}`?" if close else f"one of {', '.join(sorted(BLOCK_KINDS))}"
        fixes = (Fix(f"write `{close}`", block.kind.span, close),) if close else ()
        message = f"there is no kind of block named `{block.kind.text}`"
        self.diagnostics.append(Diagnostic("E101", message, block.kind.span, label, fixes=fixes))

    def override(self, assignment: str) -> None:
        """One ``--set PATH=VALUE``."""
        path_text, equals, _ = assignment.partition("=")
        source = Source("--set", assignment)
        path_span = Span(source, 0, len(path_text))
        if equals and not assignment[len(path_text) + 1 :].strip():
            self._report("E003", "the value is missing", Span(source, 0, len(assignment)), "expected a value after `=`")
            return
        if not equals or not path_text.strip():
            self._report("E111", "`--set` takes PATH=VALUE", Span(source, 0, len(assignment)), "such as beam4.size=2")
            return
        value, found = parse_value(source, len(path_text) + 1)
        self.diagnostics += found
        names = [Name(part, path_span) for part in path_text.strip().split(".")]
        if names[0].text == "let" and len(names) == 2:
            if names[1].text not in self._main.lets:
                self._report("E111", f"the spec has no `let {names[1].text}`", path_span, "nothing to set")
            self._main.lets[names[1].text] = value
            return
        for taken in range(len(names) - 1, 0, -1):
            name = ".".join(part.text for part in names[:taken])
            if (draft := self.blocks.get(name)) is not None:
                settings = dict(draft.settings)
                assign(settings, tuple(names[taken:]), value, self._main)
                self.blocks[name] = Draft(
                    draft.kind, name, draft.component, settings, draft.doc, draft.span, draft.scope
                )
                return
        if path_text.strip() in self.blocks:
            message = f"`--set {path_text}`: `{path_text}` is a block, and one field of it is set at a time"
            self._report("E111", message, path_span, f"such as {path_text}.FIELD=VALUE")
            return
        close = suggest(names[0].text, self.blocks)
        label = f"did you mean `{close}`?" if close else "the path is BLOCK.FIELD, as in beam4.size=2"
        self._report("E111", f"`--set {path_text}`: no block named `{names[0].text}`", path_span, label)

    def _report(self, code: str, message: str, span: Span, label: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, label))


RENAMED_KINDS = {
    "teacher": "model", "dataset": "problems", "data": "problems", "segment": "segmenter", "distill": "decode",
    "evaluate": "eval", "evaluation": "eval", "train": "student", "teachers": "pool", "benchmark": "eval",
}  # fmt: skip
"""Words for kinds in neighbouring tools, and ours."""


def assign(settings: dict[str, Setting], names: Sequence[Name], value: Value, scope: Scope) -> None:
    """Set a field, or a field of an object inside it, keeping what else the object holds."""
    first, *rest = names
    if not rest:
        settings[first.text] = Setting(first, value, scope)
        return
    known = settings.get(first.text)
    overlaid = known.value if known is not None and isinstance(known.value, Overlay) else None
    changes = dict(overlaid.changes) if overlaid else {}
    assign(changes, rest, value, scope)
    overlay = Overlay(overlaid.base if overlaid else known, changes, value.span)
    settings[first.text] = Setting(first, overlay, scope)


def why_unreadable(error: Exception) -> str:
    """In plain words, why a file could not be read as text."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "no usable path"


def suggest(name: str, known: Iterable[str]) -> str:
    """The closest known name, or an empty text."""
    cutoff = 0.5 if len(name) < 4 else 0.6
    close = difflib.get_close_matches(name[:80], list(known), 1, cutoff=cutoff)
    return close[0] if close else ""
