"""The exceptions that cordspec raises on purpose, and the exit code that each of them means.

::

    CordspecError
    |-- SpecError           1   the spec has errors
    |-- UsageError          2   a command was used wrongly
    |-- PreflightError      3   the environment lacks something: an extra, a model, a GPU, disk space
    |-- StageError          4   a stage failed
    |-- IncompleteError     5   stopped before the end, nothing lost, resumable
    |-- IntegrityError      6   something stored is not what was written
    `-- PolicyError         7   refused by security policy

8 (an `expect` does not hold), 9 (`fmt --check` or `lock --check` would change something) and 70 (our bug) are returned by
commands, 128 + N by a run that signal N stopped (`Interrupted`). Each carries the diagnostics to show. Plugins raise plain
Python errors; `cordspec.run` says which component failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cordspec.diagnostics import Diagnostic, render


class CordspecError(Exception):
    """The root. ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 70

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics: Sequence[Diagnostic] = diagnostics
        super().__init__(render(diagnostics, "concise"))


class SpecError(CordspecError):
    exit_code = 1


class UsageError(CordspecError):
    exit_code = 2


class PreflightError(CordspecError):
    exit_code = 3


class StageError(CordspecError):
    exit_code = 4


class IncompleteError(CordspecError):
    exit_code = 5


class IntegrityError(CordspecError):
    exit_code = 6


class PolicyError(CordspecError):
    exit_code = 7


class Interrupted(Exception):
    """A signal stopped the run. What was under way was waited for and kept; ``resume`` is the command that goes on."""

    def __init__(self, signal: int, resume: str) -> None:
        super().__init__(f"stopped; give the same command again to go on: {resume}")
        self.signal = signal
        self.resume = resume
