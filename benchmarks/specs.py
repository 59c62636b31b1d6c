"""How long the language takes: a cold `validate`, and 1,000 lines parsed, bound and checked, and formatted.

CPU seconds, the least of several runs: the machine is shared. Ratios are to an empty Python process and to the imports
that the libraries alone cost, measured in the same run.
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cordspec.diagnostics import Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.syntax import parse
from cordspec.syntax.layout import format_text

ROOT = Path(__file__).parents[1]
LIBRARIES = "import argparse, difflib, importlib.metadata, lark, pluggy; from pydantic import BaseModel, Field"
RUNS = 15


def cpu(*command: str) -> float:
    """The least CPU time of a process, user and system."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def least(act: Callable[[], object]) -> float:
    """The least CPU time of a call."""
    best = float("inf")
    for _ in range(RUNS):
        begin = time.process_time()
        act()
        best = min(best, time.process_time() - begin)
    return best


def long_spec(lines: int) -> str:
    """A right spec of so many lines: copies of the miniature, each with its own names."""
    head, body = (ROOT / "specs" / "miniature.cord").read_text(encoding="utf-8").split("problems train", 1)
    body = "problems train" + body
    names = re.findall(
        r"^(?:problems|model|pool|segmenter|scorer|search|decode|student|eval)\s+(\w+)", body, re.MULTILINE
    )
    parts = [head]
    copy = 0
    while sum(part.count("\n") for part in parts) < lines:
        text = body
        for name in names:
            text = re.sub(rf"\b{name}\b(?!\s*=)", f"{name}_{copy}", text)
        text = re.sub(r"(name = |: )(\w+?)_\d+", r"\1\2", text)
        parts.append(text)
        copy += 1
    return "".join(parts)


def main() -> None:
    """Print the figures, and write them beside the others."""
    console = str(Path(sys.executable).with_name("cordspec"))
    empty = cpu(sys.executable, "-c", "pass")
    libraries = cpu(sys.executable, "-c", LIBRARIES)
    validate = cpu(console, "validate", "specs/hetero_beam4.cord")
    source = Source("long.cord", long_spec(1_000))
    registry = Registry()
    experiment, found = resolve(source, registry)
    assert experiment is not None, found
    broken = Source("long.cord", source.text.replace("size = 4", "size = 4 4", 1))
    figures = {
        "python_pass_s": round(empty, 4),
        "libraries_s": round(libraries, 4),
        "validate_hetero_beam4_s": round(validate, 4),
        "validate_to_pass": round(validate / empty, 1),
        "validate_to_libraries": round(validate / libraries, 2),
        "lines": source.text.count("\n"),
        "parse_s": round(least(lambda: parse(source)), 4),
        "parse_bind_check_s": round(least(lambda: resolve(source, registry)), 4),
        "broken_parse_bind_s": round(least(lambda: resolve(broken, registry)), 4),
        "fmt_s": round(least(lambda: format_text(source)), 4),
        "python": platform.python_version(),
        "runs": RUNS,
    }
    print(json.dumps(figures, indent=2))
    path = ROOT / "benchmarks" / "results" / "specs.json"
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
