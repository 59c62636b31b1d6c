"""What the documents show is what happens: specs validate, commands print what stands there, code is the tested code."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "ARCHITECTURE.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for number, (found, text) in enumerate(FENCE.findall(document.read_text())):
            if found == language:
                yield f"{document.name}:{number}", text


@pytest.mark.parametrize(("place", "text"), list(blocks("cord")))
def test_every_spec_in_the_documents_is_right(place: str, text: str, diagnose: Callable[..., list[Diagnostic]]) -> None:
    whole = text if "experiment " in text else text.replace("cord 1\n", "cord 1\nexperiment shown {}\n")
    assert [diagnostic.message for diagnostic in diagnose(whole)] == []


def test_the_shown_spec_is_the_shipped_one() -> None:
    shown = [text for place, text in blocks("cord") if place.startswith("README")]
    assert (ROOT / "specs" / "hello.cord").read_text() in shown


def test_the_shown_plugin_is_the_one_that_is_built_and_installed() -> None:
    plugin = (ROOT / "tests" / "thirdparty" / "cordspec-brevity" / "cordspec_brevity.py").read_text()
    shown = [text for place, text in blocks("python") if place.startswith("README")]
    assert plugin in shown
    assert len([line for line in plugin.splitlines() if line.strip()]) <= 25


def without_times(text: str) -> str:
    """Seconds, times, progress lines and versions differ between machines; everything else must not."""
    text = re.sub(r"^.*: \d+/\d+ problems.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\(\d+\.\d s\)", "(… s)", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", "…", text)
    text = re.sub(r"\| \d+\.\d \|$", "| … |", text, flags=re.MULTILINE)
    return re.sub(r"^(Seed \d+)\. .*$", r"\1. …", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("place", "text"), list(blocks("console")))
def test_every_command_prints_what_is_shown(
    place: str, text: str, cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A console block is commands with their output, or with the beginning of it where that ends in an ellipsis."""
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    assert text.startswith("$ cordspec "), place
    for shown_command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = shown_command.partition("\n")
        done = cordspec(*shlex.split(command)[1:])
        printed, shown = without_times(done.stdout + done.stderr), without_times(output)
        if shown.rstrip().endswith("\n…"):
            shown = shown.rstrip().removesuffix("…")
            printed = printed[: len(shown)]
        assert printed == shown


def test_links_inside_the_repository_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_numbers_in_the_readme_are_those_of_the_recorded_run() -> None:
    recorded = (ROOT / "benchmarks" / "results" / "miniature.md").read_text()
    shown = (ROOT / "README.md").read_text().split("## What has been shown")[1].split("## More")[0]
    numbers = re.findall(r"\d\.\d{3} ± \d\.\d{3}|\d{3},\d{3}", shown)
    assert len(numbers) == 8
    assert all(number in recorded for number in numbers)
