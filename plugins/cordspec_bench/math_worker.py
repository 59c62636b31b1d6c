"""The process behind the `math_verify` grader (`cordspec_bench.forked_worker`)."""

from __future__ import annotations

from itertools import product
from typing import Any

from cordspec_bench.forked_worker import Answer, Request, work


def load() -> Answer:
    """The comparison, with its library loaded and warm."""
    _compare("0.5", "1/2")
    return _answer


def _answer(request: Request) -> dict[str, Any]:
    return {"equal": _compare(request["answer"], request["wanted"])}


def _compare(answer: str, wanted: str) -> bool:
    """Whether one of the forms in which the library reads the answer is one of those of the reference."""
    from math_verify import parse, verify

    # without the library's own alarms, which stop after whole seconds and not inside of C code
    read = [parse(f"${text}$", parsing_timeout=None) for text in (wanted, answer)]
    for pair in product(*read):
        try:
            if verify(*pair, timeout_seconds=None, raise_on_error=True):
                return True
        except (MemoryError, RecursionError):
            raise
        except Exception:  # forms that cannot be compared are not equal
            continue
    return False


if __name__ == "__main__":
    work(load)
