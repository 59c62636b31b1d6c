"""Changes of texts that an editor is asked to make."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Edit:
    """A range of a file and what is written there instead."""

    span: Span
    text: str
