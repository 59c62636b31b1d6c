"""Teacher hit rate over progress as a picture: one line a teacher with its band, self-contained SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from cordspec.report.provenance.bootstrap import Band
from cordspec.report.provenance.hits import BINS, Cell

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 36, 48
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by colour-blind readers (Okabe and Ito); from the eighth teacher on they come again, dashed."""


def hit_rate_figure(shares: Mapping[Cell, Band], title: str) -> str:
    """The picture of `share_by_progress`. Bins in which steps of fewer than two problems begin have no band: they are left
    out, and the lines go on over them.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
            *_axes(),
            *_teachers(shares),
            "</svg>\n",
        ]
    )


def _x(progress: float) -> float:
    return round(LEFT + progress * (WIDTH - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _axes() -> Iterator[str]:
    for percent in range(0, 101, 20):
        at = percent / 100
        yield f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{_y(at)}" y2="{_y(at)}" stroke="#dddddd"/>'
        yield f'<text x="{_x(0) - 6}" y="{_y(at) + 4}" text-anchor="end">{percent} %</text>'
        yield f'<text x="{_x(at)}" y="{_y(0) + 18}" text-anchor="middle">{percent} %</text>'
    yield f'<text x="{_x(0.5)}" y="{HEIGHT - 10}" text-anchor="middle">progress of the trace</text>'


def _teachers(shares: Mapping[Cell, Band]) -> Iterator[str]:
    for number, teacher in enumerate(sorted({name for name, _ in shares})):
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="6 3"' if number >= len(COLOURS) else ""
        points = [(at, *drawn) for at in range(BINS) if (drawn := _drawn(shares.get((teacher, at))))]
        edge = [(at, high) for at, _, _, high in points] + [(at, low) for at, _, low, _ in reversed(points)]
        line = [(at, share) for at, share, _, _ in points]
        yield f'<polygon points="{_points(edge)}" fill="{colour}" fill-opacity="0.15"/>'
        yield f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        yield from (
            f'<circle cx="{_x((at + 0.5) / BINS)}" cy="{_y(share)}" r="3" fill="{colour}"/>' for at, share in line
        )
        top = TOP + 10 + 20 * number
        yield f'<line x1="{_x(1) + 12}" x2="{_x(1) + 36}" y1="{top}" y2="{top}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{_x(1) + 42}" y="{top + 4}">{escape(teacher)}</text>'


def _drawn(band: Band | None) -> tuple[float, float, float] | None:
    """Value and limits of a band that has all three."""
    if band is None or band.value is None or band.low is None or band.high is None:
        return None
    return band.value, band.low, band.high


def _points(points: list[tuple[int, float]]) -> str:
    return " ".join(f"{_x((at + 0.5) / BINS)},{_y(share)}" for at, share in points)
