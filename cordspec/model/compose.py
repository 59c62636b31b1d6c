"""Many files to one set of blocks: imports, `extends`, `like`, `let` and `--set`, all explicit, each value with its place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from cordspec.diagnostics import Diagnostic, Fix, Label, Source, Span
from cordspec.model.library import Library, Unreadable
from cordspec.syntax import parse, parse_value
from cordspec.syntax.nodes import Block, Extends, Field, File, Import, Let, Name, Path, Text, Value
from cordspec.syntax.parser import KINDS

BLOCK_KINDS = KINDS - {"import", "extends", "let"}


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
    damaged: bool = False
    """Part of it could not be read; what is missing from it may have been there."""


@dataclass(frozen=True, slots=True)
class Composition:
    """All blocks of a spec, in order, and the sources that they come from.

    ``lost`` and ``lost_kinds`` are names, and kinds of blocks, that broken parts of the text may have defined.
    """

    blocks: Mapping[str, Draft]
    sources: Sequence[Source]
    diagnostics: Sequence[Diagnostic]
    lost: Set[str]
    lost_kinds: Set[str]


Parse = Callable[[Source], tuple[File, list[Diagnostic]]]
"""Text to tree; an editor remembers the trees of what has not changed."""


def compose(
    source: Source, sets: Iterable[str] = (), parse: Parse = parse, recorded: Mapping[str, str] | None = None
) -> Composition:
    """Read a spec and everything that it refers to. Paths in it are relative to the file that names them.

    ``recorded`` are the texts of a run, by the names of their files, to read instead of files.
    """
    composer = _Composer(Library(source, recorded), parse)
    composer.load(source, Scope())
    for assignment in sets:
        composer.override(assignment)
    return Composition(
        composer.blocks, composer.library.sources, composer.diagnostics, composer.lost, composer.lost_kinds
    )


class _Composer:
    def __init__(self, library: Library, parse: Parse) -> None:
        self.library = library
        self._parse = parse
        self.blocks: dict[str, Draft] = {}
        self.diagnostics: list[Diagnostic] = []
        self.lost: set[str] = set()
        self.lost_kinds: set[str] = set()
        self._main = Scope()
        self._read_as: set[tuple[str, str]] = set()

    def load(self, source: Source, scope: Scope) -> None:
        if not scope.prefix and source is self.library.sources[0]:
            self._main = scope
        file, found = self._parse(source)
        self.diagnostics += found
        self.lost |= {scope.prefix + name for name in file.lost}
        self.lost_kinds |= file.lost_kinds
        broken = {one.span.line for one in found if one.span and one.code.startswith("E0")}
        told: set[str] = set()
        aliases: set[str] = set()
        for item in file.items:
            match item:
                case Extends(path):
                    self._read(path, scope)
                case Import(path, alias):
                    if alias.text in aliases:
                        self._report("E108", f"the name `{alias.text}` is used twice", alias.span, "again")
                        continue
                    aliases.add(alias.text)
                    prefix = f"{scope.prefix}{alias.text}."
                    self._read(path, Scope(prefix))
                case Let(name, value):
                    if name.text in scope.lets and name.text in told:
                        self._report("E108", f"the name `{name.text}` is used twice", name.span, "again")
                    told.add(name.text)
                    scope.lets[name.text] = value
                case Block():
                    last = item.span.source.position(item.span.end)[0]
                    self._block(item, scope, damaged=any(item.span.line <= line <= last for line in broken))

    def _read(self, path: Text, scope: Scope) -> None:
        """Load the file that a path names, once for each prefix: of two ways to a base, the patches of both stay."""
        try:
            source = self.library.open(path)
        except Unreadable as error:
            self.diagnostics.append(error.diagnostic)
            return
        if (source.name, scope.prefix) not in self._read_as:
            self._read_as.add((source.name, scope.prefix))
            with self.library.inside(source):
                self.load(source, scope)

    def _block(self, block: Block, scope: Scope, *, damaged: bool) -> None:
        if block.kind.text not in BLOCK_KINDS:
            self._unknown_kind(block)
            self.lost.add(scope.prefix + block.name.text)
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
                self.lost.add(name)
                return
        settings = dict(base.settings) if base else {}
        if base and block.component and base.component and block.component.text != base.component.text:
            settings = {}
        self._assign_all(settings, block.fields, scope)
        component = block.component or (base.component if base else None)
        doc = block.doc or (base.doc if base and base is known else "")
        head = block.kind.span.around(block.name.span)
        damaged = damaged or (base is not None and base.damaged)
        self.blocks[name] = Draft(block.kind.text, name, component, settings, doc, head, scope, damaged)

    def _liked(self, block: Block, scope: Scope) -> Draft | None:
        assert block.like is not None
        base = self.blocks.get(scope.prefix + block.like.text) or self.blocks.get(block.like.text)
        if base is None:
            if scope.prefix + block.like.text in self.lost or block.kind.text in self.lost_kinds:
                return None
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
                self.blocks[name] = replace(draft, settings=settings)
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


def suggest(name: str, known: Iterable[str]) -> str:
    """The closest known name, or an empty text."""
    cutoff = 0.5 if len(name) < 4 else 0.6
    close = difflib.get_close_matches(name[:80], list(known), 1, cutoff=cutoff)
    return close[0] if close else ""
