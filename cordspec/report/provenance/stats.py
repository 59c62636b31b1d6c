"""All that the events of a decode tell, as one value: the tables of `cordspec stats` are made from it, never beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

from cordspec.report.provenance.bootstrap import Band
from cordspec.report.provenance.compliance import Compliance, compliance
from cordspec.report.provenance.compression import compression
from cordspec.report.provenance.hits import Cell, rate_by_progress, share_by_progress, share_by_tag
from cordspec.report.provenance.ledger import Ledger, make_ledger
from cordspec.report.provenance.lengths import QUANTILES, Lengths, lengths
from cordspec.report.provenance.load import Provenance
from cordspec.report.provenance.scoring import Scoring, scoring
from cordspec.report.statistics import Estimate, estimate

SCHEMA_VERSION = 1
Second = TypeVar("Second")


@dataclass(frozen=True, slots=True)
class Stats:
    """The statistics of one decode over ``problems``."""

    decode: str
    problems: int
    ledger: Ledger
    shares: dict[Cell, Band]
    rates: dict[Cell, Band]
    tags: dict[tuple[str, str], Band]
    lengths: Lengths
    compression: Estimate
    """Length of merged traces over that of their sources; of none in a decode that merges nothing."""
    compliance: dict[str, Compliance]
    scoring: Scoring

    def to_data(self) -> dict[str, object]:
        """Every number, as JSON can hold it."""
        roles = {name: asdict(costs) for name, costs in self.ledger.by_role().items()}
        models: dict[str, dict[str, object]] = {}
        for (role, model), costs in self.ledger.costs.items():
            models.setdefault(role, {})[model] = asdict(costs)
        return {
            "schema_version": SCHEMA_VERSION,
            "decode": self.decode,
            "problems": self.problems,
            "ledger": {
                "by_role": roles,
                "by_model": models,
                "tokens": {
                    name: {**asdict(tokens), "wasted": tokens.wasted} for name, tokens in self.ledger.tokens.items()
                },
            },
            "share_by_progress": _nested(self.shares),
            "rate_by_progress": _nested(self.rates),
            "share_by_tag": _nested(self.tags),
            "lengths": {"quantiles_at": QUANTILES, **asdict(self.lengths)},
            "compression": asdict(self.compression),
            "compliance": {name: asdict(one) for name, one in self.compliance.items()},
            "scoring": asdict(self.scoring),
        }


def make_stats(found: Provenance) -> Stats:
    """The statistics of a decode."""
    decode = found.histories
    return Stats(
        decode=found.view.name,
        problems=len(decode),
        ledger=make_ledger(decode),
        shares=share_by_progress([[step.authors for step in history.trace] for history in decode]),
        rates=rate_by_progress(decode),
        tags=share_by_tag(found.view.traces),
        lengths=lengths(decode),
        compression=estimate([one.ratio for history in decode if (one := compression(history)) is not None]),
        compliance=compliance(decode),
        scoring=scoring(decode),
    )


def _nested(bands: Mapping[tuple[str, Second], Band]) -> dict[str, dict[str, object]]:
    """By the first name, then by the second; ``all`` is the whole trace."""
    found: dict[str, dict[str, object]] = {}
    for (first, second), band in bands.items():
        found.setdefault(first, {})["all" if second is None else str(second)] = asdict(band)
    return found
