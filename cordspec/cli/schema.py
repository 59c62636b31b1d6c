"""`cordspec schema [KIND.COMPONENT]`: JSON Schema of a component's options, or of what `show --format json` prints."""

from __future__ import annotations

import argparse
import json
import sys

from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model.schema import component_schema, spec_schema


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("component", nargs="?", metavar="KIND.COMPONENT", help="such as search.beam; none for a spec")


def command(options: argparse.Namespace) -> int:
    """Print the schema."""
    registry = Registry()
    if options.component is None:
        schema, broken = spec_schema(registry)
        for said in broken:
            print(f"left out: {said}", file=sys.stderr)
    else:
        kind, _, name = options.component.partition(".")
        try:
            schema = component_schema(registry.get(kind, name))
        except RegistryError as error:
            raise UsageError(Diagnostic(error.code, str(error), help=error.help)) from error
    print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
