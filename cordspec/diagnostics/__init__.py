"""Positions and diagnostics: the bottom layer. Everything that can go wrong is told through one `Diagnostic`."""

from cordspec.diagnostics.diagnostic import Diagnostic, Fix, Label, Severity
from cordspec.diagnostics.render import FORMATS, Format, as_json, render
from cordspec.diagnostics.source import Source, Span

__all__ = ["FORMATS", "Diagnostic", "Fix", "Format", "Label", "Severity", "Source", "Span", "as_json", "render"]
