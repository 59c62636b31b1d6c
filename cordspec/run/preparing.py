"""Before a run: what is asked for, whether it can be done here, and what lies in its directory already."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.diagnostics import Diagnostic, Label
from cordspec.errors import PreflightError
from cordspec.extension.registry import Registry
from cordspec.model import Experiment, Variant
from cordspec.plan import Graph, build
from cordspec.plan.assumptions import Assumptions
from cordspec.run.changes import Comparison, compare
from cordspec.run.identities import Identities
from cordspec.run.places import look_at
from cordspec.run.planning import make_plan
from cordspec.run.quarantine import CRASHES
from cordspec.run.stages.problems import ProblemSet
from cordspec.run.workshop import model_of, trainer_of


@dataclass(frozen=True, slots=True)
class Limits:
    """Less than the whole: the first ``problems`` of each set, and ``only`` these stages with what they need."""

    problems: int | None = None
    only: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    """The names of all variants of the spec, in order, of which only some may be run now."""
    apply: bool = False
    """Go on where finished stages of the directory would be set aside."""
    crashes: int = CRASHES
    """How many ends of the process, with one problem under way, set that problem aside; 0 for never."""


def prepare(experiment: Experiment, identities: Identities) -> tuple[Graph, dict[str, ProblemSet]]:
    """The graph of an experiment with its problems loaded and its models identified, none of them opened.

    Raises:
        SpecError: a problem set is wrong.
        PreflightError: data or weights are not here.
    """
    refuse_absent(experiment)
    graph = build(experiment, identities.of)
    sets = [block for block in experiment.used().values() if block.kind == "problems"]
    return graph, {block.name: identities.loaded(block) for block in sets}


def refuse_absent(experiment: Experiment) -> None:
    """Before anything is read or fetched: what this version cannot run, and what this machine lacks, is told at once.

    Raises:
        PreflightError: it cannot be run here.
    """
    used = experiment.used().values()
    absent = {component: block for block in used for component in block.absent()}
    models = [block for block in used if block.kind == "model" and not block.absent()]
    lacking = [(block, said) for block in models if (said := model_of(block).lacking())]
    students = [block for block in used if block.kind == "student" and not block.absent()]
    lacking += [(block, said) for block in students if (said := trainer_of(block).lacking())]
    if not absent and not lacking:
        return
    needs = [f"{component.kind} `{component.name}`" for component in absent]
    told = [f"it needs {', '.join(sorted(needs))}, which this version can check and plan, not run"] if needs else []
    if lacking:
        told.append(f"what {', '.join(f'`{block.name}`' for block, _ in lacking)} would run on is not here")
    related = [Label(block.span, component.absent) for component, block in absent.items()]
    related += [Label(block.span, f"it needs {said}") for block, said in lacking]
    message = f"this spec cannot be run here: {'; '.join(told)}"
    help = "`cordspec plan` says what it would cost; specs/miniature.cord runs the method on this machine"
    span = experiment.blocks[experiment.name].span
    raise PreflightError(Diagnostic("E305", message, span, "", tuple(related), help))


def look_ahead(
    variants: Sequence[Variant], registry: Registry, out: Path, limits: Limits, identities: Identities
) -> Comparison:
    """What a run would do beside what lies in its directory; nothing is written.

    Raises:
        SpecError, PreflightError: a problem set is wrong, or data or weights are not here.
    """
    plan = make_plan(variants, out, Assumptions(), limits.problems, identities)
    if plan.unknown:  # the plan bears it, a run does not
        for variant in variants:
            prepare(variant.experiment, identities)
    return compare(plan, variants, limits.known, registry, out)


def look_at_place(out: Path, found: Comparison, variants: Sequence[Variant]) -> list[Diagnostic]:
    costs, weights = {}, {}
    for plan, variant in zip(found.plan.variants, variants, strict=True):
        for cost, standing in zip(plan.costs, plan.standings, strict=True):
            if standing.made:
                continue
            costs[cost.stage.id] = cost
            model = variant.experiment.model_behind_name(cost.stage.block) if cost.stage.kind == "train" else None
            weights[cost.stage.id] = (model.facts().parameters or 0.0) if model else 0.0
    return look_at(out, list(costs.values()), sum(weights.values()))


def command_of(variants: Sequence[Variant], out: Path, limits: Limits) -> str:
    """The command that runs these variants again, as far as it is known here."""
    experiment = variants[0].experiment
    words = ["cordspec", "run", experiment.sources[0].name, "--out", str(out)]
    for option, values in (("--set", experiment.sets), ("--only", limits.only)):
        words += [word for value in values for word in (option, value)]
    if len(variants) < len(limits.known):
        words += [word for variant in variants for word in ("--variant", variant.name)]
    if limits.problems is not None:
        words += ["--limit", str(limits.problems)]
    if limits.crashes != CRASHES:
        words += ["--crashes", str(limits.crashes)]
    return shlex.join([*words, *(["--apply"] if limits.apply else [])])
