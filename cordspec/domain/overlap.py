"""How much of a question stands in another text: shared runs of words, with numbers as they are and masked.

Public sets are decontaminated by such runs: 8 words (s1, arXiv:2501.19393), 13 words (GPT-3, arXiv:2005.14165, appendix C).
Here a run counts for the share of the question that it makes up, since competition problems end alike ("where m and n are
relatively prime positive integers"). Masked numbers find the copies in which nothing but numbers were changed.

The questions are held as sets of hashed runs; texts are streamed past them, each looked at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(
    r"\d(?:[\d.,]*\d)?"  # a number is one word, its commas and points with it
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # scripts without spaces: a character is a word
    r"|[^\W\d_]+"
)
_MASK: Final = "0"
_NUMBER_WORDS: Final = re.compile(
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)teen|"
    r"(twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion|dozen|half|third|quarter|"
    r"once|twice|thrice|double|triple"
)

Words = Sequence[str]
Run = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Runs of ``words`` words; a question is found where at least ``share`` of its runs stand in a text."""

    name: str
    words: int
    share: float
    masked: bool = False

    def runs(self, words: Words) -> Iterator[Run]:
        """The runs of a text; ``words`` are masked where the measure wants them so."""
        return zip(*(words[start:] for start in range(self.words)), strict=False)


MEASURES: Final = (
    Measure("8-gram", 8, 0.5),
    Measure("13-gram", 13, 0.3),
    Measure("number-masked 8-gram", 8, 0.5, masked=True),
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A question that is found in a text: the share of its runs that stand there, by measure. ``found`` reached theirs."""

    question: int
    """Its place among the questions, from 0."""
    shares: dict[str, float]
    found: tuple[str, ...]


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters; signs do not count."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def masked(words: Words) -> list[str]:
    """The same with one mark for every number, written in digits or as a word."""
    return [_MASK if word[0].isdigit() or _NUMBER_WORDS.fullmatch(word) else word for word in words]


class Questions:
    """Questions to be found in other texts.

    One that is shorter than the shortest run is ``short``: it is found only where a text is that question and nothing else.
    """

    def __init__(self, questions: Iterable[str], measures: Sequence[Measure] = MEASURES) -> None:
        self._measures = measures
        self._runs: list[dict[Run, list[int]]] = [{} for _ in measures]
        self._sizes: list[Counter[int]] = [Counter() for _ in measures]
        self._whole: dict[Run, int] = {}
        short = []
        for place, question in enumerate(questions):
            words = words_of(question)
            if len(words) < min(measure.words for measure in measures):
                self._whole.setdefault(tuple(words), place)
                short.append(place)
            for measure, runs, sizes in zip(measures, self._runs, self._sizes, strict=True):
                for run in set(measure.runs(masked(words) if measure.masked else words)):
                    runs.setdefault(run, []).append(place)
                    sizes[place] += 1
        self.short: Sequence[int] = tuple(short)

    def found_in(self, text: str) -> list[Overlap]:
        """The questions that stand in a text, the most of them first."""
        words = words_of(text)
        same = self._whole.get(tuple(words))
        if same is not None:
            return [Overlap(same, {"whole": 1.0}, ("whole",))]
        shares: dict[int, dict[str, float]] = {}
        reached: dict[int, list[str]] = {}
        hidden = masked(words)
        for measure, runs, sizes in zip(self._measures, self._runs, self._sizes, strict=True):
            shared = {run for run in measure.runs(hidden if measure.masked else words) if run in runs}
            for place, count in Counter(place for run in shared for place in runs[run]).items():
                share = count / sizes[place]
                shares.setdefault(place, {})[measure.name] = round(share, 3)
                if share >= measure.share:
                    reached.setdefault(place, []).append(measure.name)
        found = [Overlap(place, shares[place], tuple(names)) for place, names in reached.items()]
        return sorted(found, key=lambda one: (-max(one.shares.values()), one.question))
