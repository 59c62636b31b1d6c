"""The running batch: generations that join it and leave it between two steps, one token for each of them a step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import torch

from cordspec.plugin import Unavailable
from cordspec_hf.passes import Passes
from cordspec_hf.prefix_tree import PrefixTree
from cordspec_hf.reading import Reader
from cordspec_hf.row_states import SLOTS, RowStates
from cordspec_hf.rows import DecodingRow
from cordspec_hf.sampling import draw
from cordspec_hf.turns import TURNS, settle

MOST_ROWS = 128
TURN = 0.03
"""Seconds after which other models have their turn."""


class RunningBatch:
    """All generations of one model that are under way.

    No row waits for another: one that is over is answered at once and leaves, and one that waits joins at the next turn.

    Args:
        most_places: tokens, free slots included, that the rows together may have when one joins.
    """

    def __init__(self, passes: Passes, tree: PrefixTree, reader: Reader, most_places: int) -> None:
        self._passes = passes
        self._tree = tree
        self._reader = reader
        self._most_places = most_places
        self._states: RowStates = passes.new_states(most_places)
        self._rows: list[DecodingRow] = []
        self._waiting: deque[DecodingRow] = deque()
        self._asked = False
        self.generated = self.requests = 0
        self.busy = self.queued = 0.0
        """Seconds as in `EngineCounters`."""

    def submit(self, rows: Sequence[DecodingRow]) -> None:
        """Have rows decoded; each one's future gets its answer, or what went wrong in computing it."""
        self._waiting.extend(rows)
        TURNS.ask_soon(self._turn_of_newcomers)

    # in the device's thread

    def _turn_of_newcomers(self) -> None:
        if not self._asked:
            self._turn()

    @torch.inference_mode()
    def _turn(self) -> None:
        """Let rows join, and draw tokens until other models have their turn."""
        begin = time.perf_counter()
        self._leave_cancelled()
        self._join(begin)
        while self._rows:
            self._step()
            self._leave_cancelled()
            if time.perf_counter() - begin > TURN or TURNS.urgent:
                break
        self._tree.evict()
        self.busy += time.perf_counter() - begin
        self._asked = bool(self._rows or self._waiting)
        if self._asked:
            TURNS.ask(self._turn)

    def _join(self, now: float) -> None:
        """Read the prompts of those who wait, as far as there is room, and let them into the batch."""
        new: list[DecodingRow] = []
        longest = self._states.longest
        while self._waiting and len(self._rows) + len(new) < MOST_ROWS:
            row = self._waiting[0]
            longest = max(longest, len(row.ids) + SLOTS)
            rows = len(self._rows) + len(new)
            if rows and (rows + 1) * longest > self._most_places:
                break
            self._waiting.popleft()
            if not row.future.cancelled():
                self.queued += now - row.arrived
                new.append(row)
        if not new:
            return
        try:
            prefixes = [row.ids[:-1] for row in new]
            for row, cost in zip(new, self._reader.hold(prefixes), strict=True):
                row.prefilled = cost
            self._states.add([self._tree.states(prefix) for prefix in prefixes])
        except Exception as error:
            self._fail(new, error)
        else:
            self._rows += new

    def _step(self) -> None:
        """Draw one token for every row; those that are over leave."""
        try:
            logits = self._passes.next_logits(self._states, [row.last for row in self._rows])
            drawn = draw(logits, [row.request.sampling for row in self._rows], [row.uniforms for row in self._rows])
            self.generated += len(drawn)
            for row, token in zip(self._rows, drawn, strict=True):
                row.take(token)
            for at in reversed(range(len(self._rows))):
                if self._rows[at].over:
                    self._answer(at)
        except Exception as error:
            self._fail(self._rows, error)
            self._rows = []
            self._states.clear()

    def _answer(self, at: int) -> None:
        """What a row has written is held from now on, so that it can be continued or scored in place."""
        row = self._rows[at]
        held = self._tree.match(row.written)
        self._tree.insert(row.written, held, self._states.tokens(at, held, len(row.written)))
        self._leave(at)
        self.requests += 1
        settle(row.future, row.generation())

    def _leave_cancelled(self) -> None:
        for at in reversed(range(len(self._rows))):
            if self._rows[at].future.cancelled():
                self._leave(at)

    def _leave(self, at: int) -> None:
        """The last row takes the place of one that leaves."""
        self._states.drop(at)
        last = self._rows.pop()
        if at < len(self._rows):
            self._rows[at] = last

    def _fail(self, rows: Sequence[DecodingRow], error: Exception) -> None:
        for row in rows:
            settle(row.future, error)

    def close(self) -> None:
        """Give up all that is under way, and the memory; called in the device's thread."""
        self._fail([*self._rows, *self._waiting], Unavailable("the engine was closed while it was asked something"))
        self._rows, self._waiting = [], deque()
        self._states = self._passes.new_states(self._most_places)
