"""A probe with the real miniature: a sharp and a blunt prover are told apart, and the same question is asked once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from cordspec import api
from cordspec.artifacts.probes import PROBE, Probe
from cordspec.journal import Journal
from cordspec.run.probing.settings import ProbeSettings

SPEC = """cord 1
experiment tiny {{ seed = 4 }}
problems p : {family} {{ count = 60, seed = 31, length = 3..3 }}
model adder      : mini {{ name = adder }}
model subtracter : mini {{ name = subtracter }}
model multiplier : mini {{ name = multiplier }}
model prover     : mini {{ name = prover }}
pool hetero {{ teachers = [adder, subtracter, multiplier], temperature = 1.0 }}
segmenter steps : step_header {{ max_step = 48tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search greedy : beam {{ size = 1 }}
decode traces {{
  problems = p, pool = hetero, segmenter = steps, scorer = pp, search = greedy
  budget = {{ thinking = 300tok, answer = 48tok }}
}}
"""
SMALL = ProbeSettings(problems=9, samples=2, rollouts=3, plays=20)


def probed(family: str, at: Path) -> Probe:
    spec = at / "tiny.cord"
    spec.write_text(SPEC.format(family=family))
    return api.probe(api.load(spec), at / "probe", settings=SMALL)


def test_a_sharp_prover_wins_step_by_step(tmp_path: Path) -> None:
    """Inventory: each right step fixes a number of the answer (the prover's card says 0.99 and more at every depth)."""
    found = probed("inventory", tmp_path)
    assert found.winner.verdict == "better"
    for depth in found.depths[1:3]:
        assert depth.siblings.value is not None and depth.siblings.value > 0.9
        assert depth.siblings.n > 5


def test_a_blunt_prover_loses_to_curation(tmp_path: Path) -> None:
    """A chain: before the last step the prover cannot see the answer (its card says 0.52 to 0.58), then it can."""
    found = probed("chain_arithmetic", tmp_path)
    assert found.winner.difference.value is not None and found.winner.difference.value < 0
    first, *_, last = found.depths
    assert first.level.low is not None and first.level.low < 0.75
    assert last.siblings.value is not None and last.siblings.value > 0.9
    traces = found.saturation.traces.value
    assert traces is not None and traces > 0.9


def test_a_probe_repeats_and_asks_nothing_twice(tmp_path: Path) -> None:
    few = ProbeSettings(problems=3, samples=2, rollouts=2, plays=5)
    spec = tmp_path / "tiny.cord"
    spec.write_text(SPEC.format(family="inventory"))
    found = []
    for _ in range(2):
        api.probe(api.load(spec), tmp_path / "probe", settings=few)
        with Journal(tmp_path / "probe" / "run.db") as journal:
            found.append((len(journal), (tmp_path / "probe" / PROBE).read_text()))
    assert found[0] == found[1]
    other = api.probe(api.load(spec, ["tiny.seed=5"]), tmp_path / "other", settings=few)
    assert other.to_json() != found[0][1], "the comparison above can fail"


def test_the_command(tmp_path: Path, cordspec: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    (tmp_path / "tiny.cord").write_text(SPEC.format(family="inventory"))
    asked = ("probe", "tiny.cord", "--problems", "2", "--rollouts", "1", "--samples", "1")
    text = cordspec(*asked)
    assert text.returncode == 0, text.stderr
    assert "Sharpness by depth" in text.stdout and "Predicted at equal tokens" in text.stdout
    assert "is undecided: it takes at least 5 problems" in text.stdout
    stored = json.loads((tmp_path / "runs" / "tiny-probe" / PROBE).read_text())
    assert stored["schema_version"] == 1 and stored["settings"]["problems"] == 2
    assert json.loads(cordspec(*asked, "--format", "json").stdout) == stored
