"""``python -m tests.simulation SEED``: play a seed and print what happens, line by line. ``FIRST-LAST`` plays many and prints
those alone that violate something.
"""

from __future__ import annotations

import sys

from tests.simulation.playing import Played, play


def main(asked: str) -> int:
    """0 where nothing is violated."""
    first, _, last = asked.partition("-")
    if last:
        broken = [played for seed in range(int(first), int(last) + 1) if (played := play(seed)).violations]
        print(*(played.told() for played in broken), f"{len(broken)} seeds violate something", sep="\n")
        return int(bool(broken))
    played = play(int(first))
    show(played)
    return int(bool(played.violations))


def show(played: Played) -> None:
    """All that happened."""
    print(played.drawn.text, *played.lines, sep="\n")
    print(f"{sum(played.faults.values())} faults: {dict(played.faults)}")
    print(
        f"{len(played.endings)} processes, {played.calls} calls, {played.asked_again} asked again; trace {played.digest}"
    )
    for said in played.violations:
        print("VIOLATED", said)


sys.exit(main(sys.argv[1]))
