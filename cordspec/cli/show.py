"""`cordspec show SPEC`: the spec in one file, with every value; where each comes from with --origin."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cordspec import api
from cordspec.diagnostics import Source
from cordspec.errors import SpecError
from cordspec.extension.registry import Registry
from cordspec.model.showing import as_json, show
from cordspec.syntax.layout import format_text


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--origin", action="store_true", help="say where each value comes from")
    parser.add_argument("--format", choices=("cord", "json"), default="cord", help="the language, or data")


def command(options: argparse.Namespace) -> int:
    """Print the spec after imports, `extends`, `like`, `let` and `--set`."""
    registry = Registry()
    experiment, diagnostics = api.resolve(api.read(options.spec), options.set, registry)
    if experiment is None:
        raise SpecError(*diagnostics)
    if options.format == "json":
        print(json.dumps(as_json(experiment, registry, origin=options.origin), indent=2, ensure_ascii=False))
    else:
        print(format_text(Source("<shown>", show(experiment, registry, origin=options.origin))), end="")
    return 0
