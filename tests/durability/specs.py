"""The specs that are killed: one for each way in which waves are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

PROBLEMS: Final = 4
_SPEC: Final = """cord 1
experiment small {{ seed = 5, in_flight = 3, trackers = [] }}
problems p : jsonl {{ path = "{problems}" }}
model one    : durable {{ name = "one" }}
model two    : durable {{ name = "two" }}
model three  : durable {{ name = "three" }}
model prover : durable {{ name = "prover" }}
pool all {{ teachers = [one, two, three], temperature = 0.8 }}
segmenter steps : step_header {{ max_step = 48tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search how : {search}
decode traces {{
  problems = p, pool = all, segmenter = steps, scorer = pp, search = how
  budget = {{ thinking = 60tok, answer = 16tok }}, keep = all
}}
student small_one : copying {{ init = one, data = traces }}
eval after : math_answers {{ model = small_one, problems = p, samples = 2, max_tokens = 64tok }}
"""
SEARCHES: Final = {
    "beam": "beam { size = 2 }",
    "greedy": "beam { size = 1 }",
    "mcts": "mcts { iterations = 4 }",
    "curation": "curation { traces_per_teacher = 3 }",
    "integration": "integration { integrator = two, traces_per_teacher = 2 }",
}


def write_spec(directory: Path, search: str, problems: int = PROBLEMS) -> Path:
    """A spec with its problem file."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [{"question": f"İpek'in {n} kalemi var, {n + 2} daha alır. Kaç?", "answer": "42"} for n in range(problems)]
    file = directory / "problems.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = directory / f"{search}.cord"
    spec.write_text(_SPEC.format(problems=file, search=SEARCHES[search]))
    return spec
