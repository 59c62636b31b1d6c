"""`segmenter`: where a step of reasoning ends."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from cordspec.extension.component import Component, OptionsT


@dataclass(frozen=True, slots=True)
class Piece:
    """One step as it was cut. Joining the raw texts of all pieces gives back the text, byte for byte.

    ``text`` is what goes into the trace: with its canonical header and without trailing white space; empty for a piece
    that says nothing. ``violations`` names what had to be mended.
    """

    raw: str
    text: str
    violations: tuple[str, ...] = ()


class Segmenter(Component[OptionsT]):
    """Cuts thinking into steps, while it is being written (`stops`) and afterwards (`cut`)."""

    kind: ClassVar[str] = "segmenter"

    @property
    @abstractmethod
    def max_step(self) -> int:
        """Tokens that one step may take."""

    @abstractmethod
    def prefill(self, number: int) -> str:
        """What is put at the start of step ``number`` (from 1) before a teacher writes; part of the step's text."""

    @abstractmethod
    def stops(self, number: int) -> tuple[str, ...]:
        """The strings at which step ``number`` is surely over."""

    @property
    def min_tokens(self) -> int:
        """Tokens at the start of a step in which its end is not looked for: it may begin with the very string at which
        the next one begins.
        """
        return 0

    @abstractmethod
    def cut(self, text: str, number: int) -> list[Piece]:
        """Cut text that begins in step ``number`` into pieces."""
