"""Who has the device next."""

from __future__ import annotations

import threading

from cordspec_hf.turns import Turns


def test_what_is_urgent_goes_first_and_the_rest_in_the_order_of_asking() -> None:
    turns, order, held, over = Turns(), [], threading.Event(), threading.Event()
    turns.ask(held.wait)  # type: ignore[arg-type]
    turns.ask(lambda: order.append("a"))
    turns.ask(lambda: order.append("b"))
    assert not turns.urgent
    turns.ask(lambda: order.append("score 1"), urgent=True)
    turns.ask(lambda: order.append("score 2"), urgent=True)
    assert turns.urgent
    turns.ask(over.set)
    held.set()
    assert over.wait(5)
    assert order == ["score 1", "score 2", "a", "b"]


def test_who_asks_again_at_the_end_of_a_turn_comes_after_those_who_wait() -> None:
    turns, order, held, over = Turns(), [], threading.Event(), threading.Event()

    def long(left: int) -> None:
        order.append("long")
        turns.ask(lambda: long(left - 1) if left else over.set())

    turns.ask(held.wait)  # type: ignore[arg-type]
    turns.ask(lambda: long(2))
    turns.ask(lambda: order.append("short"))
    held.set()
    assert over.wait(5)
    assert order == ["long", "short", "long", "long"]
