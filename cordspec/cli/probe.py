"""`cordspec probe SPEC`: what a few problems tell, before the whole decode is paid for.

How well the scores tell right steps from wrong ones at each depth, whether they saturate, how the teachers keep the format of
steps and how long they are; tokens, hours, and whether step-wise search will beat curation at equal tokens, with intervals.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from cordspec import api
from cordspec.cli.run import _positive
from cordspec.diagnostics import render
from cordspec.errors import SpecError
from cordspec.extension.registry import Registry
from cordspec.report.plain import to_text
from cordspec.run.probing.settings import ProbeSettings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    usual = ProbeSettings()
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--decode", default="", metavar="NAME", help="this decode, where several search step by step")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where answers go (default: runs/EXPERIMENT-probe)")
    for name, help in (
        ("problems", "problems looked at"),
        ("samples", "steps of each teacher for each prefix"),
        ("rollouts", "continuations to the end for each label"),
        ("depth", "steps of a trace that are looked at"),
    ):
        text = f"{help} (default: {getattr(usual, name)})"
        parser.add_argument(f"--{name}", type=_positive, default=getattr(usual, name), metavar="N", help=text)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="tables, or every number as JSON")


def command(options: argparse.Namespace) -> int:
    """Probe, then print what was found."""
    gc.enable()
    os.umask(0o077)  # for what libraries make, the journal too: all that a run leaves is its owner's
    registry = Registry()
    experiment, diagnostics = api.resolve(api.read(options.spec), options.set, registry)
    if experiment is None:
        raise SpecError(*diagnostics)
    if diagnostics:
        print(render(diagnostics, "text"), file=sys.stderr)
    settings = ProbeSettings(options.problems, options.samples, options.rollouts, options.depth)
    out = options.out or Path("runs") / f"{experiment.name}-probe"
    found = api.probe(experiment, out, decode=options.decode, settings=settings, registry=registry)
    made = api.render_probe(found)
    print(to_text(made) if options.format == "text" else made.to_json(), end="")
    return 0
