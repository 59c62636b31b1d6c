"""A whole run whose models are all behind servers: two teachers that only continue, a prover that scores on an SGLang-like one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real.completion_servers import LlamaCppLike, TgiLike
from tests.real.serving import Refusal, ServedModel, Server
from tests.real.sglang_like import SglangLike
from tests.real.test_sglang import KEY

AWAY = 12.0
"""Seconds: longer than all that a single call is tried for."""

SPEC = """cord 1
experiment served {{ seed = 1 }}
problems shelves : inventory {{ count = 2 }}
model first  : completions {{ weights = "{adder}", service = "first", dialect = llama_cpp }}
model second : completions {{ weights = "{subtracter}", service = "second", dialect = tgi }}
model prover : sglang {{ weights = "{prover}", service = "prover" }}
pool two {{ teachers = [first, second], temperature = 0.6 }}
segmenter steps : step_header {{ max_step = 48tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search beam2 : beam {{ size = 2 }}
decode traces {{
  problems = shelves, pool = two, segmenter = steps, scorer = pp, search = beam2
  budget = {{ thinking = 192tok, answer = 32tok }}
}}
"""


@pytest.mark.item("S16")
def test_a_run_behind_servers_keeps_its_keys(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Nothing that the run leaves behind or says holds a key; it records what its engines were found to be."""
    adder, subtracter, prover = map(ServedModel, ("adder", "subtracter", "prover"))
    servers = {
        "FIRST": Server(LlamaCppLike(adder).routes),
        "SECOND": Server(TgiLike(subtracter).routes),
        "PROVER": Server(SglangLike(prover).routes),
    }
    environment = {f"CORDSPEC_SERVICE_{name}_URL": server.url for name, server in servers.items()}
    keys = {f"CORDSPEC_SERVICE_{name}_KEY": KEY for name in servers}
    spec = SPEC.format(adder=adder.path, subtracter=subtracter.path, prover=prover.path)
    (tmp_path / "served.cord").write_text(spec)
    try:
        done = cordspec("run", "served.cord", "--display", "plain", **environment, **keys)
        assert done.returncode == 0, done.stdout + done.stderr
        sent = sum(
            headers["Authorization"] == f"Bearer {KEY}" for one in servers.values() for _, headers, _ in one.seen
        )
        assert sent > 50
        left = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert len(left) > 5 and not [file for file in left if KEY.encode() in file.read_bytes()]
        assert KEY not in done.stdout + done.stderr
        (engines,) = tmp_path.rglob("engines.json")
        found = {name: told["engine"] for name, told in json.loads(engines.read_text())["engines"].items()}
        assert found["prover"]["scoring"] == "prompt rows" and found["prover"]["engine"] == "sglang 0.5.23"
        assert found["second"]["found"]["prompts"] == "text" and found["first"]["found"]["prompts"] == "token ids"
        asked = sum(map(len, (one.seen for one in servers.values())))
        again = cordspec("run", "served.cord", "--display", "plain", **environment, **keys)
        assert again.returncode == 0 and sum(map(len, (one.seen for one in servers.values()))) == asked
    finally:
        for server in servers.values():
            server.close()


def test_a_prover_that_begins_to_give_no_numbers_ends_the_run_which_then_goes_on(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    adder, subtracter, prover = map(ServedModel, ("adder", "subtracter", "prover"))
    like = SglangLike(prover)
    broken = False
    scores = 0

    def generate(body: Any) -> object:
        nonlocal scores
        answer: Any = like.generate(body)
        rows = answer["meta_info"].get("input_token_logprobs")
        in_run = "The final answer is" in prover.decode(body["input_ids"])
        scores += bool(rows) and in_run
        if rows and in_run and broken and scores > 4:
            rows[-1][0] = None
        return answer

    servers = {
        "FIRST": Server(LlamaCppLike(adder).routes),
        "SECOND": Server(TgiLike(subtracter).routes),
        "PROVER": Server(like.routes | {"/generate": generate}),
    }
    environment = {f"CORDSPEC_SERVICE_{name}_URL": server.url for name, server in servers.items()}
    spec = SPEC.format(adder=adder.path, subtracter=subtracter.path, prover=prover.path)
    (tmp_path / "served.cord").write_text(spec.replace("count = 2", "count = 6"))  # a dozen scores in the first waves
    try:
        broken = True
        done = cordspec("run", "served.cord", "--display", "plain", **environment)
        assert done.returncode == 5 and "error[E623]" in done.stderr, done.stdout + done.stderr
        assert "scores failed" in done.stderr and "served.cord:9:1" in done.stderr
        broken = False
        again = cordspec("run", "served.cord", "--display", "plain", **environment)
        assert again.returncode == 0, again.stdout + again.stderr
    finally:
        for server in servers.values():
            server.close()


def test_a_prover_that_is_away_for_a_while_is_waited_for(
    cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    adder, subtracter, prover = map(ServedModel, ("adder", "subtracter", "prover"))
    like = SglangLike(prover)
    scores, gone = 0, 0.0

    def generate(body: Any) -> object:
        nonlocal scores, gone
        scores += "The final answer is" in prover.decode(body["input_ids"])
        if scores > 4:
            gone = gone or time.monotonic()
            if time.monotonic() - gone < AWAY:
                raise Refusal(500, {"error": {"message": "the engine is being started"}})
        return like.generate(body)

    servers = {
        "FIRST": Server(LlamaCppLike(adder).routes),
        "SECOND": Server(TgiLike(subtracter).routes),
        "PROVER": Server(like.routes | {"/generate": generate}),
    }
    environment = {f"CORDSPEC_SERVICE_{name}_URL": server.url for name, server in servers.items()}
    spec = SPEC.format(adder=adder.path, subtracter=subtracter.path, prover=prover.path)
    (tmp_path / "served.cord").write_text(spec)
    try:
        done = cordspec("run", "served.cord", "--display", "plain", **environment)
        assert done.returncode == 0 and gone, done.stdout + done.stderr
        assert "it is waited for, 600 s at most" in done.stderr, done.stderr
    finally:
        for server in servers.values():
            server.close()
