"""Many problems at once; the first failure ends the others and is raised as itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def gather(work: Iterable[Coroutine[None, None, Result]]) -> list[Result]:
    """All results, in order.

    Raises:
        Exception: the first failure; whatever else was going on has been cancelled.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from None
    return [task.result() for task in tasks]


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of several failures, however deep it lies."""
    error = failures.exceptions[0]
    return first_failure(error) if isinstance(error, BaseExceptionGroup) else error
