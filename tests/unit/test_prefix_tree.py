"""The radix tree against a dictionary of all prefixes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cordspec_hf.prefix_tree import PrefixTree

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), max_size=12)


def states_of(ids: tuple[int, ...]) -> torch.Tensor:
    """States in which every position tells its whole prefix."""
    values = [float(hash(ids[: at + 1]) % 1_000_003) for at in range(len(ids))]
    return torch.tensor(values).reshape(1, 1, 1, -1, 1).repeat(1, 2, 1, 1, 1)


@given(SEQUENCES)
def test_what_was_put_in_is_found_and_nothing_else(sequences: list[tuple[int, ...]]) -> None:
    tree = PrefixTree(10_000)
    held: set[tuple[int, ...]] = set()
    for ids in sequences:
        first = tree.match(ids)
        tree.insert(ids, first, states_of(ids)[:, :, :, first:])
        held |= {ids[:length] for length in range(1, len(ids) + 1)}
        assert tree.tokens == len(held)
    for ids in [*sequences, (2, 2, 2, 2, 2), (0, 1, 2, 0, 1)]:
        length = tree.match(ids)
        assert ids[:length] in held or length == 0
        assert length == len(ids) or ids[: length + 1] not in held
        pieces = tree.states(ids)
        if length:
            assert torch.equal(torch.cat(pieces, dim=3), states_of(ids[:length]))


@given(SEQUENCES, st.integers(0, 20))
def test_eviction_keeps_the_limit_and_what_stays_is_right(sequences: list[tuple[int, ...]], limit: int) -> None:
    tree = PrefixTree(limit)
    for ids in sequences:
        first = tree.match(ids)
        tree.insert(ids, first, states_of(ids)[:, :, :, first:])
        tree.evict()
        assert tree.tokens <= limit
        if length := tree.match(ids):
            assert torch.equal(torch.cat(tree.states(ids), dim=3), states_of(ids[:length]))


def test_a_hole_is_refused() -> None:
    tree = PrefixTree(100)
    with pytest.raises(ValueError, match="missing"):
        tree.insert((1, 2, 3), 2, states_of((3,)))
