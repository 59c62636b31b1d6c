"""The open documents, and which diagnostics belong to which file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cordspec.diagnostics import Diagnostic, Source
from cordspec.editor.analysis import Analysis, Analyst
from cordspec.editor.loading import real_path
from cordspec.extension.registry import Registry


@dataclass(frozen=True, slots=True)
class Told:
    """All that is to be shown in one file, instead of what was shown in it before; ``path`` is its real one."""

    path: str
    diagnostics: tuple[Diagnostic, ...]


class Desk:
    """Keeps the texts of open documents, and analyses each of them when it, or a file that it leads to, has changed.

    A file gets the diagnostics of all open documents that lie in it, each once.
    """

    def __init__(self, registry: Registry) -> None:
        self._texts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._analyst = Analyst(registry, self._texts)
        self._analyses: dict[str, Analysis] = {}
        self._shown: dict[str, tuple[Diagnostic, ...]] = {}

    def text(self, name: str) -> str:
        """The text of an open document.

        Raises:
            KeyError: it is not open.
        """
        return self._texts[real_path(name)]

    def put(self, name: str, text: str) -> Iterator[Told]:
        """Open a document, or change it. The document comes first, then files whose diagnostics became others."""
        path = real_path(name)
        self._texts[path] = text
        self._names[path] = name
        self._analyse(path)
        yield self._told(path)
        yield from self._others(path)

    def close(self, name: str) -> Iterator[Told]:
        """Close a document; what is on the disk counts again."""
        path = real_path(name)
        self._texts.pop(path, None)
        self._analyses.pop(path, None)
        self._analyst.forget(self._names.pop(path, name))
        yield self._told(path)
        yield from self._others(path)

    def refresh(self) -> Iterator[Told]:
        """Look at everything again: files on the disk have changed."""
        for path in self._texts:
            self._analyse(path)
        yield from self._changed()

    def analysis(self, name: str) -> Analysis:
        """What is known of an open document.

        Raises:
            KeyError: it is not open.
        """
        return self._analyses[real_path(name)]

    def analyses(self, name: str) -> list[Analysis]:
        """The analysis of an open document, and of all others that lead to a file of it or are led to by it."""
        first = self.analysis(name)
        others = (one for one in self._analyses.values() if one is not first)
        return [first, *(one for one in others if not first.files.keys().isdisjoint(one.files))]

    def _analyse(self, path: str) -> None:
        self._analyses[path] = self._analyst.analyse(Source(self._names[path], self._texts[path]))

    def _others(self, path: str) -> Iterator[Told]:
        for other, analysis in list(self._analyses.items()):
            if other != path and path in analysis.files:
                self._analyse(other)
        yield from self._changed()

    def _changed(self) -> Iterator[Told]:
        involved = set(self._shown) | set(self._texts)
        for analysis in self._analyses.values():
            involved |= analysis.told.keys()
        for path in sorted(involved):
            before = self._shown.get(path, ())
            told = self._told(path)
            if told.diagnostics != before:
                yield told

    def _told(self, path: str) -> Told:
        own = self._analyses.get(path)
        ordered = [own, *(one for one in self._analyses.values() if one is not own)] if own else self._analyses.values()
        found = tuple(_once(one for analysis in ordered for one in analysis.told.get(path, ())))
        if found or path in self._texts:
            self._shown[path] = found
        else:
            self._shown.pop(path, None)
        return Told(path, found)


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    each: dict[tuple[str, str, int, int], Diagnostic] = {}
    for one in found:
        start, end = (one.span.start, one.span.end) if one.span else (0, 0)
        each.setdefault((one.code, one.message, start, end), one)
    return list(each.values())
