"""The longest prefix is scored first: a prover's server that does not bear it is found out before a token is drawn."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cordspec.domain.problem import Problem
from cordspec.model.blocks import DecodeOptions
from cordspec.run.rehearsal import longest
from tests.real.completion_servers import LlamaCppLike, TgiLike
from tests.real.serving import Refusal, ServedModel, Server
from tests.real.sglang_like import SglangLike
from tests.real.test_served_runs import SPEC


class Servers:
    """Two teachers' and a prover's, and a spec that names them."""

    def __init__(self, directory: Path, budget: str, **info: object) -> None:
        adder, subtracter, prover = map(ServedModel, ("adder", "subtracter", "prover"))
        self.like = SglangLike(prover, **info)
        self.first, self.second = Server(LlamaCppLike(adder).routes), Server(TgiLike(subtracter).routes)
        self.prover = Server(self.like.routes | {"/generate": self.generate})
        self.bears = True
        spec = SPEC.format(adder=adder.path, subtracter=subtracter.path, prover=prover.path)
        (directory / "served.cord").write_text(spec.replace("192tok", budget))

    def generate(self, body: Any) -> object:
        scores = body.get("return_logprob", False) and body.get("logprob_start_len", -1) >= 0
        in_run = "put on the next shelf" in self.like.served.decode(body["input_ids"])
        if scores and in_run and not self.bears:
            raise Refusal(500, {"error": {"message": "out of memory"}})
        return self.like.generate(body)

    @property
    def environment(self) -> dict[str, str]:
        servers = {"FIRST": self.first, "SECOND": self.second, "PROVER": self.prover}
        return {f"CORDSPEC_SERVICE_{name}_URL": server.url for name, server in servers.items()}

    def rehearsed(self) -> int:
        """How many prompts that were sent to the prover hold the longest prefix."""
        bodies = [body for path, _, body in self.prover.seen if path == "/generate"]
        return sum("put on the next shelf" in self.like.served.decode(body["input_ids"]) for body in bodies)

    def close(self) -> None:
        for server in (self.first, self.second, self.prover):
            server.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Servers]]:
    begun: list[Servers] = []

    def serve(budget: str = "192tok", **info: object) -> Servers:
        begun.append(Servers(tmp_path, budget, **info))
        return begun[-1]

    yield serve
    for servers in begun:
        servers.close()


def test_a_prover_that_fails_at_the_longest_prefix_ends_the_run_before_anything_is_drawn(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], serving: Callable[..., Servers]
) -> None:
    servers = serving()
    servers.bears = False
    done = cordspec("run", "served.cord", "--display", "plain", **servers.environment)
    assert done.returncode == 5 and "error[E625]" in done.stderr, done.stdout + done.stderr
    assert "a prefix of 192 tokens, which `traces` allows, was not scored" in done.stderr
    assert "served.cord:9:1" in done.stderr
    assert servers.first.seen == servers.second.seen == [], "no teacher was asked anything"
    servers.bears = True
    again = cordspec("run", "served.cord", "--display", "plain", **servers.environment)
    assert again.returncode == 0 and "W625" not in again.stderr, again.stdout + again.stderr
    asked = servers.rehearsed()
    once_more = cordspec("run", "served.cord", "--display", "plain", **servers.environment)
    assert once_more.returncode == 0 and servers.rehearsed() == asked, "the answer is kept"


def test_a_prover_whose_context_is_too_short_for_the_budget_is_told(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], serving: Callable[..., Servers]
) -> None:
    servers = serving("600tok", max_req_input_len=520)
    done = cordspec("run", "served.cord", "--display", "plain", **servers.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning[W625]" in done.stderr and "gave no score for a prefix of 600 tokens" in done.stderr, done.stderr
    assert servers.rehearsed() == 0, "what cannot fit is not sent"


def test_the_longest_prefix_fills_the_budget_after_the_longest_question() -> None:
    options = DecodeOptions.model_construct(
        budget=DecodeOptions.model_fields["budget"].get_default(call_default_factory=True)
    )
    problems = (Problem("Short?", "1"), Problem("How many cups are on shelf A?", "12"), Problem("And now?", "2"))
    candidate = longest(options, problems, lambda text: len(text.split()), answers=True)
    (step,) = candidate.trajectory.steps
    assert candidate.problem == problems[1].view and candidate.reference_answer == "12"
    assert 0.99 * options.budget.thinking < len(step.text.split()) <= options.budget.thinking == step.tokens
    assert longest(options, problems, len, answers=False).reference_answer is None
