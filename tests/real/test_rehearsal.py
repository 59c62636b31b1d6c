"""The longest prefix is scored first: a prover's server that does not bear it is found out before a token is drawn."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cordspec.domain.problem import Problem
from cordspec.model.blocks import DecodeOptions
from cordspec.run.rehearsal import SENTENCE, longest
from tests.real.served_pool import ServedPool
from tests.real.serving import Refusal
from tests.real.sglang_like import SglangLike


def rehearses(like: SglangLike, body: Any) -> bool:
    """Whether a prompt holds the longest prefix."""
    return SENTENCE in str(like.served.decode(body["input_ids"]))


def rehearsed(pool: ServedPool) -> int:
    """How often the prover was asked for it."""
    seen = pool.servers["PROVER"].seen
    return sum(rehearses(pool.like, body) for path, _, body in seen if path == "/generate")


def test_a_prover_that_fails_at_the_longest_prefix_ends_the_run_before_anything_is_drawn(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    bears = False

    def generate(like: SglangLike, body: Any) -> object:
        if rehearses(like, body) and not bears:
            raise Refusal(500, {"error": {"message": "out of memory"}})
        return like.generate(body)

    with ServedPool(tmp_path, generate) as pool:
        done = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert done.returncode == 5 and "error[E625]" in done.stderr, done.stdout + done.stderr
        assert "a prefix of 192 tokens, which `traces` allows, was not scored" in done.stderr
        assert "served.cord:9:1" in done.stderr
        assert pool.servers["FIRST"].seen == pool.servers["SECOND"].seen == [], "no teacher was asked anything"
        bears = True
        again = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert again.returncode == 0 and "W625" not in again.stderr, again.stdout + again.stderr
        asked = rehearsed(pool)
        once_more = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert once_more.returncode == 0 and rehearsed(pool) == asked > 1, "the answer is kept"


def test_a_prover_whose_context_is_too_short_for_the_budget_is_told(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    with ServedPool(tmp_path, budget=600, max_req_input_len=520) as pool:
        done = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning[W625]" in done.stderr and "gave no score for a prefix of 600 tokens" in done.stderr, done.stderr
        assert rehearsed(pool) == 0, "what cannot fit is not sent"


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
