"""How often and after how long something is asked again, and when a replica is left alone."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from cordspec_api.retrying import RetryBudget, pause_before, retry_after
from cordspec_serving import breaker
from cordspec_serving.breaker import Breaker


def test_one_call_in_ten_may_be_repeated_at_any_time() -> None:
    budget, repeated = RetryBudget(), 0
    for made in range(1, 1_001):
        budget.made()
        while budget.take():
            repeated += 1
        assert repeated <= made / 10
    assert repeated == budget.repeated == 100


def test_what_was_not_used_is_saved_up_to_a_limit() -> None:
    budget = RetryBudget()
    for _ in range(100_000):
        budget.made()
    assert sum(budget.take() for _ in range(1_000)) == 256


def test_pauses_differ_and_grow_and_are_never_shorter_than_the_named_one() -> None:
    pauses = [pause_before(again, (0.2, 1.0, 4.0), None) for again in (0, 1, 2, 9) for _ in range(50)]
    assert all(0.1 <= one <= 0.3 for one in pauses[:50]) and all(2.0 <= one <= 6.0 for one in pauses[150:])
    assert len(set(pauses)) == len(pauses)
    assert all(7.0 <= pause_before(0, (0.2,), 7.0) <= 7.7 for _ in range(50))


def test_a_time_to_come_back_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after("12") == 12 and retry_after("0") == 0
    later = retry_after(formatdate(time.time() + 30, usegmt=True))
    assert later is not None and 20 < later <= 30
    assert [retry_after(one) for one in (None, "", "soon", "-1", "nan", "inf", formatdate(0, usegmt=True))] == [
        None
    ] * 7


def test_a_breaker_opens_after_failures_in_a_row_and_closes_after_one_success(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: now[0])
    one = Breaker()
    for _ in range(2):
        one.failed()
    one.succeeded()
    for _ in range(2):
        one.failed()
    assert one.state == "closed"
    one.failed()
    assert one.state == "open" and 0.5 <= one.rest <= 1.5
    one.failed()
    assert one.rest <= 1.5, "who was under way at the same time does not count again"
    now[0] += 2
    assert one.state == "half-open"
    one.failed()
    assert one.state == "open" and 1.0 <= one.rest <= 3.0, "twice as long"
    one.succeeded()
    assert one.state == "open", "an answer that was under way says nothing of now"
    now[0] += 4
    one.succeeded()
    assert one.state == "closed"


def test_a_server_that_asks_to_be_left_alone_is_well() -> None:
    one = Breaker()
    one.wait(5.0)
    assert one.state == "open" and 4.0 < one.rest <= 5.0
    one.wait(1.0)
    assert one.rest > 4.0, "the later of two times"
