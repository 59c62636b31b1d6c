"""How well decontamination finds what was planted, and how often it is wrong.

    python benchmarks/decontamination.py      # the corpus of the tests; writes results/decontamination.md
    python benchmarks/decontamination.py HELD.jsonl TRAIN.jsonl NAME   # also two parts of a real data set, with `question`s

Copies are taken as they are, with other numbers, with their sentences in another order, and with other words. False alarms
are problems of the other half, or of the real training part, that are found: of a real data set some of them are near copies
that are in it, so its rate is an upper limit.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cordspec.domain.overlap import MEASURES, Measure, Questions
from tests.unit.natural_problems import corpus, paraphrased, reordered, with_other_numbers

RESULT = Path(__file__).parent / "results" / "decontamination.md"
COPIES: dict[str, Callable[[str, int], str]] = {
    "as they are": lambda text, _: text,
    "other numbers": with_other_numbers,
    "sentences in another order": reordered,
    "other order and other numbers": lambda text, seed: with_other_numbers(reordered(text, seed), seed),
    "other words (every third or so)": lambda text, _: paraphrased(text),
}
ROWS, WORDS = 50, 7_500


def main(files: Sequence[str]) -> None:
    problems = corpus()
    sets = {"The corpus of the tests": (problems[::2], problems[1::2])}
    if files:
        sets[files[2]] = (questions(files[0]), questions(files[1]))
    parts = ["<!-- `python benchmarks/decontamination.py` -->", "# Decontamination: recall and false alarms"]
    parts.append(__doc__.split("\n\n")[-1].strip())
    for name, (held, others) in sets.items():
        parts += [f"## {name}", f"{len(held):,} questions are held, {len(others):,} other problems go by."]
        head = ["| | " + " | ".join(ARMS) + " |", "|" + " --- |" * (len(ARMS) + 1)]
        parts.append("\n".join([*head, *table(held, others)]))
    parts.append(speed(list(sets.values())[-1][0]))
    RESULT.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


ARMS: dict[str, Sequence[Measure]] = {
    "all measures": MEASURES,
    **{one.name: (one,) for one in MEASURES},
    "no masks": [one for one in MEASURES if not one.masked],
    "runs of 2 words": [Measure(one.name, 2, one.share, one.masked) for one in MEASURES],
}


def table(held: list[str], others: list[str]) -> list[str]:
    indexes = {name: Questions(held, measures) for name, measures in ARMS.items()}
    rows = []
    for what, change in COPIES.items():
        cells = [
            f"{sum(found(one, change(text, at), at) for at, text in enumerate(held))} of {len(held)}"
            for one in indexes.values()
        ]
        rows.append(f"| found: {what} | " + " | ".join(cells) + " |")
    alarms = [sum(bool(one.found_in(text)) for text in others) for one in indexes.values()]
    shown = (f"{count} of {len(others)} ({count / len(others):.2%})" for count in alarms)
    return [*rows, "| false alarms | " + " | ".join(shown) + " |"]


def found(questions: Questions, text: str, place: int) -> bool:
    return any(one.question == place for one in questions.found_in(text))


def speed(held: list[str]) -> str:
    """Seconds for long traces on one core, measured on a few of them."""
    words = " ".join(held).split()
    rows = [" ".join(words[(at * 997 + step) % len(words)] for step in range(WORDS)) for at in range(ROWS)]
    index = Questions(held)
    begin = time.process_time()
    for row in rows:
        index.found_in(row)
    seconds = time.process_time() - begin
    minutes = seconds / ROWS * 10_000 / 60
    return (
        f"{ROWS} traces of {WORDS:,} words beside {len(held):,} questions: {seconds:.1f} s on one core, so 10,000 of them "
        f"would take {minutes:.1f} minutes (not run). They are cut from the questions themselves, which is the slow case."
    )


def questions(path: str) -> list[str]:
    with Path(path).open(encoding="utf-8") as lines:
        return [json.loads(line)["question"] for line in lines]


if __name__ == "__main__":
    main(sys.argv[1:])
