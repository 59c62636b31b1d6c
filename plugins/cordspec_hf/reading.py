"""Reading: what the prefix tree does not hold yet is put through the model, once for all that share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from cordspec_hf.passes import Ids, Passes
from cordspec_hf.prefix_tree import PrefixTree

MOST_ROWS = 32
FEWEST_ROWS, UNEVEN = 8, 1.2
"""A batch of so many rows is not made longer by so much: padding costs more than another pass."""
SHORTEST_SHARED = 8
"""Tokens that several rows must have in common to be computed for all of them beforehand."""


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of which ``ids[first:last]`` are scored; what follows them is not read."""

    ids: Ids
    first: int
    last: int


class Reader:
    """Reads prompts into the prefix tree of one model, and scores what follows them.

    Args:
        most_places: tokens, held ones and padding included, that one pass may have.
    """

    def __init__(self, passes: Passes, tree: PrefixTree, most_places: int) -> None:
        self._passes = passes
        self._tree = tree
        self._states = passes.new_states(most_places)
        self._most_places = most_places
        self.prefilled = self.reused = 0

    def hold(self, prefixes: Sequence[Ids]) -> list[int]:
        """Make sure that the states of all these sequences are in the tree; returns what each of them cost, in tokens."""
        costs, before = self._missing(prefixes), self.prefilled
        self.reused += sum(map(self._tree.match, prefixes))
        self._hold_missing(sorted(set(prefixes)))
        return _summing_to(self.prefilled - before, costs)

    def logprobs(self, spans: Sequence[Span]) -> tuple[list[tuple[float, ...]], list[int]]:
        """The log-probabilities of the scored tokens of each span, and what each span cost, in tokens.

        The tokens before the scored ones are held afterwards, those that are scored are not.
        """
        costs, before = self._missing([span.ids[: span.last - 1] for span in spans]), self.prefilled
        self._hold_stems([span.ids[: span.first - 1] for span in spans])
        held = [self._tree.match(span.ids[: span.first - 1]) for span in spans]
        self.reused += sum(held)
        values: dict[int, tuple[float, ...]] = {}
        for batch in self._batches(held, [span.last - 1 for span in spans]):
            scored = self._score([spans[at] for at in batch], [held[at] for at in batch])
            values.update(zip(batch, scored, strict=True))
        return [values[at] for at in range(len(spans))], _summing_to(self.prefilled - before, costs)

    def _score(self, spans: Sequence[Span], held: Sequence[int]) -> list[tuple[float, ...]]:
        most = max(span.last - span.first for span in spans)
        logits = self._read(
            [span.ids[: span.last - 1] for span in spans], held, [span.first - 1 for span in spans], most
        )
        logprobs = torch.log_softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=2)
        targets = [span.ids[span.first : span.last] for span in spans]
        padded = torch.tensor([(0,) * (most - len(ids)) + ids for ids in targets], device=logprobs.device)
        chosen: list[list[float]] = logprobs.gather(2, padded[:, :, None])[:, :, 0].tolist()
        return [tuple(row[most - len(ids) :]) for row, ids in zip(chosen, targets, strict=True)]

    def _read(self, sequences: Sequence[Ids], held: Sequence[int], kept: Sequence[int], logits: int) -> torch.Tensor:
        """One pass over all of each sequence that is not held; of the states the first ``kept`` ones go into the tree."""
        self._states.clear()
        self._states.add([self._tree.states(ids[:length]) for ids, length in zip(sequences, held, strict=True)])
        parts = [ids[length:] for ids, length in zip(sequences, held, strict=True)]
        found, slots = self._passes.read(self._states, parts, logits)
        for row, (ids, length, last) in enumerate(zip(sequences, held, kept, strict=True)):
            new = self._states.tokens(row, slots[row].start, slots[row].start + last - length)
            self._tree.insert(ids[:last], length, new)
        self.prefilled += sum(map(len, parts))
        return found

    def _batches(self, held: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
        """Numbers of sequences for one pass each, those together that have about as much to be read."""
        batch: list[int] = []
        new = [length - start for start, length in zip(held, lengths, strict=True)]
        for at in sorted(range(len(held)), key=lambda at: (new[at], held[at])):
            places = max(held[one] for one in (*batch, at)) + new[at]
            uneven = len(batch) >= FEWEST_ROWS and new[at] > UNEVEN * new[batch[0]]
            if batch and (uneven or len(batch) == MOST_ROWS or places * (len(batch) + 1) > self._most_places):
                yield batch
                batch = []
            batch.append(at)
        if batch:
            yield batch

    # shared prefixes

    def _missing(self, prefixes: Sequence[Ids]) -> list[int]:
        """For each sequence the tokens that neither the tree nor a sequence before it in sorted order has."""
        new = [0] * len(prefixes)
        former: Ids = ()
        for at in sorted(range(len(prefixes)), key=lambda at: prefixes[at]):
            ids = prefixes[at]
            new[at] = len(ids) - max(self._tree.match(ids), _shared(former, ids))
            former = ids
        return new

    def _hold_missing(self, ordered: Sequence[Ids]) -> None:
        """Read sorted sequences, as far as they are not held."""
        missing = [ids for ids in ordered if self._tree.match(ids) < len(ids)]
        self._hold_stems(missing)
        missing = [ids for ids in missing if self._tree.match(ids) < len(ids)]
        held = list(map(self._tree.match, missing))
        for batch in self._batches(held, list(map(len, missing))):
            ids = [missing[at] for at in batch]
            self._read(ids, [held[at] for at in batch], list(map(len, ids)), logits=1)

    def _hold_stems(self, sequences: Sequence[Ids]) -> None:
        """Read what several sequences have in common, and is not held yet, once for all of them."""
        stems = set()
        for one, other in pairwise(sorted(sequences)):
            shared = _shared(one, other)
            if shared - self._tree.match(one[:shared]) >= SHORTEST_SHARED:
                stems.add(one[:shared])
        if stems:
            self._hold_missing(sorted(stems))


def _shared(one: Ids, other: Ids) -> int:
    """The number of leading tokens that two sequences have in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _summing_to(total: int, shares: list[int]) -> list[int]:
    """Shares of a cost that add up to what was really computed: the first row bears the difference."""
    return [shares[0] + total - sum(shares), *shares[1:]] if shares else []
