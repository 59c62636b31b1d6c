"""`cordspec replay RUN --set ...`: decide a finished run again, from the candidates that it holds.

Another scorer, beam size or rule of completion is tried without generating a token, as far as the stored candidates
suffice; how far that is, is part of the answer.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--decode", action="append", default=[], metavar="NAME", help="this decode (default: all)")
    parser.add_argument("--variant", default="", metavar="NAME", help="this variant of a sweep")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="write the traces that come out, a file a decode")
    parser.add_argument("--format", choices=("md", "json"), default="md", help="Markdown, or every number as JSON")


def command(options: argparse.Namespace) -> int:
    """Print what would have come out."""
    gc.enable()
    replays = api.replay(options.run, options.set, decodes=options.decode, variant=options.variant)
    if options.traces:
        api.write_replayed_traces(options.traces, replays)
    made = api.render_replay(replays)
    print(made.to_markdown() if options.format == "md" else made.to_json(), end="")
    return 0
