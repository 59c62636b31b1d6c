"""Single values of the text to values of Python: numbers, quantities, ranges, enum members, templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cordspec.diagnostics import Diagnostic, Fix, Span
from cordspec.extension.options import Dimension, Interval
from cordspec.model.compose import suggest
from cordspec.syntax.nodes import Bool, List, Number, Object, Path, Range, Text, Value

UNITS: Final[Mapping[Dimension, Mapping[str, float]]] = {
    "tokens": {"tok": 1},
    "bytes": {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
    "seconds": {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400},
    "fraction": {"%": 0.01},
}
_ADDRESS: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
SHOWN_UNIT: Final[Mapping[Dimension, str]] = {"tokens": "tok", "bytes": "GiB", "seconds": "s", "fraction": "%"}


class Wrong(Exception):
    """A value that does not fit its type; carries the diagnostics. An empty one stands for a hole reported before."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics = diagnostics


def no_address(value: Text) -> str:
    """A text of a model, which says what is asked and never where: a pull request must not choose who is sent a key."""
    if _ADDRESS.match(value.value):
        message = f"`{value.value}` is an address, and a spec names none"
        help = "name a service; the operator's configuration says where it is and which key it takes"
        raise Wrong(Diagnostic("E505", message, value.span, "the name of a service, or of weights", help=help))
    return value.value


def number(value: Value, *, whole: bool) -> float | int:
    what = "a whole number" if whole else "a number"
    if not isinstance(value, Number):
        raise Wrong(mistake(value, what, value.value if isinstance(value, Text) and _numeric(value.value) else ""))
    if value.unit:
        bare = value.span.text.removesuffix(value.unit)
        message = f"`{value.span.text}` has a unit, but this is {what} without one"
        fixes = (Fix(f"write `{bare}`", value.span, bare, sure=value.unit == "tok"),)
        raise Wrong(Diagnostic("E203", message, value.span, f"write `{bare}`", fixes=fixes))
    if whole and not value.whole:
        raise Wrong(mistake(value, what, ""))
    return int(value.value) if whole else value.value


def quantity(value: Value, dimension: Dimension, *, whole: bool) -> float | int:
    units = UNITS[dimension]
    shown = SHOWN_UNIT[dimension]
    if not isinstance(value, Number):
        raise Wrong(mistake(value, f"a number with a unit ({', '.join(units)})", ""))
    if value.unit not in units:
        bare = value.span.text.removesuffix(value.unit)
        close = suggest(value.unit.lower(), units) or shown
        has = f"has the unit `{value.unit}`" if value.unit else "has no unit"
        if dimension == "fraction" and not value.unit:
            bare = f"{value.value * 100:g}"
        message = f"`{value.span.text}` {has}; this is in {', '.join(units)}"
        sure = (not value.unit or value.unit.lower() == close.lower()) and (value.whole or dimension == "fraction")
        fixes = (Fix(f"write `{bare}{close}`", value.span, bare + close, sure),)
        raise Wrong(Diagnostic("E203", message, value.span, f"write `{bare}{close}`", fixes=fixes))
    amount = value.value * units[value.unit]
    if whole and amount != int(amount):
        raise Wrong(mistake(value, f"a whole number of {dimension}", ""))
    return int(amount) if whole else round(amount, 12)


def interval(value: Value) -> Interval:
    if not isinstance(value, Range):
        raise Wrong(mistake(value, "a range such as `76%..83%`", ""))
    ends = [end.value * (0.01 if end.unit == "%" else 1.0) for end in (value.low, value.high)]
    bad = [end for end in (value.low, value.high) if end.unit not in ("", "%")]
    if bad or value.low.unit != value.high.unit:
        raise Wrong(located("E203", "both ends of a range need the same unit", value.span, "`%` or none"))
    if ends[0] > ends[1]:
        raise Wrong(located("E204", "the range is empty", value.span, "its first number is the smaller one"))
    return Interval(*(round(end, 12) for end in ends))


def member(value: Value, members: Sequence[str]) -> str:
    said = value.value if isinstance(value, Text) else value.span.text
    if isinstance(value, Path) and value.text in members:
        return value.text
    if isinstance(value, Text) and said in members:
        raise Wrong(located("E205", f"`{said}` is a name here, not a text", value.span, "without quotes", said))
    close = suggest(said, members)
    label = f"did you mean `{close}`?" if close else f"one of {', '.join(members)}"
    raise Wrong(located("E205", f"`{said}` is none of {', '.join(members)}", value.span, label, close))


def template(value: Value, names: Iterable[str]) -> str:
    if not isinstance(value, Text):
        raise Wrong(mistake(value, "a quoted text", ""))
    for name in names:
        if value.value.count("{" + name + "}") != 1:
            message = f"the text must hold `{{{name}}}` exactly once"
            raise Wrong(located("E206", message, value.span, f'such as "### Step {{{name}}}."'))
    return value.value


def _numeric(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


_NODE_WORDS: Final[Mapping[type, str]] = {
    Text: "a text", Number: "a number", Bool: "a truth value", Path: "a name", List: "a list", Object: "an object",
    Range: "a range",
}  # fmt: skip


def mistake(value: Value, expected: str, fix: str) -> Diagnostic:
    found = _NODE_WORDS.get(type(value), "this")
    label = f"write `{fix}`" if fix else f"expected {expected}"
    return located("E202", f"expected {expected}, found {found}", value.span, label, fix)


def located(code: str, message: str, span: Span, label: str, fix: str = "") -> Diagnostic:
    fixes = (Fix(f"write `{fix}`", span, fix),) if fix else ()
    return Diagnostic(code, message, span, label, fixes=fixes)
