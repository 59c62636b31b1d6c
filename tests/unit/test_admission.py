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
    ("needs", "room", "wanted"), [(100, 1_000, 10), (100, 0, 64), (2_000, 1_000, 1), (1, 10**6, 64)]
)
def test_as_many_as_fit(needs: int, room: int, wanted: int) -> None:
    found = most_at_once(needs, room)
    assert found <= wanted and found >= min(wanted, int(wanted / 1.25))


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
