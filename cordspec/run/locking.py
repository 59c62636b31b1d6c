"""Pinning what a spec depends on and that others may change: weights, data, plugins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cordspec.diagnostics import Diagnostic, Label
from cordspec.errors import CordspecError, IntegrityError, PreflightError
from cordspec.extension.distributions import alike
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.extension.options import Revision
from cordspec.extension.registry import Registry
from cordspec.model import Block, Experiment
from cordspec.run.stages import problems as problem_stage
from cordspec.run.workshop import component_errors, model_fingerprint

FORMAT_VERSION = "1.0"


def lock_path(spec: Path) -> Path:
    """The lock of a spec lies beside it."""
    return spec.with_name(spec.name + ".lock")


def make_lock(experiments: Sequence[Experiment], registry: Registry) -> str:
    """The lock as text: what every model and problem set of all variants is, and where the components come from.

    Raises:
        PreflightError: something cannot be identified here.
    """
    identities: dict[str, set[str]] = {}
    unknown: list[tuple[Block, str]] = []
    providers: set[str] = set()
    every = {
        (block.name, block.component, block.options.model_dump_json()): block
        for experiment in experiments
        for block in experiment.used().values()
    }
    for block in every.values():
        for component in (block.component, *block.helpers):
            if component is not None:
                providers.add(registry.provider(component.kind, component.name))
        if block.kind in ("model", "problems"):
            try:
                identities.setdefault(block.name, set()).add(_identity(block))
            except CordspecError as error:
                unknown.append((block, error.diagnostics[0].message))
    if unknown:
        related = tuple(Label(block.span, said) for block, said in unknown)
        names = ", ".join(f"`{block.name}`" for block, _ in unknown)
        message = f"cannot be pinned here: {names}"
        help = "write their `revision` in the spec, or lock where they are"
        raise PreflightError(Diagnostic("E601", message, unknown[0][0].span, unknown[0][1], related[1:], help))
    content = {
        "format_version": FORMAT_VERSION,
        "identities": {name: " ".join(sorted(found)) for name, found in sorted(identities.items())},
        "plugins": sorted(providers),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def differences(locked: str, now: str) -> list[str]:
    """What a lock says and what is here, where they differ."""
    try:
        before, after = json.loads(locked), json.loads(now)
        old, new = dict(before["identities"]), dict(after["identities"])
        plugins = before["plugins"], after["plugins"]
    except (ValueError, KeyError, TypeError):
        return ["the lock cannot be read"]
    found = [f"`{name}` is not locked" for name in new if name not in old]
    found += [f"`{name}` is locked and not used" for name in old if name not in new]
    found += [
        f"`{name}` is {new[name][:12]}, locked as {str(old[name])[:12]}"
        for name in new
        if old.get(name, new[name]) != new[name]
    ]
    if len(plugins[0]) != len(plugins[1]) or not all(map(alike, map(str, plugins[0]), plugins[1])):
        found.append(f"plugins are {', '.join(plugins[1])}, locked as {', '.join(map(str, plugins[0]))}")
    return found


def verify_lock(spec: Path, experiments: Sequence[Experiment], registry: Registry) -> None:
    """Refuse to go on where what is here is not what was locked.

    Raises:
        IntegrityError: it drifted, or there is no lock.
        PreflightError: something cannot be identified here.
    """
    path = lock_path(spec)
    try:
        locked = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        message = f"there is no lock {path}"
        raise IntegrityError(Diagnostic("E707", message, help=f"write it with `cordspec lock {spec}`")) from error
    drift = differences(locked, make_lock(experiments, registry))
    if drift:
        message = f"not what {path} says: {'; '.join(drift)}"
        raise IntegrityError(
            Diagnostic("E707", message, help=f"`cordspec lock {spec}` writes it anew, if that is meant")
        )


def _identity(block: Block) -> str:
    """A pinned revision as it is written; else the hash of what is here.

    Raises:
        PreflightError, SpecError: neither is there.
    """
    for name, field in type(block.options).model_fields.items():
        if any(isinstance(mark, Revision) for mark in field.metadata):
            if revision := str(getattr(block.options, name)) or _found_revision(block):
                return revision
            raise PreflightError(
                Diagnostic("E601", f"no `{name}`, and looking one up on the hub is not in this version")
            )
    if block.component is not None and issubclass(block.component, ProblemSource):
        return problem_stage.content_hash(problem_stage.load(block, None).problems)
    return model_fingerprint(block)


def _found_revision(block: Block) -> str:
    """The revision of a problem set that names none: what its source finds, in its cache or on the hub."""
    if block.component is None or not issubclass(block.component, ProblemSource):
        return ""
    with component_errors(block):
        return block.component(block.options).revision()
