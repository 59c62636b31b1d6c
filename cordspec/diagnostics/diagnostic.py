"""One object for everything that is told to a user about a wrong input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cordspec.diagnostics.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Label:
    """A place that has to do with a diagnostic, and why."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement. ``sure`` says that it can be nothing else that is meant, so that `--fix` may make it unasked."""

    title: str
    span: Span
    replacement: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong, where, and what to do about it.

    Families of codes: E0 text, E1 names and imports, E2 types, units and ranges, E3 plugins, E4 limits and resources,
    E5 security, E6 engines, E7 journal, E8 training and evaluation, E9 internal, W practice warnings.
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    related: tuple[Label, ...] = ()
    help: str = ""
    fixes: tuple[Fix, ...] = ()

    @property
    def severity(self) -> Severity:
        return "warning" if self.code.startswith("W") else "error"

    @property
    def order(self) -> tuple[str, int, str, str]:
        """Sort key: by place, then by code."""
        return (
            self.span.source.name if self.span else "",
            self.span.start if self.span else -1,
            self.code,
            self.message,
        )
