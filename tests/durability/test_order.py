"""The order of arrival, how much is under way, hash seed, locale and time zone change no byte of a run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.durability import oracles
from tests.durability.harness import Stage, in_memory

SEARCHES: Final = ("beam", "mcts", "curation", "integration")
PLACES: Final = ("UTC", "Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu")
SEEDS, SHUFFLES = 10, 10
"""Hash seeds, and orders of arrival under each of them."""


@pytest.fixture(scope="module")
def turkish(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a Turkish locale, which is made here where it is not installed and can be made."""
    directory = tmp_path_factory.mktemp("locales")
    made = {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "LOCPATH": str(directory)}
    command = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(directory / "tr_TR.UTF-8")]
    try:
        done = subprocess.run(command, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 127
    return made if done == 0 else {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}


def digests(environment: Mapping[str, str], seed: int, shuffles: int, bug: str = "") -> Iterator[tuple[str, str]]:
    """Search and hash over the artifacts of runs under one hash seed, each with another order and number under way."""
    place = PLACES[seed % len(PLACES)]
    with in_memory() as directory, Stage(directory, PYTHONHASHSEED=str(seed), TZ=place, **environment) as stage:
        for search in SEARCHES:
            for shuffle in range(shuffles):
                at_once = 1 + (7 * seed + 5 * shuffle) % 16
                run = stage.run(f"{seed}-{shuffle}-{search}", search, bug=bug, sets=(f"small.in_flight={at_once}",))
                assert not run.process() and not run.wrong, run.wrong
                found = oracles.artifacts(run.out)
                run.remove()
                yield search, hashed(found)


def hashed(artifacts: Mapping[str, str]) -> str:
    """One hash over all files of all stages; the manifest says how many problems were to be under way."""
    stages = {name: digest for name, digest in artifacts.items() if "/" in name}
    assert len(stages) > 10
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()


def all_digests(turkish: Mapping[str, str], seeds: int, shuffles: int, bug: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {search: [] for search in SEARCHES}
    for seed in range(seeds):
        for search, digest in digests(turkish if seed % 2 else {}, seed, shuffles, bug):
            found[search].append(digest)
    return found


def test_a_sample_of_orders(turkish: Mapping[str, str]) -> None:
    found = all_digests(turkish, 2, 3)
    assert {search: len(set(digests)) for search, digests in found.items()} == dict.fromkeys(SEARCHES, 1)


def test_candidates_in_the_order_of_arrival_would_be_seen() -> None:
    found = [digest for search, digest in digests({}, 0, 3, "arrival_order") if search == "beam"]
    assert len(set(found)) > 1


@pytest.mark.slow
def test_all_orders(turkish: Mapping[str, str]) -> None:
    found = all_digests(turkish, SEEDS, SHUFFLES)
    assert {search: len(digests) for search, digests in found.items()} == dict.fromkeys(SEARCHES, SEEDS * SHUFFLES)
    assert {search: len(set(digests)) for search, digests in found.items()} == dict.fromkeys(SEARCHES, 1), found


def test_the_environments_are_what_they_claim(turkish: Mapping[str, str]) -> None:
    """A locale that is not there is not set, and nobody would notice."""
    code = "import locale, os, time; print(locale.setlocale(locale.LC_ALL, ''), hash('a'), time.localtime(0).tm_hour)"
    told = []
    for seed in ("1", "2"):
        environment = {**os.environ, **turkish, "PYTHONHASHSEED": seed, "TZ": "Asia/Kathmandu"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode:
            pytest.skip(f"no Turkish locale here: {done.stderr.splitlines()[-1]}")
        told.append(done.stdout.split())
    assert told[0][0] == told[1][0] == "tr_TR.UTF-8"
    assert told[0][1] != told[1][1] and told[0][2] == "5"
