"""What students were trained on, and how it went: one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cordspec.report.load import TrainingView
from cordspec.report.table import Table


def training_table(trainings: Sequence[TrainingView]) -> Table:
    """A row for each student; what its trainer did not audit is left empty."""
    rows = tuple(
        (one.name, f"{one.outcome['examples']:,}", f"{one.outcome['left_out']:,}", f"{one.outcome['shortened']:,}",
         _share(one.audit), _proven(one.audit), f"{len(one.losses):,}", _ends(one.losses), f"{one.seconds:.1f}")
        for one in trainings
    )  # fmt: skip
    columns = (
        "student",
        "examples",
        "left out",
        "shortened",
        "loss on thinking",
        "mask proven",
        "steps",
        "loss",
        "seconds",
    )
    note = (
        "Examples over the length limit are left out or lose their end. Loss on thinking: its share of the learnt tokens. "
        "Mask proven: rows that are what the tokenizer makes of their text, with a loss on exactly the assistant's turn. "
        "Loss: nats a token, first and last optimiser step."
    )
    return Table("Training", columns, rows, note)


def training_data(trainings: Sequence[TrainingView]) -> dict[str, object]:
    """Every number of the trainings."""
    return {one.name: {**one.outcome, "audit": one.audit, "seconds": one.seconds} for one in trainings}


def _share(audit: Mapping[str, Any] | None) -> str:
    return f"{audit['thinking_share']:.0%}" if audit and "thinking_share" in audit else ""


def _proven(audit: Mapping[str, Any] | None) -> str:
    return f"{audit['proven']:,} of {audit['rows']:,}" if audit else ""


def _ends(losses: Sequence[float]) -> str:
    return f"{losses[0]:.3f} to {losses[-1]:.3f}" if losses else ""
