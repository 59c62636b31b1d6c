r"""Numbers as people write final answers: ``1,234.5``, ``3/4``, ``\frac{3}{4}``, ``1.2e3``, ``$3.5 million``, ``50\%``.

Values are exact fractions. What is not one number with at most a scale, a percent sign and a unit is no quantity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_LONGEST: Final = 200
_LARGEST_EXPONENT: Final = 400
"""Beyond it a power of ten is no answer but an attack."""

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d+)"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?) ?(?:(?P<whole>\d+) (?P<part>\d+/\d+)|(?P<number>(?:{_DIGITS}(?:\.\d*)?|\.\d+))"
    r"(?: ?/ ?(?P<under>\d+(?:\.\d+)?))?)"
    r"(?:[eE](?P<e>[+-]?\d+)| ?(?:\*|x|×) ?10\^(?P<power>[+-]?\d+))?"
)
_SCALES: Final = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "hundreds": 10**2, "thousands": 10**3, "millions": 10**6, "billions": 10**9, "trillions": 10**12,
}  # fmt: skip
_CURRENCIES: Final = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_NO_UNIT: Final = frozenset(
    (
        "a", "an", "and", "as", "at", "but", "divided", "equals", "except", "false", "for", "if", "incorrect", "is", "less",
        "minus", "more", "most", "no", "not", "of", "or", "over", "pi", "plus", "remainder", "than", "the", "times", "to",
        "unless", "until", "wrong",
    )
)  # fmt: skip
"""Words after a number that make it something else than a number with its unit."""
_WORD = re.compile(r"[A-Za-zµ°]+(?:\^[1-9])?")
_KNOWN_LETTERS: Final = frozenset(("A", "C", "F", "J", "K", "L", "N", "V", "W", "g", "h", "l", "m", "s"))

_SYMBOLS: Final = {
    "metre": "m", "meter": "m", "centimetre": "cm", "centimeter": "cm", "millimetre": "mm", "millimeter": "mm",
    "kilometre": "km", "kilometer": "km", "inch": "in", "inche": "in", "foot": "ft", "feet": "ft", "mile": "mi",
    "gram": "g", "kilogram": "kg", "milligram": "mg", "tonne": "t", "pound": "lb",
    "second": "s", "sec": "s", "minute": "min", "hour": "h", "hr": "h", "litre": "l", "liter": "l", "L": "l",
    "millilitre": "ml", "milliliter": "ml", "mL": "ml", "°": "degree", "deg": "degree", "usd": "dollar", "eur": "euro",
}  # fmt: skip
_MEASURES: Final[dict[str, tuple[str, Fraction]]] = {
    "mm": ("length", Fraction(1, 1000)), "cm": ("length", Fraction(1, 100)), "m": ("length", Fraction(1)),
    "km": ("length", Fraction(1000)), "in": ("length", Fraction(254, 10_000)), "ft": ("length", Fraction(3048, 10_000)),
    "mi": ("length", Fraction(1_609_344, 1000)), "mg": ("mass", Fraction(1, 1000)), "g": ("mass", Fraction(1)),
    "kg": ("mass", Fraction(1000)), "t": ("mass", Fraction(10**6)), "s": ("time", Fraction(1)),
    "min": ("time", Fraction(60)), "h": ("time", Fraction(3600)), "day": ("time", Fraction(86_400)),
    "ml": ("volume", Fraction(1, 1000)), "l": ("volume", Fraction(1)), "cent": ("dollar", Fraction(1, 100)),
    "dollar": ("dollar", Fraction(1)),
}  # fmt: skip
"""Units that are converted into each other, with what they measure."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, both empty texts and False where there is none. ``50%`` has the value 50."""

    value: Fraction
    percent: bool = False
    unit: str = ""

    @property
    def share(self) -> Fraction:
        """The value with its percent sign worked out."""
        return self.value / 100 if self.percent else self.value


def read_quantity(text: str, *, single_letters: bool = True) -> Quantity | None:
    """The quantity that a text is, or None. Without ``single_letters`` a bare letter is a variable, not a unit."""
    if len(text) > _LONGEST:
        return None
    spelled = "\\text" in text or "\\mathrm" in text
    plain = _plain(text)
    currency = ""
    for sign, name in _CURRENCIES.items():
        if plain.removeprefix("-").startswith(sign) or plain.endswith(sign):
            currency, plain = name, plain.replace(sign, "", 1).strip()
            break
    plain = re.sub(r"^- (?=\d)", "-", plain)
    found = _NUMBER.match(plain)
    if found is None:
        return None
    value = _value(found)
    rest = plain[found.end() :].strip()
    words = rest.split()
    if words and words[0].lower() in _SCALES and value is not None:
        value *= _SCALES[words.pop(0).lower()]
    percent = bool(words) and words[0].lower() in ("%", "percent", "percentage")
    if percent:
        words.pop(0)
    elif [word.lower() for word in words[:2]] == ["per", "cent"]:
        percent, words = True, words[2:]
    touching = bool(words) and not spelled and plain[found.end()].isalpha()
    if touching and len(words[0]) == 1:
        return None  # `2m` is algebra, `2 m` may be metres
    unit = _unit(words, letters=single_letters or spelled) if words else ""
    if value is None or unit is None or (unit and currency):
        return None
    return Quantity(value, percent, unit or currency)


def same_unit(one: Quantity, other: Quantity) -> Fraction | None:
    """By what ``one``'s value is to be multiplied to be in ``other``'s unit, where both name one; None for other kinds."""
    if not one.unit or not other.unit or one.unit == other.unit:
        return Fraction(1)
    mine, theirs = _MEASURES.get(one.unit), _MEASURES.get(other.unit)
    return mine[1] / theirs[1] if mine and theirs and mine[0] == theirs[0] else None


def readings(found: Quantity, wanted: Quantity) -> list[Fraction]:
    """The values that ``found`` may stand for, in ``wanted``'s unit; none where the units are of different kinds.

    A unit or a percent sign that only one side has may be left out: where 50 % is wanted, ``50`` and ``0.5`` both say it.
    A percent sign that only the answer has counts: where 50 is wanted, ``50%`` is 0.5.
    """
    factor = same_unit(found, wanted)
    if factor is None:
        return []
    if wanted.percent and not found.percent:
        return [found.value / 100 * factor, found.value * factor]
    return [found.share * factor]


def _value(found: re.Match[str]) -> Fraction | None:
    sign = -1 if found["sign"] == "-" else 1
    exponent = int((found["e"] or found["power"] or "0")[:6])
    if abs(exponent) > _LARGEST_EXPONENT:
        return None
    try:
        if found["part"]:
            value = int(found["whole"]) + Fraction(found["part"])
        else:
            value = Fraction(re.sub("[ ,]", "", found["number"])) / Fraction(found["under"] or 1)
    except ZeroDivisionError:
        return None
    return sign * value * Fraction(10) ** exponent


def _plain(text: str) -> str:
    """A text with LaTeX's ways of writing numbers put into plain characters."""
    text = text.strip().replace("−", "-").replace("\u00a0", " ").replace("\u202f", " ")
    text = re.sub(r"\\(?:left|right|displaystyle)\b", "", text)
    text = re.sub(r"\\(?:text|mathrm|textrm|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"(?<=\d)(?:\\[,!;: ]|\{,\})(?=\d{3})", ",", text)
    text = re.sub(r"\\[,!;: ]|~", " ", text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|\\circ|\\degree", " ° ", text)
    text = re.sub(r"\\[dt]?frac\s*\{(-?\d+(?:\.\d+)?)\}\s*\{(\d+(?:\.\d+)?)\}", r" \1/\2", text)
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)(?!\d)", r" \1/\2", text)
    text = re.sub(r"\\times|\\cdot", "*", text).replace("\\$", "$").replace("\\%", "%").replace("%", " % ")
    text = re.sub(r"\s*\^\s*(?:\{\s*([+-]?\d+)\s*\}|([+-]?\d+))", r"^\1\2", text)
    return " ".join(text.split()).removeprefix("+")


def _unit(words: list[str], *, letters: bool) -> str | None:
    """The unit in one form; None for words that are no unit."""
    joined = " ".join(words).rstrip(".")
    joined = re.sub(r"(?<=[a-z]) per (?=[a-z])|/", " / ", joined)
    joined = re.sub(r"\bsquare (\w+)", r"\1^2", joined)
    joined = re.sub(r"\bcubic (\w+)", r"\1^3", re.sub(r" squared\b", "^2", re.sub(r" cubed\b", "^3", joined)))
    parts = joined.split()
    letters = letters or "/" in parts
    if not parts or len(parts) > 6:
        return None
    named = []
    for part in parts:
        if part == "/":
            named.append(part)
        elif _WORD.fullmatch(part) is None or part.lower() in _NO_UNIT:
            return None
        else:
            name, _, power = part.partition("^")
            if len(name) == 1 and name != "°" and not (letters and name in _KNOWN_LETTERS):
                return None
            named.append(_symbol(name) + (f"^{power}" if power else ""))
    return " ".join(named)


def _symbol(name: str) -> str:
    if len(name) <= 2:
        return _SYMBOLS.get(name, name)
    lower = name.lower()
    single = lower if lower in _SYMBOLS else lower.removesuffix("s")
    return _SYMBOLS.get(single, single)
