"""The process behind a grader whose library is not safe with what models write: a request a line in, an answer a line out.

Reading a hostile answer may take for ever, take all memory or crash. So this process reads none itself: it loads the library
once and forks a child that does, which it kills when an answer takes too long. The next child is there within milliseconds,
since what is slow to load is in memory already.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

Request = dict[str, Any]
Answer = Callable[[Request], dict[str, Any]]

MEMORY_BYTES: Final = 2 << 30
"""What a child may allocate."""


@dataclass(slots=True)
class Child:
    """A forked process that answers, with the pipes to it and from it."""

    pid: int
    requests: int
    answers: IO[str]


def work(load: Callable[[], Answer]) -> None:
    """Say ``ready`` once the library is loaded and warm, then answer until the input ends."""
    said, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    answer = load()
    print("ready", file=said, flush=True)
    child: Child | None = None
    for line in sys.stdin:
        child = child or _fork(answer)
        reply, child = _asked(child, line, json.loads(line)["seconds"])
        print(reply, file=said, flush=True)
    if child is not None:
        _end(child)


def _asked(child: Child, line: str, seconds: float) -> tuple[str, Child | None]:
    """What the child answers, and the child if it is still there."""
    try:
        os.write(child.requests, line.encode())
    except BrokenPipeError:
        return json.dumps({"failed": _end(child)}), None
    ready, _, _ = select.select([child.answers], [], [], seconds)
    if not ready:
        _end(child)
        return json.dumps({"failed": f"it took more than {seconds:g} s"}), None
    answer = child.answers.readline().strip()
    return (answer, child) if answer else (json.dumps({"failed": _end(child)}), None)


def _fork(answer: Answer) -> Child:
    requests_out, requests_in = os.pipe()
    answers_out, answers_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(requests_in)
        os.close(answers_out)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        _serve(answer, os.fdopen(requests_out), os.fdopen(answers_in, "w"))
        os._exit(0)
    os.close(requests_out)
    os.close(answers_in)
    return Child(pid, requests_in, os.fdopen(answers_out))


def _serve(answer: Answer, requests: IO[str], answers: IO[str]) -> None:
    for line in requests:
        print(json.dumps(answered(answer, json.loads(line))), file=answers, flush=True)


def answered(answer: Answer, request: Request) -> dict[str, Any]:
    """The answer, or ``failed`` where something ran out."""
    try:
        return answer(request)
    except MemoryError:
        return {"failed": "it took too much memory"}
    except RecursionError:
        return {"failed": "it is nested too deeply"}


def _end(child: Child) -> str:
    """Kill the child, if it is still there; how it ended, in words."""
    os.kill(child.pid, signal.SIGKILL)
    _, status = os.waitpid(child.pid, 0)
    os.close(child.requests)
    child.answers.close()
    number = os.waitstatus_to_exitcode(status)
    return f"its process was ended by signal {-number}" if number < 0 else f"its process ended with code {number}"
