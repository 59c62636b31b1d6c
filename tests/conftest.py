"""Fixtures shared by all tests. Real models are the committed miniature; nothing is downloaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from cordspec.diagnostics import Diagnostic, Source
from cordspec.extension.registry import Registry
from cordspec.model import Experiment, resolve

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry()


@pytest.fixture
def diagnose(registry: Registry) -> Callable[..., list[Diagnostic]]:
    """All diagnostics of a spec text."""

    def run(text: str, *sets: str, name: str = "test.cord") -> list[Diagnostic]:
        return resolve(Source(name, text), registry, sets)[1]

    return run


@pytest.fixture
def experiment(registry: Registry) -> Callable[..., Experiment]:
    """The experiment of a spec text that must be right."""

    def run(text: str, *sets: str, name: str = "test.cord") -> Experiment:
        found, diagnostics = resolve(Source(name, text), registry, sets)
        assert found is not None, [diagnostic.message for diagnostic in diagnostics]
        return found

    return run


@pytest.fixture
def cordspec(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a process of its own, in an empty directory."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cordspec", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=540,
            check=False,
        )

    return run
