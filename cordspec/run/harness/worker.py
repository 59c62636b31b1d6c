"""lm-evaluation-harness in a process of its own: what it wants of a model it asks over its pipes, a line each way.

It drives a model synchronously and brings much along; here it holds up no engine, and neither keys nor a network are within
its reach by itself (`cordspec.run.harness.asking`). The first line in says what to do, the last one out what came of it.
"""

from __future__ import annotations

import json
import sys
from typing import IO, Any

Pairs = list[tuple[Any, ...]]


def main() -> None:
    """One evaluation."""
    said, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no message
    job = json.loads(sys.stdin.readline())
    try:
        _say(said, {"done": _evaluated(job, said)})
    except ImportError as error:
        _say(said, {"lacking": error.name or str(error)})
    except Exception as error:
        _say(said, {"wrong": f"{type(error).__name__}: {error}"})


def _evaluated(job: dict[str, Any], said: IO[str]) -> dict[str, Any]:
    from importlib.metadata import version

    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Asking(LM):  # type: ignore[misc]  # lm-eval has no types
        """A model at the other end of the pipes."""

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            return [(value, greedy) for value, greedy in _asked(said, "loglikelihood", [one.args for one in requests])]

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            raise NotImplementedError("texts with nothing before them are not scored")

        def generate_until(self, requests: list[Any]) -> list[str]:
            return list(_asked(said, "generate_until", [one.args for one in requests]))

    found = simple_evaluate(
        model=Asking(), tasks=job["tasks"], num_fewshot=job["shots"], limit=job["limit"],
        task_manager=TaskManager(include_path=job["include"]),
    )  # fmt: skip
    kept = ("results", "versions", "n-shot", "n-samples", "higher_is_better", "configs", "samples")
    return {"version": version("lm_eval"), **{name: found[name] for name in kept}}


def _asked(said: IO[str], what: str, requests: Pairs) -> list[Any]:
    _say(said, {"ask": what, "requests": requests})
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(1)  # the run is gone
    return list(json.loads(line))


def _say(said: IO[str], message: dict[str, Any]) -> None:
    print(json.dumps(message, default=str), file=said, flush=True)


if __name__ == "__main__":
    main()
