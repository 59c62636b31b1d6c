"""The experiment of a run as it was, whatever has become of the files that it was read from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cordspec.diagnostics import Source
from cordspec.errors import SpecError
from cordspec.extension.registry import Registry
from cordspec.model import Experiment, resolve


def recorded_experiment(run: Path, sets: Sequence[str], registry: Registry) -> Experiment:
    """The experiment of a run's own sources, whatever has become of the files that they were read from."""
    texts: dict[str, str] = json.loads((run / "sources.json").read_text(encoding="utf-8"))
    main = next(iter(texts))
    experiment, diagnostics = resolve(Source(main, texts[main]), registry, sets, recorded=texts)
    if experiment is None:
        raise SpecError(*diagnostics)
    return experiment
