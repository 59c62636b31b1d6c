"""Asking for one answer: elsewhere or again where the servers failed, within a budget, and never for what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from cordspec_api.retrying import LONGEST_PAUSE, RetryBudget, pause_before
from cordspec_serving.attempt import Attempt, attempted
from cordspec_serving.backend import Backend
from cordspec_serving.failures import BadScores, BudgetSpent, DeadlinePassed, Failed, OtherModel
from cordspec_serving.replicas import Replica, Replicas

Result = TypeVar("Result")
Work = Callable[[Backend], Coroutine[Any, Any, Result]]

TRIES: Final = 4
MOST_LOST: Final = 2
"""Servers that may be lost while they work on one call: it may be the call that ends them, and there are others to do."""
PAUSES: Final = (0.2, 1.0, 4.0)
"""Seconds before each further try, give or take a half, where there is no other replica to go to."""


class Asking:
    """The way to the replicas of one model.

    Args:
        deadline: seconds for one try.
        orphaned: called with the number of tokens that servers have drawn for nobody.
    """

    def __init__(
        self, replicas: Replicas, budget: RetryBudget, deadline: float, orphaned: Callable[[int], None]
    ) -> None:
        self._replicas = replicas
        self._budget = budget
        self._deadline = deadline
        self._orphaned = orphaned

    async def ask(self, problem: str, work: Work[Result], *, urgent: bool = False) -> Result:
        """What comes of the work on some replica.

        Args:
            problem: what says which replica holds its prefix.
            urgent: goes before what is not, where a server has as much as it takes.

        Raises:
            Failed: it came to nothing as often as it may.
            BadScores: two replicas gave numbers that are none, or there is only one.
            OtherModel: no replica is what it was.
            DeadlinePassed: it took too long.
        """
        failed_on: list[Replica] = []
        last: Failed | BadScores | OtherModel | None = None
        begun = lost = 0
        for number in range(TRIES):
            replica = await self._chosen(problem, failed_on, last, number)
            async with replica.room.slot(urgent=urgent):
                try:
                    await replica.ready()
                except (Failed, OtherModel) as error:
                    last = error
                    failed_on.append(replica)
                    continue
                try:
                    found = await self._once(replica, work, repeated=begun > 0)
                except BudgetSpent:
                    break
                except Failed as error:
                    replica.failed(error)
                    last, lost = error, lost + error.lost
                except BadScores as error:
                    replica.breaker.succeeded()
                    if isinstance(last, BadScores) or self._alone(replica):
                        raise
                    last = error
                else:
                    replica.breaker.succeeded()
                    return found
            begun += 1
            failed_on.append(replica)
            if self._budget.spent or lost >= MOST_LOST:
                break
        assert last is not None
        raise last

    async def _once(self, replica: Replica, work: Work[Result], *, repeated: bool) -> Result:
        try:
            async with asyncio.timeout(self._deadline) as clock:
                with attempted(Attempt(self._budget, repeated, replica.room.taken, self._orphaned)):
                    return await replica.do(work(replica.backend))
        except TimeoutError:
            if clock.expired():
                raise DeadlinePassed(f"no whole answer came in {self._deadline:g} s") from None
            raise

    async def _chosen(
        self, problem: str, failed_on: list[Replica], last: Failed | BadScores | OtherModel | None, number: int
    ) -> Replica:
        """The replica for the next try, when it may be asked.

        Raises:
            Failed, BadScores, OtherModel: the last failure, where none may be asked for longer than is waited here.
        """
        replica = self._replicas.home(problem, failed_on)
        rest = replica.breaker.rest
        if rest > 0 and (replica.other or rest > LONGEST_PAUSE):
            raise replica.other or last or Failed(f"no replica may be asked for {rest:.0f} s: {replica.trouble}")
        if replica in failed_on:
            named = last.after if isinstance(last, Failed) else None
            if named is not None and named > LONGEST_PAUSE:
                assert last is not None
                raise last
            rest = max(rest, pause_before(number - 1, PAUSES, named))
        if rest > 0:
            await asyncio.sleep(pause_before(0, (), rest))
        return replica

    def _alone(self, replica: Replica) -> bool:
        return all(one is replica or one.breaker.state == "open" for one in self._replicas.all)
