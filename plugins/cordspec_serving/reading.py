"""Numbers in what a server answers, read strictly."""

from __future__ import annotations

import re

from cordspec_serving.backend import LOWEST


def whole(value: object) -> int | None:
    """A count; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def log_probability(value: object) -> float | None:
    """A natural log-probability; None for what is none. A zero is one: the token was sure."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and LOWEST < value < 1e-3:
        return min(float(value), 0.0)
    return None


def counted(metrics: str, names: str) -> float | None:
    """The sum of counters in Prometheus' text format; None where there is none of them.

    Args:
        names: a regular expression for the names of counters.
    """
    found = re.findall(rf"^(?:{names})(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE)
    return sum(map(float, found)) if found else None
