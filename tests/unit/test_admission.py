"""Who is let in: as many as fit by what they turned out to need."""

from __future__ import annotations

import asyncio

import pytest

from cordspec.run.admission import UNKNOWN, Admission, Seat


def most_at_once(needs: int, room: int | None, most: int = 64, problems: int = 200) -> int:
    """The most problems of equal need that were under way together, once it was known what one needs."""
    running: list[int] = []

    async def main() -> Admission:
        admission = Admission(most, lambda: room)
        now = 0

        async def work(place: int, item: int, seat: Seat) -> None:
            nonlocal now
            now += 1
            await asyncio.sleep(0)
            seat.holds(needs)
            admission.look()
            await asyncio.sleep(0)
            if place > 2 * most:
                running.append(now)
            now -= 1

        await admission.each(range(problems), work)
        return admission

    asyncio.run(main())
    return max(running)


@pytest.mark.parametrize(
    ("needs", "room", "least", "most"),
    [(100, 1_000, 10, 16), (100, 0, 60, 64), (2_000, 1_000, 1, 1), (1, 10**6, 60, 64)],
)
def test_as_many_as_fit(needs: int, room: int, least: int, most: int) -> None:
    assert least <= most_at_once(needs, room) <= most


def test_those_that_fit_only_when_they_are_not_all_large_together_come_one_by_one() -> None:
    """By the budget two fit at once; a third comes when the second has done its first wave, and no fourth."""

    async def main() -> list[int]:
        admission, entered, go = Admission(64, lambda: 1_000, 500), [], asyncio.Event()

        async def work(place: int, item: int, seat: Seat) -> None:
            entered.append(place)
            if place != 1:
                seat.holds(10)
            await go.wait()
            seat.holds(500)

        running = asyncio.ensure_future(admission.each(range(4), work))
        await asyncio.sleep(0.01)
        before = list(entered)
        admission._seats[1].holds(10)
        admission.look()
        await asyncio.sleep(0.01)
        assert (before, entered) == ([0, 1], [0, 1, 2])
        go.set()
        await running
        return entered

    assert asyncio.run(main()) == [0, 1, 2, 3]


def test_few_as_long_as_nothing_is_known() -> None:
    assert most_at_once(100, None) <= UNKNOWN


def test_a_failure_ends_the_others_and_is_raised_as_itself() -> None:
    ended: list[int] = []

    async def work(place: int, item: int, seat: Seat) -> None:
        if place == 3:
            raise ValueError("the third")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(place)

    with pytest.raises(ValueError, match="the third"):
        asyncio.run(Admission(8).each(range(100), work))
    assert ended and max(ended) < 8
