"""Small experiments, drawn by a seed: every search, policy and setting that changes how the driver works."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from cordspec.diagnostics import Source
from cordspec.model import Variant, resolve_variants
from tests.simulation.components import registry

SPEC = """cord 1
experiment simulated {{ seed = {seed}, in_flight = {in_flight} }}
problems sums : made_up {{ count = {problems}, seed = {seed} }}
{models}
model prover : worldly {{ weights = "{prover}" }}
pool mixed {{ teachers = [{teachers}], absence = {absence}, patience = {patience}s }}
segmenter steps : step_header {{ max_step = 40tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search chosen : {search}
decode traces {{
  problems = sums
  pool = mixed
  segmenter = steps
  scorer = pp
  search = chosen
  grader = worldly
  keep = {keep}
  speculate = {speculate}
  budget = {{ thinking = {thinking}tok, answer = 20tok, steps = 6 }}
}}
"""
SEARCHES = (
    "beam {{ size = 1 }}",
    "beam {{ size = {size} }}",
    "beam {{ size = {size}, samples = 2, finished = {rule} }}",
    "mcts {{ iterations = {size} }}",
    "mcts {{ iterations = 2, rule = puct, backup = max }}",
    "curation {{ traces_per_teacher = {size} }}",
    "integration {{ integrator = prover, traces_per_teacher = {size} }}",
)

WIDEST = 8
"""Expansions of all problems in one wave."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An experiment, with what of it decides how faults are drawn and judged."""

    text: str
    problems: int
    in_flight: int
    absence: str
    resident: int | None
    """Tokens that each engine says it can hold."""

    @property
    def variant(self) -> Variant:
        return _resolved(self.text)


def draw(rng: Random) -> Drawn:
    """A small experiment: the wider its search, the fewer its problems."""
    teachers, size = rng.randint(1, 3), rng.randint(2, 3)
    search = rng.choice(SEARCHES).format(size=size, rule=rng.choice(("compete", "reserve", "shelve", "first")))
    width = teachers * (1 if "size = 1" in search else size) * (2 if "samples" in search else 1)
    problems = rng.randint(1, max(1, min(6, WIDEST // width)))
    in_flight, absence = rng.choice((1, 2, 3, 64)), rng.choice(("wait", "wait", "degrade", "fail"))
    names = ["a", "b", "c"][:teachers]
    text = SPEC.format(
        seed=rng.randrange(1_000), in_flight=in_flight, problems=problems, search=search, absence=absence,
        models="\n".join(f'model {name} : worldly {{ weights = "{name}" }}' for name in names),
        prover=rng.choice([*names, "p"]), teachers=", ".join(names), patience=rng.choice((60, 600, 36_000)),
        keep=rng.choice(("all", "correct")), speculate=rng.choice((0, 0, 2, 8)), thinking=rng.choice((30, 400)),
    )  # fmt: skip
    return Drawn(text, problems, in_flight, absence, rng.choice((None, None, 300, 2_000)))


@cache
def _resolved(text: str) -> Variant:
    variants, diagnostics = resolve_variants(Source("simulated.cord", text), registry())
    assert len(variants) == 1, [one.message for one in diagnostics]
    return variants[0]
