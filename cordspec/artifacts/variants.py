"""The variants of a sweep in a run directory: a list of them, and a manifest of its own for each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VARIANTS = "variants.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class VariantEntry:
    """A finished variant. ``group`` is the name without its repetition; ``settings`` are paths and values as written."""

    name: str
    group: str
    settings: dict[str, str]


def variant_manifest(name: str) -> str:
    """The file name of a variant's manifest."""
    return f"variant-{hashlib.sha256(name.encode()).hexdigest()[:12]}.json"


def variants_json(variants: Sequence[VariantEntry]) -> str:
    """The list as it is written."""
    described = {"schema_version": SCHEMA_VERSION, "variants": [asdict(one) for one in variants]}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def read_variants(run: Path) -> list[VariantEntry]:
    """The variants of a run, empty for one without a sweep.

    Raises:
        ValueError, KeyError, TypeError: the list is damaged.
    """
    path = run / VARIANTS
    if not path.is_file():
        return []
    return [VariantEntry(**one) for one in json.loads(path.read_text(encoding="utf-8"))["variants"]]
