"""What backends that only continue prompts have in common."""

from __future__ import annotations

from typing import Final

from cordspec_serving.backend import Drawing, Drawn, Ids, NotOffered, Span, Valued
from cordspec_serving.completions.spelling import Spelling
from cordspec_serving.connection import Connection
from cordspec_serving.failures import Failed

NO_SCORES: Final = "log-probabilities of a given text"


class GeneratingBackend:
    """One server, without the ways to log-probabilities."""

    def __init__(self, connection: Connection, spelling: Spelling) -> None:
        self._connection = connection
        self._spelling = spelling
        self._answers = 0

    async def next_tokens(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered(NO_SCORES)

    async def prompt_rows(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered(NO_SCORES)

    async def held_prompt(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered(NO_SCORES)

    async def whole_prompt(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered(NO_SCORES)

    async def progress(self) -> float | None:
        """What the server counts in the open; else its answers so far, or the tokens of them that have come."""
        try:
            moved = await self._moved()
        except NotOffered:
            moved = None
        return self._answers + self._connection.received if moved is None else moved

    async def close(self) -> None:
        await self._connection.close()

    async def _moves_by(self) -> str:
        """What `progress` counts."""
        try:
            return "answers" if await self._moved() is None else "tokens"
        except NotOffered:
            return "answers"

    async def _moved(self) -> float | None:
        """A number that changes while the server works on anything, if it tells one."""
        return None

    def _drawn(self, drawing: Drawing, ids: Ids, *, ended: bool, cut_off: bool, cached: int | None) -> Drawn:
        """A continuation of which the ids are known. Stop strings are looked for here: servers find them in their own
        ways, some only where a token ends with one, and not all say which it was.

        Args:
            ended: the model ended it.
        """
        if ended and not (ids and self._spelling.ends(ids[-1])):
            ids = (*ids, self._spelling.end)
        text = self._spelling.continuation(drawing.ids, ids[:-1] if ended else ids)
        place, stop = first_stop(text, drawing.stop)
        return Drawn(ids, text[:place], cut_off and stop is None, stop, cached)

    def _check_read(self, read: int | None, ids: Ids) -> None:
        """Hold the number of prompt tokens that the server counted against ours.

        Raises:
            NotOffered: it read the prompt otherwise.
        """
        if read is not None and read != len(ids):
            raise NotOffered(f"{self._connection.name} read {read} prompt tokens where {len(ids)} were meant")

    def _torn(self, what: str) -> Failed:
        return Failed(f"{self._connection.name} sends {what}", "look at its version and its log, and at `dialect`")


def first_stop(text: str, stops: tuple[str, ...]) -> tuple[int, str | None]:
    """Where the first stop string begins and which it is; the text's end and None where there is none."""
    found = min(((place, stop) for stop in stops if (place := text.find(stop)) >= 0), default=None)
    return found if found is not None else (len(text), None)
