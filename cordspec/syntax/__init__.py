"""Text to syntax tree and back. Knows blocks, settings, values and references, and no component by name."""

import sys

if "lark" not in sys.modules and "regex" not in sys.modules:
    # lark imports `regex` where it is installed, for patterns that our grammar has none of; it is the largest import of all
    # that checking a spec could do without
    sys.modules["regex"] = None  # type: ignore[assignment]  # what Python itself puts there for a module that is not there
    import lark  # noqa: F401  # from here on it is known without `regex`

    del sys.modules["regex"]

from cordspec.syntax.parser import parse, parse_value

__all__ = ["parse", "parse_value"]
