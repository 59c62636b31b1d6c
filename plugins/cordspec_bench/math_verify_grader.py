"""`math_verify`: mathematical equality of final answers, by the math-verify library in a process of its own."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterable
from typing import IO, ClassVar

from pydantic import Field

from cordspec.plugin import Component, Grader, Options, Seconds, Unavailable, hookimpl
from cordspec_bench.final_answer import final_answer, items

START_SECONDS = 60.0


class MathVerifyOptions(Options):
    """Options of the grader."""

    time_limit: Seconds = Field(5.0, gt=0, description="an answer that takes longer to compare is wrong")


class MathVerify(Grader[MathVerifyOptions]):
    """Equal texts, and plain lists of numbers in their order, are decided here; all else goes to math-verify.

    Comparing a hostile expression may take for ever or crash, so it happens in a child process with a hard time limit.
    """

    name: ClassVar[str] = "math_verify"

    def __init__(self, options: MathVerifyOptions) -> None:
        super().__init__(options)
        self._child: subprocess.Popen[str] | None = None

    def grade(self, written: str, reference: str) -> bool:
        answer, wanted = final_answer(written), final_answer(reference)
        if answer == wanted:
            return bool(wanted)
        items_wanted, items_found = items(wanted), items(answer)
        if items_wanted is not None and (items_found is not None or len(items_wanted) > 1):
            return items_found == items_wanted
        return self._verify(answer, wanted)

    def _verify(self, answer: str, wanted: str) -> bool:
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps([answer, wanted]) + "\n")
            child.stdin.flush()
            said = _line(child.stdout, self.options.time_limit)
        except OSError:
            said = ""
        if not said:
            self.close()
        return said == "true"

    def _started(self) -> subprocess.Popen[str]:
        if self._child is None:
            command = [sys.executable, "-m", "cordspec_bench.math_worker"]
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert self._child.stdout is not None
            if _line(self._child.stdout, START_SECONDS) != "ready":
                self.close()
                raise Unavailable("the grader needs math-verify", 'pip install "cordspec[bench]"')
        return self._child

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None


def _line(stream: IO[str], seconds: float) -> str:
    """The next line, or an empty text when it does not come in time or never."""
    ready, _, _ = select.select([stream], [], [], seconds)
    return stream.readline().strip() if ready else ""


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MathVerify
