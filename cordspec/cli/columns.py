"""Columns of plain text for a terminal."""

from __future__ import annotations


def aligned(rows: list[tuple[str, ...]], right: tuple[int, ...]) -> list[str]:
    """Columns of text; those of numbers to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:>{width}}" if at in right else f"{cell:<{width}}" for at, (cell, width) in enumerate(
            zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip


def shown_hours(hours: float | None) -> str:
    """Hours in a table; nothing where they are not known."""
    return "" if hours is None else f"{hours:.1f}" if hours >= 0.1 else f"{hours:.2f}"


def counted(count: int, what: str) -> str:
    """So many of a thing, as `1 file` and `2 files`."""
    return f"{count} {what}" + ("" if count == 1 else "s")
