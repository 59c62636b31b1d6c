"""`cordspec doctor [SPEC]`: what is installed here, and whether a spec could run."""

from __future__ import annotations

import argparse
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from cordspec import __version__, api
from cordspec.diagnostics.render import visible
from cordspec.errors import CordspecError, SpecError
from cordspec.extension.policy import VARIABLE, Policy
from cordspec.extension.registry import Registry, RegistryError

MISSING: Final = 3
EXTRAS: Final = {
    "hf": ("torch", "transformers"),
    "train": ("trl", "datasets", "accelerate"),
    "bench": ("math-verify",),
    "lsp": ("pygls",),
}
"""The packages that each extra brings."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", nargs="?", type=Path, metavar="SPEC", help="look whether this spec could run here")


def command(options: argparse.Namespace) -> int:
    """0 when all is well, 3 when a plugin is broken or the spec could not run here."""
    registry = Registry()
    print(f"cordspec {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for extra, packages in EXTRAS.items():
        print(f"  extra {extra:<6} {_extra(extra, packages)}")
    gpus = "nvidia-smi is there" if shutil.which("nvidia-smi") else "none seen (no nvidia-smi)"
    print(f"  GPUs         {gpus}")
    print(f"  disk         {shutil.disk_usage(Path()).free / 2**30:.0f} GiB free here")
    listed = Policy.of_operator().listed
    print(f"  plugins      {'all installed' if listed is None else ', '.join(sorted(listed)) or 'none'} ({VARIABLE})")
    troubles = list(_broken(registry))
    if options.spec is not None:
        troubles += _lacking(options.spec, registry)
    for trouble in troubles:
        print(f"  trouble: {visible(trouble)}")
    print("all is well" if not troubles else f"{len(troubles)} trouble{'s' if len(troubles) > 1 else ''}")
    return MISSING if troubles else 0


def _extra(extra: str, packages: tuple[str, ...]) -> str:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return f'not installed: pip install "cordspec[{extra}]"'
    return ", ".join(found)


def _broken(registry: Registry) -> Iterator[str]:
    """Components that cannot be loaded."""
    for kind in ("problems", "model", "segmenter", "scorer", "search", "grader", "tracker", "student", "eval"):
        for name in registry.names(kind):
            try:
                registry.get(kind, name)
            except RegistryError as error:
                yield f"{kind} `{name}`: {error}"


def _lacking(spec: Path, registry: Registry) -> list[str]:
    """What a spec needs and that is not here; nothing is opened or fetched."""
    experiment, diagnostics = api.resolve(api.read(spec), (), registry)
    if experiment is None:
        raise SpecError(*diagnostics)
    try:
        api.plan(experiment)
    except CordspecError as error:
        return [one.message + (f" ({one.help})" if one.help else "") for one in error.diagnostics]
    return []
