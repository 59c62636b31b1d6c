"""One sentence for each word that may begin a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "experiment": "The experiment itself, with the seed of all its draws; a spec has exactly one.",
    "problems": "A set of questions, each with its reference answer.",
    "model": "A language model: a teacher, a prover, a judge, or what a student starts from.",
    "pool": "The teachers of a decode, with their sampling settings.",
    "segmenter": "Where a step of a trace ends.",
    "scorer": "How good a candidate step or trace is.",
    "search": "Which prefixes are extended, and which are kept.",
    "decode": "The making of traces: the teachers of a pool write solutions together, guided by a scorer and a search.",
    "student": "A model that is trained on traces.",
    "eval": "A measurement of a model or a student on problems.",
    "sweep": "Variants of the experiment: which settings take which values.",
    "import": "Makes the blocks of another file known under a prefix.",
    "extends": "Takes all of another file, whose blocks may then be patched by naming them again.",
    "let": "A constant, to be named where a value belongs.",
}
