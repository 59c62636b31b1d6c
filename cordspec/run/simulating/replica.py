"""One replica of a model: continuous batching in virtual time.

An iteration writes one token for every sequence whose prompt is computed, and computes prompts in chunks, up to a budget of
tokens. Requests come in as they arrived, scores before continuations, while their prompts fit into the memory. Where the
memory runs out, states that nobody uses go first; then the newest sequence makes room and its states are computed again
later. Iterations in which nothing changes are taken together: a stretch ends when a sequence does, when the memory is
full, or with the iteration in which a request arrives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from cordspec.extension.kinds.engine import EngineCounters
from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.memory import Memory
from cordspec.run.simulating.timeline import Stretch, Timeline
from cordspec.run.simulating.timing import SEQUENCES, Timing

BUDGET: Final = 8_192
"""Tokens of one iteration, as vLLM serves by default on such GPUs."""


@dataclass(slots=True)
class _Stretch:
    """Iterations at work, and what wakes the replica at their end."""

    begin: float
    iterations: int
    timer: asyncio.TimerHandle


class Replica:
    """Serves jobs; `submit` returns at once and a job's future ends when it is over."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.memory = Memory(timing.resident)
        self.timeline = Timeline(timing.resident, timing.saturated, gaps=self.memory.gaps)
        self.waits: list[float] = []
        """Seconds that each request waited before anything was computed for it."""
        self._scores: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._prefilling: list[Job] = []
        self._decoding: list[Job] = []
        self._stretch: _Stretch | None = None
        self._asleep = True
        self._computed = self._generated = self._answered = 0
        self._busy = 0.0

    @property
    def counters(self) -> EngineCounters:
        """What it did so far."""
        return EngineCounters(
            self._computed, self.memory.reused, self._generated, self._answered, self._busy, sum(self.waits)
        )

    def submit(self, job: Job) -> None:
        """Let a request in."""
        (self._waiting if job.tokens else self._scores).append(job)
        if self._asleep:
            self._asleep = False
            asyncio.get_running_loop().call_soon(self._next)
        elif self._stretch is not None:
            self._cut(self._stretch, job.arrived)

    def withdraw(self, job: Job) -> None:
        """Give a request up with the iteration at work: nobody waits for it any more."""
        for queue in (self._waiting, self._scores):
            if job in queue:
                queue.remove(job)
        job.tokens, job.written = job.done, []
        if self._stretch is not None:
            self._cut(self._stretch, asyncio.get_running_loop().time())

    def _cut(self, stretch: _Stretch, time: float) -> None:
        """End a stretch with the iteration that is at work at this time."""
        batch, context = len(self._decoding), self._context()
        needed = self.timing.iterations(batch, context, stretch.iterations, time - stretch.begin)
        if needed < stretch.iterations:
            stretch.timer.cancel()
            stretch.iterations = needed
            end = stretch.begin + self.timing.decoding(batch, context, needed)
            stretch.timer = asyncio.get_running_loop().call_at(end, self._end_of_stretch, end)

    def _next(self) -> None:
        """Between two iterations: let requests in and begin the next."""
        now = asyncio.get_running_loop().time()
        self._let_in(now)
        while len(self._decoding) + len(self._prefilling) > 1 and not self.memory.can_grow(len(self._decoding)):
            self._preempt(now)
        if self._prefilling:
            self._begin_prefill(now)
        elif self._decoding:
            self._begin_stretch(now)
        else:
            self._asleep = True

    def _let_in(self, now: float) -> None:
        room = BUDGET - len(self._decoding) - sum(job.todo for job in self._prefilling)
        while (queue := self._scores or self._waiting) and room > 0:
            if len(self._decoding) + len(self._prefilling) >= SEQUENCES or not self.memory.fits(queue[0]):
                break
            job = queue.popleft()
            if not job.begun:
                job.begun = True
                self.waits.append(now - job.arrived)
            self.memory.admit(job, now)
            self._prefilling.append(job)
            room -= job.todo

    def _preempt(self, now: float) -> None:
        """The newest sequence goes back to the queue; its states will be computed again."""
        job = (self._decoding or self._prefilling).pop()
        self.memory.drop(job, now)
        (self._waiting if job.tokens else self._scores).appendleft(job)

    def _begin_prefill(self, now: float) -> None:
        """One iteration in which prompts are computed beside the tokens that are written."""
        budget = BUDGET - len(self._decoding)
        chunks: list[tuple[Job, int]] = []
        for job in self._prefilling:
            if budget > 0:
                chunks.append((job, min(job.todo, budget)))
                budget -= job.todo
        new = len(self._decoding) + sum(chunk for _, chunk in chunks)
        context = self._context() + sum(job.context - job.todo for job, _ in chunks)
        end = now + self.timing.iteration(new, context)
        asyncio.get_running_loop().call_at(end, self._end_of_prefill, chunks, now, end)

    def _end_of_prefill(self, chunks: list[tuple[Job, int]], begin: float, end: float) -> None:
        self._apply(begin, end, 1)
        for job, chunk in chunks:
            job.todo -= chunk
            job.computed += chunk
            self._computed += chunk
            if not job.todo:
                self._prefilling.remove(job)
                self._begin_decoding(job, end)
        self._next()

    def _begin_decoding(self, job: Job, now: float) -> None:
        """The last chunk of a prompt gives a token, or the scores."""
        if job.left > 0:
            self._written(job, 1)
        if job.left > 0:
            self._decoding.append(job)
        else:
            self._finish(job, now)

    def _begin_stretch(self, now: float) -> None:
        batch = len(self._decoding)
        count = min(*(job.left for job in self._decoding), self.memory.growth(batch))
        end = now + self.timing.decoding(batch, self._context(), count)
        self._stretch = _Stretch(now, count, asyncio.get_running_loop().call_at(end, self._end_of_stretch, end))

    def _end_of_stretch(self, end: float) -> None:
        stretch, self._stretch = self._stretch, None
        assert stretch is not None
        self._apply(stretch.begin, end, stretch.iterations)
        self._next()

    def _apply(self, begin: float, end: float, iterations: int) -> None:
        """Every sequence is longer by as many tokens, and some are over."""
        self._busy += end - begin
        for job in self._decoding:
            self._written(job, iterations)
        waiting, batch = len(self._waiting) + len(self._scores), len(self._decoding)
        self.timeline.stretches.append(
            Stretch(begin, end, batch, self._context(), self.memory.used, waiting, batch * iterations)
        )
        for job in [job for job in self._decoding if job.left <= 0]:
            self._decoding.remove(job)
            self._finish(job, end)

    def _written(self, job: Job, tokens: int) -> None:
        job.done += tokens
        self.memory.own += tokens
        self._generated += tokens

    def _finish(self, job: Job, now: float) -> None:
        self._answered += 1
        self.memory.keep(job, now)
        if not job.over.done():
            job.over.set_result(None)

    def _context(self) -> int:
        """Tokens whose states an iteration reads."""
        return sum(job.context for job in self._decoding)
