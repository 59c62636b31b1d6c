"""Does `cordspec probe` foresee who wins? Step-wise search against curation at equal tokens, in regimes declared beforehand.

    python benchmarks/probe_regimes.py truth    # both searches, in full, on TRUTH_PROBLEMS problems of each regime
    python benchmarks/probe_regimes.py probe    # a probe of each on other problems; writes results/probe.md

The regimes were chosen by their truth alone: twelve of those tried, of both signs, whose difference is more than two standard
errors from 0. The list, its seeds and the truth were committed before any of them was probed. A hit is a predicted
difference of the true sign; what the probe says of itself (better, worse, undecided) is reported beside it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from cordspec import api
from cordspec.diagnostics import Source
from cordspec.report import measures
from cordspec.report.load import load_run
from cordspec.report.statistics import compare
from cordspec.run.probing.settings import ProbeSettings

TRUTH_PROBLEMS, TRUTH_SEED, TRUTH_RUN_SEED = 60, 101, 11
PROBE_POOL, PROBE_SEED, PROBE_RUN_SEED = 400, 202, 12
SETTINGS = ProbeSettings(problems=16)
BAR = 10
RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs/probe_regimes")

HEAD = """cord 1
experiment {name} {{ seed = {run_seed} }}
problems p : {family} {{ count = {count}, seed = {seed}, length = {length} }}
model adder : mini {{ name = adder }}
model subtracter : mini {{ name = subtracter }}
model multiplier : mini {{ name = multiplier }}
model prover : mini {{ name = prover }}
model base : mini {{ name = base }}
segmenter steps : step_header {{ max_step = 64tok }}
pool hetero {{ teachers = [adder, subtracter, multiplier], temperature = 0.6 }}
pool hot {{ teachers = [adder, subtracter, multiplier], temperature = 1.2 }}
pool two {{ teachers = [adder, multiplier], temperature = 0.6 }}
pool homo {{ teachers = [adder], temperature = [0.5, 0.6, 0.7] }}
pool bases {{ teachers = [base], temperature = [0.8, 1.0, 1.2] }}
pool good {{ teachers = [prover], temperature = [0.8, 1.0, 1.2] }}
scorer pp : predictive_perplexity {{ prover = prover }}
scorer pp_adder : predictive_perplexity {{ prover = adder }}
scorer pp_base : predictive_perplexity {{ prover = base }}
scorer pp_subtracter : predictive_perplexity {{ prover = subtracter }}
scorer gain : predictive_perplexity {{ prover = prover, gain = true }}
"""
DECODE = """search beam_{name} : beam {{ size = {size} }}
decode {name} {{
  problems = p, pool = {pool}, segmenter = steps, scorer = {scorer}, search = beam_{name}
  budget = {{ thinking = 512tok, answer = 64tok }}
}}
"""
CURATED = """search same_{name} : curation {{ match_tokens = {name} }}
decode curated_{name} like {name} {{ search = same_{name} }}
"""


@dataclass(frozen=True)
class Regime:
    family: str
    length: str
    pool: str
    scorer: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.pool}_{self.scorer}_{self.size}"

    @property
    def problems(self) -> str:
        return f"{self.family}_{self.length.replace('..', '_')}"


REGIMES = (
    Regime("inventory", "4..4", "hetero", "pp", 1),
    Regime("inventory", "4..4", "hetero", "pp", 2),
    Regime("inventory", "4..4", "hetero", "pp_adder", 2),
    Regime("inventory", "4..4", "bases", "pp", 1),
    Regime("inventory", "4..4", "two", "pp", 1),
    Regime("inventory", "4..4", "hot", "pp", 1),
    Regime("chain_arithmetic", "6..6", "hetero", "pp", 1),
    Regime("chain_arithmetic", "6..6", "hetero", "pp", 4),
    Regime("chain_arithmetic", "6..6", "good", "gain", 4),
    Regime("chain_arithmetic", "3..3", "hetero", "pp", 1),
    Regime("chain_arithmetic", "3..3", "good", "pp", 1),
    Regime("chain_arithmetic", "3..3", "bases", "pp", 1),
)


def spec(regimes: list[Regime], *, truth: bool) -> str:
    one = regimes[0]
    count, seed, run_seed = (
        (TRUTH_PROBLEMS, TRUTH_SEED, TRUTH_RUN_SEED) if truth else (PROBE_POOL, PROBE_SEED, PROBE_RUN_SEED)
    )
    text = HEAD.format(
        name=one.problems, family=one.family, length=one.length, count=count, seed=seed, run_seed=run_seed
    )
    for regime in regimes:
        text += DECODE.format(**asdict(regime), name=regime.name)
        if truth:
            text += CURATED.format(name=regime.name)
    return text


def experiment(regimes: list[Regime], *, truth: bool):
    found, diagnostics = api.resolve(Source(f"{regimes[0].problems}.cord", spec(regimes, truth=truth)))
    assert found is not None, diagnostics
    return found


def by_problems() -> Iterator[list[Regime]]:
    for problems in dict.fromkeys(regime.problems for regime in REGIMES):
        yield [regime for regime in REGIMES if regime.problems == problems]


def truth() -> None:
    rows = {}
    for regimes in by_problems():
        begin = time.process_time()
        out = api.execute(experiment(regimes, truth=True), RUNS / f"truth-{regimes[0].problems}")
        decodes = {decode.name: decode for decode in load_run(out).decodes}
        for regime in regimes:
            one, other = decodes[regime.name], decodes[f"curated_{regime.name}"]
            found = compare("", "", measures.per_problem(one), measures.per_problem(other)).difference
            rows[f"{regime.problems} {regime.name}"] = {
                "stepwise": measures.accuracy(one).value,
                "curation": measures.accuracy(other).value,
                "difference": found.value,
                "standard_error": found.standard_error,
                "n": found.n,
                "tokens": [measures.generated_tokens(one), measures.generated_tokens(other)],
            }
            assert abs(found.value) > 2 * found.standard_error, regime
            print(f"{regime.problems} {regime.name}: {found.value:+.3f} ± {found.standard_error:.3f}", flush=True)
        print(f"  {time.process_time() - begin:.0f} CPU seconds", flush=True)
    (RESULTS / "probe_truth.json").write_text(json.dumps(rows, indent=2) + "\n")


def probe() -> int:
    known = json.loads((RESULTS / "probe_truth.json").read_text())
    hits = decided = wrong = 0
    lines = []
    begin = time.process_time()
    for regimes in by_problems():
        made = experiment(regimes, truth=False)
        for regime in regimes:
            real = known[f"{regime.problems} {regime.name}"]
            found = api.probe(made, RUNS / f"probe-{regimes[0].problems}", decode=regime.name, settings=SETTINGS)
            said = found.winner
            is_hit = said.difference.value * real["difference"] > 0
            hits += is_hit
            decided += said.verdict != "undecided"
            wrong += said.verdict != "undecided" and not is_hit
            row = (
                f"{regime.family} {regime.length}", regime.pool, regime.scorer, str(regime.size),
                f"{real['difference']:+.3f} ± {real['standard_error']:.3f}",
                f"{said.difference.value:+.3f} ({said.difference.low:+.3f} to {said.difference.high:+.3f})",
                f"{said.probability:.2f}", said.verdict, "hit" if is_hit else "**miss**",
                f"{found.spent:,}", f"{found.spent * real['n'] / sum(real['tokens']):.0f}",
                " ".join("–" if d.siblings.value is None else f"{d.siblings.value:.2f}" for d in found.depths),
            )  # fmt: skip
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    seconds = time.process_time() - begin
    (RESULTS / "probe.md").write_text(page(lines, hits, decided, wrong, seconds) if lines else "", encoding="utf-8")
    print(f"{hits} of {len(REGIMES)}, {decided} decided of which {wrong} wrong, {seconds:.0f} CPU seconds")
    return int(hits < BAR)


def page(lines: list[str], hits: int, decided: int, wrong: int, seconds: float) -> str:
    return f"""<!-- `python benchmarks/probe_regimes.py probe`, one thread, no GPU -->
# Does a probe foresee who wins?

{hits} of {len(REGIMES)} regimes: the predicted difference has the sign of the true one (bar: {BAR}). The probe called
{decided} of them decided (its 90 % interval excludes 0); {wrong} of those were wrong. All regimes of the list are shown.

Truth: both searches in full on {TRUTH_PROBLEMS} problems (problem seed {TRUTH_SEED}, run seed {TRUTH_RUN_SEED}), paired
difference of the share of right answers ± standard error. Prediction: {SETTINGS.problems} problems out of {PROBE_POOL}
others (problem seed {PROBE_SEED}, run seed {PROBE_RUN_SEED}), 90 % bootstrap interval. Sharpness: siblings, step by step.
Regimes of the same problems are probed on the same ones, so that they are not independent. CPU seconds: {seconds:.0f}.

Tokens: what the probe of this regime alone generates and scores; problems: how many both searches could be run on for as many
generated tokens. Where who wins is all that one wants to know, running both on a few problems is the cheaper way here.

| problems | pool | scorer | beam | truth | predicted | P(step-wise better) | verdict | | tokens | problems | sharpness |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
""" + "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(truth() if sys.argv[1:] == ["truth"] else probe())
