r"""What an integrator wrote, read as the JSON object that it was asked for (paper.md section 1).

::

    {"integrated_step1": {"content": "### Step 1. ...", "category": "progressive"}, ..., "answer_part": ["\\boxed{42}"]}

Whatever a model writes is either read or refused. What had to be mended is named, and so is why something is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from cordspec.domain.prompt import THINK_CLOSE

CATEGORIES: Final = ("progressive", "verification", "multi-method validation", "error correction")
STEP_KEY, ANSWER_KEY = "integrated_step", "answer_part"

REPAIRED = "repaired JSON"
NO_OBJECT, NO_STEP, NO_ANSWER, CUT_ANSWER = "no JSON object", "no step", "no answer", "answer cut off"

Pairs = list[tuple[str, Any]]
_MARK = "\u241f"
_END = f"{_MARK}end{_MARK}"
"""Put after a text that is repaired: where it turns up inside a string, that string was never closed."""
_FENCE = re.compile(r"```[\w-]*\s*\n(.*?)\n\s*```", re.DOTALL)
_OBJECT = re.compile(r"\{(?=\s*\")")
_DEEP = re.compile(r"(?:[\[{]\s*){50}")
"""No integrated trace is nested so deeply, and repairing such a text takes time quadratic in its length."""
_ESCAPE = re.compile(r"\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})|\\")
_MOST_STARTS = 50
_LATEX = {"\b": r"\b", "\f": r"\f", "\r": r"\r", "\t": r"\t"}
_LATEX_ESCAPE = re.compile(r"[\b\f\r\t](?=[a-z])")
_THINK_TAG = re.compile(r"</?think>")


@dataclass(frozen=True, slots=True)
class Integrated:
    """The contents of the steps in the order of their numbers, and the answer part as text; both empty if refused."""

    contents: tuple[str, ...]
    answer: str
    violations: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return bool(self.contents)


def read_integrated(text: str) -> Integrated:
    """The steps and the answer in what an integrator wrote, or why there are none. Never raises."""
    said = text.strip()
    if THINK_CLOSE in said and _parsed(said) is None:
        said = said.rpartition(THINK_CLOSE)[2].strip()  # a draft in its thinking is no answer
    found, violations = _object(said)
    if found is None:
        return Integrated((), "", (NO_OBJECT,))
    steps = _steps(found, violations)
    ended = REPAIRED not in violations or said.rstrip("`\n ").endswith("}")
    answer = _answer(found, violations, ended=ended)
    if not steps:
        violations.append(NO_STEP)
    if not steps or not answer:
        steps, answer = [], ""
    return Integrated(tuple(steps), answer, tuple(dict.fromkeys(violations)))


# from text to the pairs of an object


def _object(text: str) -> tuple[Pairs | None, list[str]]:
    """The outermost object as pairs, since a name may be there twice, and what had to be done to get at it."""
    if (whole := _parsed(text)) is not None:
        return whole, []
    for fenced in _FENCE.findall(text):
        if (inside := _parsed(fenced.strip())) is not None:
            return inside, ["JSON in a code fence"]
    for start in list(_OBJECT.finditer(text))[:_MOST_STARTS]:
        if (around := _parsed_from(text, start.start())) is not None:
            return around, ["text around the JSON"]
    return _repaired(text), [REPAIRED]


def _parsed(text: str) -> Pairs | None:
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Pairs) else None


def _parsed_from(text: str, start: int) -> Pairs | None:
    try:
        found, _ = json.JSONDecoder(object_pairs_hook=_Pairs).raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Pairs) and any(_is_ours(name) for name, _ in found) else None


def _repaired(text: str) -> Pairs | None:
    """Trailing commas, missing quotes or brackets, a lost end: what json-repair makes of the first object on."""
    start = text.find("{")
    if start < 0 or _DEEP.search(text):
        return None
    import json_repair  # only where something is broken

    mended = _ESCAPE.sub(lambda found: found.group() if len(found.group()) > 1 else r"\\", text[start:])
    try:
        found: Any = json_repair.loads(mended + _END, skip_json_loads=True)
    except Exception:  # it promises to repair anything; what it cannot is refused like everything else
        return None
    parts = found if isinstance(found, list) else [found]
    pairs = [pair for part in parts if isinstance(part, dict) for pair in part.items()]
    return pairs if any(_is_ours(str(name)) for name, _ in pairs) else None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, told from a JSON array."""


def _is_ours(name: str) -> bool:
    return name.startswith((STEP_KEY, ANSWER_KEY))


# from pairs to steps and answer


def _steps(pairs: Pairs, violations: list[str]) -> list[str]:
    numbered: list[tuple[int, str]] = []
    for name, value in pairs:
        found = re.fullmatch(rf"{STEP_KEY}_?([0-9]{{1,6}})", str(name).strip())
        if found is None:
            if not str(name).startswith(ANSWER_KEY):
                violations.append("unknown name")
            continue
        content = _content(value, violations)
        if content:
            numbered.append((int(found.group(1)), content))
        else:
            violations.append("empty step")
    numbers = [number for number, _ in numbered]
    if len(set(numbers)) < len(numbers):
        violations.append("repeated step number")
    elif numbers != sorted(numbers):
        violations.append("steps out of order")
    if set(numbers) != set(range(1, len(set(numbers)) + 1)):
        violations.append("missing step number")
    return [content for _, content in sorted(numbered, key=lambda one: one[0])]


def _content(value: Any, violations: list[str]) -> str:
    fields = dict(value) if isinstance(value, _Pairs | dict) else {"content": value}
    category = fields.get("category")
    if not isinstance(category, str) or _plain(category) not in {_plain(one) for one in CATEGORIES}:
        violations.append("unknown category")
    content = fields.get("content")
    return _clean(content, violations) if isinstance(content, str) else ""


def _plain(category: str) -> str:
    return " ".join(re.split(r"[\s_-]+", category.strip().lower()))


def _answer(pairs: Pairs, violations: list[str], *, ended: bool) -> str:
    """The answer part as one text; empty where it is missing, empty, cut off or made of anything but texts and numbers."""
    value = next((value for name, value in reversed(pairs) if str(name).strip() == ANSWER_KEY), None)
    parts = list(value) if isinstance(value, list) and not isinstance(value, _Pairs) else [value]
    if parts and isinstance(parts[-1], str) and parts[-1].strip() in (_END, _END[1:]):
        parts.pop()  # the list was open, the text before its end was not
    if any(isinstance(part, str) and _MARK in part for part in parts) or not (ended or _is_text(parts)):
        violations.append(CUT_ANSWER)
        return ""
    said: list[str] = []
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int | float) or part != part:
            said.clear()
            break
        said.append(_clean(str(part), violations))
    answer = ", ".join(part for part in said if part)
    if not answer:
        violations.append(NO_ANSWER)
    return answer


def _is_text(parts: list[Any]) -> bool:
    """Whether the last part had quotes around it: of a number nobody can tell whether all digits are there."""
    return not parts or not isinstance(parts[-1], int | float)


def _clean(text: str, violations: list[str]) -> str:
    """A text without what cannot stand in a trace: think tags, and characters that are no Unicode text."""
    whole = text.encode("utf-8", "replace").decode()
    if whole != text:
        violations.append("broken characters")
    latex = _LATEX_ESCAPE.sub(lambda found: _LATEX[found.group()], whole)  # "\boxed" in JSON is a backspace and "oxed"
    if latex != whole:
        violations.append("LaTeX read as escapes")
    plain = _THINK_TAG.sub("", latex)
    if plain != latex:
        violations.append("think tag in a step")
    return plain.strip()
