"""The events of a decode as JSON Lines, strict both ways: `events.jsonl` in the directory of a stage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cordspec.domain.events import EVENTS, SCHEMA_VERSION, Event
from cordspec.domain.inference import Call

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_KINDS: Final = {kind.type: kind for kind in EVENTS}
_NAMES: Final = {kind.type: {field.name for field in fields(kind)} | {"v", "type"} for kind in EVENTS}
_CALL: Final = {field.name for field in fields(Call)}


def to_event_lines(events: Iterable[Event]) -> str:
    """One JSON object a line with sorted keys, ``v`` and ``type`` among them: equal events are equal bytes."""
    return "".join(
        json.dumps({"v": SCHEMA_VERSION, "type": event.type, **asdict(event)}, ensure_ascii=False, sort_keys=True)
        + "\n"
        for event in events
    )


def read_events(path: Path) -> Iterator[Event]:
    """The events of a file, line by line.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is not an event of this schema; the message says where and why.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _event(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error


def _event(line: str) -> Event:
    row = json.loads(line)
    if not isinstance(row, dict) or row.get("v") != SCHEMA_VERSION:
        raise ValueError(f"not an event of schema {SCHEMA_VERSION}, which this cordspec reads")
    kind = str(row.get("type"))
    if kind not in _KINDS:
        raise ValueError(f"no type of event is called {kind}")
    event = _typed(kind, line)
    # what the adapter lets pass: names that it does not know
    odd = set(row) - _NAMES[kind] | {name for call in row.get("calls", ()) for name in set(call) - _CALL}
    if odd:
        raise ValueError(f"{kind}: unknown {', '.join(sorted(odd))}")
    return event


def _typed(kind: str, line: str) -> Event:
    """The event with every value of its declared type: JSON arrays as tuples, objects as calls."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(line, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{kind}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    from pydantic import TypeAdapter

    return TypeAdapter(_KINDS[kind])
