"""`math_verify`: mathematical equality of final answers, by the math-verify library in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Grader, Options, Seconds, Unavailable, hookimpl
from cordspec_bench.final_answer import final_answer, numbers

START_SECONDS = 60.0


class MathVerifyOptions(Options):
    """Options of the grader."""

    time_limit: Seconds = Field(5.0, gt=0, description="an answer that takes longer to compare is wrong")


class MathVerify(Grader[MathVerifyOptions]):
    """Equal texts and equal lists of plain numbers, in their order, are decided here; all else goes to math-verify.

    Comparing a hostile expression may take for ever or crash, so it happens in a child process with a hard time limit.
    """

    name: ClassVar[str] = "math_verify"

    def __init__(self, options: MathVerifyOptions) -> None:
        super().__init__(options)
        self._limit = options.time_limit
        self._child: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def grade(self, written: str, reference: str) -> bool:
        answer, wanted = final_answer(written), final_answer(reference)
        if answer == wanted:
            return bool(wanted)
        numbers_wanted = numbers(wanted)
        if numbers_wanted is not None and (len(numbers_wanted) > 1 or numbers(answer) is not None):
            return numbers(answer) == numbers_wanted
        return self._verify(answer, wanted)

    def _verify(self, answer: str, wanted: str) -> bool:
        pipe = self._start()
        try:
            pipe.send((answer, wanted))
            if pipe.poll(self._limit):
                return bool(pipe.recv())
        except (EOFError, OSError):
            pass
        self.close()
        return False

    def _start(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._child = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._child.start()
            theirs.close()
            if not self._pipe.poll(START_SECONDS) or self._pipe.recv() != "ready":
                self.close()
                raise Unavailable("the grader needs math-verify", 'pip install "cordspec[bench]"')
        return self._pipe

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._pipe = self._child = None


def _serve(pipe: Connection) -> None:
    """The child: compares until the parent goes away."""
    try:
        from math_verify import parse, verify
    except ImportError:
        pipe.send("missing")
        return
    pipe.send("ready")
    while True:
        try:
            answer, wanted = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(bool(verify(parse(f"${wanted}$"), parse(f"${answer}$"))))
        except Exception:  # an answer that cannot be compared is wrong
            pipe.send(False)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MathVerify
