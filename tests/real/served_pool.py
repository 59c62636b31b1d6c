"""Two teachers that only continue and a prover that scores, each behind a server of its own, and a spec that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.real.completion_servers import LlamaCppLike, TgiLike
from tests.real.serving import ServedModel, Server
from tests.real.sglang_like import SglangLike

SPEC = """cord 1
experiment served {{ seed = 1 }}
problems shelves : inventory {{ count = {count} }}
model first  : completions {{ weights = "{adder}", service = "first", dialect = llama_cpp }}
model second : completions {{ weights = "{subtracter}", service = "second", dialect = tgi }}
model prover : sglang {{ weights = "{prover}", service = "prover" }}
pool two {{ teachers = [first, second], temperature = 0.6 }}
segmenter steps : step_header {{ max_step = 48tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search beam2 : beam {{ size = 2 }}
decode traces {{
  problems = shelves, pool = two, segmenter = steps, scorer = pp, search = beam2
  budget = {{ thinking = {budget}tok, answer = 32tok }}
}}
"""
Generate = Callable[[SglangLike, Any], object]


class ServedPool:
    """The servers, and ``served.cord`` in a directory.

    Args:
        generate: what the prover's server answers in place of what it would.
        info: what it says of itself.
    """

    def __init__(
        self, directory: Path, generate: Generate = SglangLike.generate, *, count: int = 2, budget: int = 192,
        **info: object,
    ) -> None:  # fmt: skip
        adder, subtracter, prover = map(ServedModel, ("adder", "subtracter", "prover"))
        self.like = SglangLike(prover, **info)
        routes = self.like.routes | {"/generate": lambda body: generate(self.like, body)}
        self.servers = {
            "FIRST": Server(LlamaCppLike(adder).routes),
            "SECOND": Server(TgiLike(subtracter).routes),
            "PROVER": Server(routes),
        }
        paths = {"adder": adder.path, "subtracter": subtracter.path, "prover": prover.path}
        (directory / "served.cord").write_text(SPEC.format(count=count, budget=budget, **paths))

    @property
    def environment(self) -> dict[str, str]:
        """Where the servers are, as an operator says it."""
        return {f"CORDSPEC_SERVICE_{name}_URL": server.url for name, server in self.servers.items()}

    def __enter__(self) -> ServedPool:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.close()
