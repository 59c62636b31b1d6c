"""One document as the model sees it, with all files that it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.editor.loading import Loaded, loaded, real_path
from cordspec.editor.occurrences import Names, Occurrence, names
from cordspec.editor.remembering import Memory
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.model.compose import Composition, compose
from cordspec.syntax.nodes import File


class Analysis:
    """What is known of a document at one moment. Only its diagnostics are made at once; the rest when it is asked for."""

    def __init__(
        self,
        source: Source,
        files: Mapping[str, File],
        diagnostics: Iterable[Diagnostic],
        registry: Registry,
        memory: Memory,
    ) -> None:
        self.source = source
        self.files = files
        """Everything that was read, by real path."""
        self.diagnostics = tuple(diagnostics)
        self.registry = registry
        self._memory = memory

    @cached_property
    def path(self) -> str:
        """The real path of the document."""
        return real_path(self.source.name)

    @property
    def file(self) -> File:
        """The document's own syntax tree."""
        return self.files[self.path]

    @cached_property
    def composition(self) -> Composition:
        """The blocks of the spec, mended where they are broken."""
        with self._memory.in_use():
            try:
                return compose(self.source, parse=self._memory.parse)
            except Exception:  # told by the diagnostics
                return Composition({}, [self.source], [], frozenset(), frozenset())

    @cached_property
    def told(self) -> Mapping[str, Sequence[Diagnostic]]:
        """The diagnostics by the real path of the file in which they lie; the document itself where they have no place."""
        found: dict[str, list[Diagnostic]] = {}
        paths = {one.span.source.name for one in self.diagnostics if one.span}
        real = {name: real_path(name) for name in paths}
        for one in self.diagnostics:
            found.setdefault(real[one.span.source.name] if one.span else self.path, []).append(one)
        return found

    @cached_property
    def loaded(self) -> list[Loaded]:
        """The files in the order in which they are read, with what their names are prefixed with."""
        return loaded(self.path, self.files)

    @cached_property
    def names(self) -> Names:
        """What the names in the files mean."""
        return names(self.loaded, self.composition, self.registry)

    @property
    def occurrences(self) -> Sequence[Occurrence]:
        """Every name that means a block, a constant or an import."""
        return self.names.occurrences

    def occurrences_at(self, offset: int) -> list[Occurrence]:
        """Those that the document has at a place."""
        return [
            one
            for one in self.occurrences
            if one.span.start <= offset <= one.span.end and real_path(one.span.source.name) == self.path
        ]


class Analyst:
    """Analyses documents, and remembers what it read.

    ``unsaved`` holds the texts of open documents by real path: they go before what is on the disk.
    """

    def __init__(self, registry: Registry, unsaved: Mapping[str, str] | None = None) -> None:
        self._registry = registry
        self._memory = Memory(unsaved)

    def analyse(self, source: Source) -> Analysis:
        """What `cordspec validate` says of a document, and what is needed to answer questions about it."""
        with self._memory.in_use() as files:
            try:
                diagnostics = resolve(source, self._registry, library=True, parse=self._memory.parse)[1]
            except Exception as error:  # the document stays open, and the next keystroke may mend it
                said = f"internal error: {type(error).__name__}: {error}"
                diagnostics = [
                    Diagnostic("E901", said, help="this is a bug in cordspec; please report it with the file")
                ]
        read = {real_path(source.name): File(None, (), Span(source, 0, len(source.text))), **files}
        return Analysis(source, read, diagnostics, self._registry, self._memory)

    def forget(self, name: str) -> None:
        """Drop what is remembered of a closed document."""
        self._memory.forget(name)
