# SPDX-License-Identifier: Apache-2.0
"""Figures as a Markdown table and as SVG, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, LEFT, RIGHT = 720, 210, 90
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea")
STYLE = "<style>text{font:13px sans-serif}.h{font-weight:bold}</style>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def svg(height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}">'
        f'{STYLE}<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def text(x: float, y: float, what: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(what)}</text>'


def bars(names: Sequence[str], rows: Sequence[tuple[str, str, Sequence[float]]]) -> str:
    """A group of bars for each row (what, unit, a value for each name); each group its own scale."""
    parts, y = [], 24.0
    for i, name in enumerate(names):
        parts.append(f'<rect x="{16 + 170 * i}" y="12" width="12" height="12" fill="{COLOURS[i]}"/>')
        parts.append(text(34 + 170 * i, 23, name))
    for what, unit, values in rows:
        y += 16
        parts.append(text(16, y + 9 * len(values) + 4, what, 'class="h"'))
        for i, value in enumerate(values):
            length = (WIDTH - LEFT - RIGHT) * value / (max(values) or 1)
            parts.append(
                f'<rect x="{LEFT}" y="{y:.0f}" width="{max(length, 1):.1f}" height="14" '
                f'fill="{COLOURS[i]}"/>'
            )
            parts.append(text(LEFT + max(length, 1) + 6, y + 12, f"{value:g} {unit}".strip()))
            y += 18
    return svg(y + 16, parts)


def line(title: str, x_name: str, unit: str, points: Sequence[tuple[float, float]],
         fit: tuple[float, float]) -> str:  # fmt: skip
    """Points, and the straight line slope * x + base through them."""
    height, bottom, top = 360.0, 310.0, 50.0
    x_max = max(x for x, _ in points) * 1.05
    y_max = max(y for _, y in points) * 1.15
    left = 70.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (WIDTH - left - 30) * x / x_max,
            bottom - (bottom - top) * y / y_max,
        )

    slope, base = fit
    (x1, y1), (x2, y2) = at(0, base), at(x_max, base + slope * x_max)
    parts = [
        text(16, 24, title, 'class="h"'),
        f'<path d="M{left},{top}V{bottom}H{WIDTH - 30}" fill="none" stroke="black"/>',
        f'<path d="M{x1:.1f},{y1:.1f}L{x2:.1f},{y2:.1f}" stroke="{COLOURS[0]}"/>',
        text(WIDTH - 30, bottom + 36, x_name, 'text-anchor="end"'),
    ]
    for x, y in points:
        px, py = at(x, y)
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{COLOURS[1]}"/>')
        parts.append(text(px, py - 10, f"{y:.1f} {unit}", 'text-anchor="middle"'))
        parts.append(text(px, bottom + 18, f"{x:g}", 'text-anchor="middle"'))
    return svg(height, parts)
