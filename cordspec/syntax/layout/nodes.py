"""What is laid out: entries, groups of entries in brackets, and where each comment belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from cordspec.syntax.layout.lexemes import Comment

WIDEST: Final = 120
"""Columns that a line may have before a group on it is written over several lines. A comment at its end is not counted."""

CLOSING: Final = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Group:
    """A block's braces, an object or a list. ``flat`` is its one-line form, None where it must go over several lines."""

    bracket: str
    entries: tuple[Entry, ...]
    remark: str
    """The comment on the line of the opening bracket."""
    last: tuple[Comment, ...]
    """The comments on lines of their own before the closing bracket."""
    opened: bool
    """The author broke the line after the opening bracket."""
    flat: str | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "flat", self._flat())

    def _flat(self) -> str | None:
        if self.remark or self.last or (self.opened and self.entries):
            return None
        flat = [entry.flat for entry in self.entries]
        inside = ", ".join(text for text in flat if text is not None)
        if None in flat or len(inside) > WIDEST:
            return None
        space = " " if self.bracket == "{" and inside else ""
        return f"{self.bracket}{space}{inside}{space}{CLOSING[self.bracket]}"


Sort = Literal["field", ":", "like", "patch", "alone"]
"""What an entry shares its columns with: fields with fields, blocks without an origin with each other, and blocks that have
one, but the last column only where both come from a component (``:``), or both from a block (``like``). The rest: nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item, field or element of a list: ``cells``, then ``joint``, then ``value``. Only cells are padded.

    ::

        field      path                  =    text or group
        block      kind name : origin         group
        patch      kind name                  group
        element                               text or group
    """

    cells: tuple[str, ...]
    joint: str
    value: str | Group
    sort: Sort = "alone"
    above: tuple[Comment, ...] = ()
    after_blank: bool = False
    remark: str = ""
    """The comment at the end of its last line."""

    @property
    def flat(self) -> str | None:
        """Its one-line form within a group, None where there is none."""
        value = self.value.flat if isinstance(self.value, Group) else self.value
        if value is None or "\n" in value or self.above or self.remark:
            return None
        return f"{' '.join(self.cells)}{self.joint}{value}"
