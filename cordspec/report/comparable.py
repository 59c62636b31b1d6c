"""Whether two evaluations may be compared: the same problems, as many draws, the same prompts, sampling and grader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cordspec.report.load import EvalView


@dataclass(frozen=True, slots=True)
class Refused:
    """Two evaluations that are not compared, and why."""

    first: str
    second: str
    reason: str


def refusal(one: EvalView, other: EvalView) -> str:
    """Why the two are not to be compared; empty where they are. Templates are a model's own and may differ."""
    draws, others = (Counter(draw.problem for draw in arm.predictions) for arm in (one, other))
    if draws.keys() != others.keys():
        missing = len(draws.keys() ^ others.keys())
        return f"different problems: {missing} of {len(draws.keys() | others.keys())} are in one of them only"
    counts, other_counts = sorted(set(draws.values())), sorted(set(others.values()))
    if draws != others:
        return f"unequal n: {_named(counts)} and {_named(other_counts)}"
    if not one.asked or not other.asked:
        return "what they asked was not recorded: they are from an earlier version of cordspec"
    if one.asked["data"] != other.asked["data"]:
        return "different prompts: what is asked differs beyond the models' own templates"
    if one.asked["sampling"] != other.asked["sampling"]:
        return f"different sampling: {_differences(one, other)}"
    return _checked_otherwise(one, other)


def _checked_otherwise(one: EvalView, other: EvalView) -> str:
    """Whether other graders or judges checked the answers. What a judge's block stands for decides, not what it is called."""
    if one.judge and other.judge:
        differ = sorted(place for place in one.judge.keys() | other.judge.keys() if _differs(one, other, place))
        return f"different judges: {', '.join(_of_judges(one, other, place) for place in differ)}" if differ else ""
    if one.checked_by != other.checked_by:
        return f"different graders: {one.checked_by} and {other.checked_by}"
    if _judged(one) and (one.judge is None or other.judge is None):
        return "what judged them was not recorded: they are from an earlier version of cordspec"
    return ""


def _judged(one: EvalView) -> bool:
    return one.checked_by.startswith("model ")


def _differs(one: EvalView, other: EvalView, place: str) -> bool:
    assert one.judge is not None and other.judge is not None
    return place not in one.judge or place not in other.judge or one.judge[place] != other.judge[place]


def _of_judges(one: EvalView, other: EvalView, place: str) -> str:
    """A place in which they differ; numbers are shown, prompts and hashes are not."""
    field, _, part = place.rpartition(".")
    if part == "content":
        return f"what `{field}` stands for"
    values = [arm.judge.get(place) for arm in (one, other) if arm.judge]
    shown = all(isinstance(value, (int, float)) for value in values)
    return f"{place} {values[0]} and {values[1]}" if shown else place


def _named(counts: list[int]) -> str:
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{number} draw{'s' * (counts[-1] != 1)} a problem"


def _differences(one: EvalView, other: EvalView) -> str:
    first, second = (arm.asked["sampling"] for arm in (one, other) if arm.asked)
    if len(first) != 1 or len(second) != 1:
        return "several in one evaluation"
    return ", ".join(
        f"{name} {first[0][name]} and {second[0][name]}" for name in first[0] if first[0][name] != second[0][name]
    )
