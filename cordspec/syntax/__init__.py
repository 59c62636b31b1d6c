"""Text to syntax tree and back. Knows blocks, settings, values and references, and no component by name."""

from cordspec.syntax.parser import parse, parse_value

__all__ = ["parse", "parse_value"]
