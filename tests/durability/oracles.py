"""What must be true of a run that was killed, before it goes on and when it is finished.

O1: its artifacts are those of the run that was left alone. O2: every answer of which the driver was told that it is kept is
there, as it was, once. O3: whatever can be seen at the moment of a kill is whole. Nothing that was acknowledged is asked again,
so no more is asked again than was under way at the kills. (O4, the sensitivity of keys, is a test of its own.)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cordspec.journal import Journal

_TIMES = {"seconds", "remembered", "wasted_tokens", "prefilled", "prefilled_tokens", "plugins"}
"""What a stage records of time, of this process, of what was begun in vain, of what an engine held already, and of where plugins
come from, which a command may know of them and the nursery does not."""
_EXACT = ("traces.jsonl", "candidates.jsonl", "dataset.jsonl", "predictions.jsonl", "problems.jsonl")
_MANIFEST = ("experiment", "doc", "seed", "sets", "limit", "versions", "blocks", "stages", "schema_version")


def answer_hash(answer: object) -> str:
    """A hash of an answer as the journal hands it out."""
    return hashlib.sha256(json.dumps(json.loads(json.dumps(answer)), sort_keys=True).encode()).hexdigest()


# O1


def artifacts(out: Path) -> dict[str, str]:
    """Every file of a finished run by block and name, less times, as hashes."""
    found = {name: (out / name).read_bytes() for name in ("spec.cord", "sources.json")}
    manifest = json.loads((out / "manifest.json").read_text())
    found["manifest.json"] = _plain({name: manifest[name] for name in _MANIFEST})
    for stage in visible_stages(out):
        block = stage.name.rsplit("-", 1)[0]
        for path in sorted(path for path in stage.rglob("*") if path.is_file()):
            name = path.relative_to(stage).as_posix()
            if name in ("artifact.json", "engines.json"):
                continue  # hashes of times, and what the engines of this process did
            found[f"{block}/{name}"] = path.read_bytes() if name in _EXACT else _timeless(path)
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def _timeless(path: Path) -> bytes:
    match path.suffix:
        case ".jsonl":
            return b"\n".join(_plain(json.loads(line)) for line in path.read_text().splitlines())
        case ".json":
            return _plain(json.loads(path.read_text()))
        case _:
            return path.read_bytes()


def _plain(value: Any) -> bytes:
    return json.dumps(_without_times(value), sort_keys=True).encode()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(inner) for name, inner in value.items() if name not in _TIMES}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The files that are not the same."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


# O2


def acknowledged(log: Path) -> list[tuple[int, str, str]]:
    """Process, key and hash of every answer that was acknowledged."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(attempt), key, digest) for attempt, key, digest in map(str.split, lines)]


def lost(out: Path, acks: Iterable[tuple[int, str, str]]) -> list[str]:
    """What is wrong with acknowledged answers: gone, changed, or acknowledged as two different ones."""
    told: dict[str, str] = {}
    wrong = [f"{key[:12]} was acknowledged twice" for _, key, digest in acks if told.setdefault(key, digest) != digest]
    with Journal(out / "run.db") as journal:
        kept = {key.hex(): answer for key, (answer, _) in journal.get([bytes.fromhex(key) for key in told]).items()}
    for key, digest in told.items():
        if key not in kept:
            wrong.append(f"{key[:12]} is lost")
        elif answer_hash(kept[key]) != digest:
            wrong.append(f"{key[:12]} has changed")
    return wrong


def asked_in_vain(asked: Sequence[tuple[int, str]], acks: Sequence[tuple[int, str, str]]) -> list[str]:
    """Keys that a process asked for though an earlier one had been told that they are kept."""
    first = {key: attempt for attempt, key, _ in reversed(acks)}
    return sorted({key for attempt, key in asked if key in first and attempt > first[key]})


def asked_again(asked: Iterable[tuple[int, str]]) -> int:
    """How many questions were asked that had been asked before."""
    return sum(count - 1 for count in Counter(key for _, key in asked).values())


def under_way(asked: Sequence[tuple[int, str]], acks: Iterable[tuple[int, str, str]], killed: Iterable[int]) -> int:
    """How many questions were asked and not acknowledged when these processes were killed."""
    answered = {(attempt, key) for attempt, key, _ in acks}
    ended = set(killed)
    return len({one for one in asked if one[0] in ended and one not in answered})


def told_to_be_asked_again(out: Path) -> int:
    """What the manifest says about it."""
    return sum(json.loads((out / "manifest.json").read_text())["asked_again"].values())


# O3


def visible_stages(out: Path) -> list[Path]:
    """The stages that anybody would take to be there."""
    stages = out / "stages"
    return sorted(path for path in stages.iterdir() if not path.name.startswith(".")) if stages.is_dir() else []


def unwhole(out: Path) -> list[str]:
    """Whatever can be seen and is not whole."""
    return [*(said for stage in visible_stages(out) for said in torn(stage)), *_torn_files(out)]


def torn(directory: Path) -> Iterator[str]:
    """What of a directory is not as its receipt says."""
    try:
        receipt = json.loads((directory / "artifact.json").read_text())["files"]
    except (OSError, ValueError):
        yield f"{directory.name} can be seen without its receipt"
        return
    there = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    if set(there) != {*receipt, "artifact.json"}:
        yield f"{directory.name} does not hold the files of its receipt"
    for name, entry in receipt.items():
        if name in there and hashlib.sha256(there[name].read_bytes()).hexdigest() != entry["sha256"]:
            yield f"{directory.name}/{name} is not the file of its receipt"


def _torn_files(out: Path) -> Iterator[str]:
    for path in sorted(out.glob("*.json")):
        try:
            content = json.loads(path.read_text())
        except ValueError:
            yield f"{path.name} is torn"
            continue
        if path.name == "manifest.json":
            for stage in content["stages"]:
                if not (out / "stages" / stage["id"] / "artifact.json").exists():
                    yield f"the manifest names {stage['id']}, which is not there"
