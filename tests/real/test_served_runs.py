"""A whole run whose models are all behind servers: two teachers that only continue, a prover that scores on an SGLang-like one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real.served_pool import ServedPool
from tests.real.serving import Refusal
from tests.real.sglang_like import SglangLike
from tests.real.test_sglang import KEY

AWAY = 12.0
"""Seconds: longer than all that a single call is tried for."""


@pytest.mark.item("S16")
def test_a_run_behind_servers_keeps_its_keys(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Nothing that the run leaves behind or says holds a key; it records what its engines were found to be."""
    with ServedPool(tmp_path) as pool:
        keys = {f"CORDSPEC_SERVICE_{name}_KEY": KEY for name in pool.servers}
        done = cordspec("run", "served.cord", "--display", "plain", **pool.environment, **keys)
        assert done.returncode == 0, done.stdout + done.stderr
        sent = sum(
            headers["Authorization"] == f"Bearer {KEY}" for one in pool.servers.values() for _, headers, _ in one.seen
        )
        assert sent > 50
        left = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert len(left) > 5 and not [file for file in left if KEY.encode() in file.read_bytes()]
        assert KEY not in done.stdout + done.stderr
        (engines,) = tmp_path.rglob("engines.json")
        found = {name: told["engine"] for name, told in json.loads(engines.read_text())["engines"].items()}
        assert found["prover"]["scoring"] == "prompt rows" and found["prover"]["engine"] == "sglang 0.5.23"
        assert found["second"]["found"]["prompts"] == "text" and found["first"]["found"]["prompts"] == "token ids"
        asked = sum(len(one.seen) for one in pool.servers.values())
        again = cordspec("run", "served.cord", "--display", "plain", **pool.environment, **keys)
        assert again.returncode == 0 and sum(len(one.seen) for one in pool.servers.values()) == asked


def test_a_prover_that_begins_to_give_no_numbers_ends_the_run_which_then_goes_on(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    broken = True
    scores = 0

    def generate(like: SglangLike, body: Any) -> object:
        nonlocal scores
        answer: Any = like.generate(body)
        rows = answer["meta_info"].get("input_token_logprobs")
        in_run = "The final answer is" in like.served.decode(body["input_ids"])
        scores += bool(rows) and in_run
        if rows and in_run and broken and scores > 4:
            rows[-1][0] = None
        return answer

    with ServedPool(tmp_path, generate, count=6) as pool:  # a dozen scores in the first waves
        done = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert done.returncode == 5 and "error[E623]" in done.stderr, done.stdout + done.stderr
        assert "scores failed" in done.stderr and "served.cord:9:1" in done.stderr
        broken = False
        again = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert again.returncode == 0, again.stdout + again.stderr


def test_a_prover_that_is_away_for_a_while_is_waited_for(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    scores, gone = 0, 0.0

    def generate(like: SglangLike, body: Any) -> object:
        nonlocal scores, gone
        scores += "The final answer is" in like.served.decode(body["input_ids"])
        if scores > 4:
            gone = gone or time.monotonic()
            if time.monotonic() - gone < AWAY:
                raise Refusal(500, {"error": {"message": "the engine is being started"}})
        return like.generate(body)

    with ServedPool(tmp_path, generate) as pool:
        done = cordspec("run", "served.cord", "--display", "plain", **pool.environment)
        assert done.returncode == 0 and gone, done.stdout + done.stderr
        assert "it is waited for, 600 s at most" in done.stderr, done.stderr
