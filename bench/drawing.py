"""Line plots as SVG files for the documents: axes, legend, colours for light and dark pages, a text alternative."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 380, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 44
LEGEND_HEIGHT = 26
_COLOURS = ("#0b6e99", "#b4560f", "#5b5bd6", "#2f7d32", "#a3297a", "#6b6b6b")
_DARK = ("#5cc0ec", "#f0a05a", "#a5a5ff", "#7fd184", "#ef8bd0", "#b5b5b5")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "12 4")


@dataclass(frozen=True)
class Plot:
    """Lines over the same values of x, on an axis from 0 to ``top`` or to what the highest needs."""

    title: str
    x_name: str
    y_name: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    top: float | None = None


def draw_plots(path: Path, plots: Sequence[Plot], about: str) -> None:
    """Write the plots side by side with one legend. They name the same lines in the same order."""
    names = list(plots[0].lines)
    width, height = WIDTH * len(plots), HEIGHT + LEGEND_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="title about" font-family="system-ui, sans-serif" font-size="11">',
        f'<title id="title">{escape("; ".join(plot.title for plot in plots))}</title>',
        f'<desc id="about">{escape(about)}</desc>',
        _style(len(names)),
        f'<rect class="page" width="{width}" height="{height}"/>',
    ]
    for number, plot in enumerate(plots):
        parts += [f'<g transform="translate({number * WIDTH} 0)">', *_panel(plot), "</g>"]
    parts += _legend(names)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _style(count: int) -> str:
    light = "".join(f".l{n}{{stroke:{_COLOURS[n]};stroke-dasharray:{_DASHES[n] or 'none'}}}" for n in range(count))
    dark = "".join(f".l{n}{{stroke:{_DARK[n]}}}" for n in range(count))
    return (
        "<style>.page{fill:#fff}text{fill:#333}.grid{stroke:#ddd}.axis{stroke:#888}"
        f".line{{fill:none;stroke-width:2}}{light}"
        "@media (prefers-color-scheme:dark){.page{fill:#16181c}text{fill:#ddd}.grid{stroke:#333}"
        f".axis{{stroke:#888}}{dark}}}</style>"
    )


def _panel(plot: Plot) -> list[str]:
    values = [value for line in plot.lines.values() for value in line]
    top = plot.top if plot.top is not None else max(values)
    marks = round_marks(top)
    span = max(plot.x) - min(plot.x) or 1.0

    def across(x: float) -> float:
        return round(LEFT + (x - min(plot.x)) / span * (WIDTH - LEFT - RIGHT), 1)

    def up(y: float) -> float:
        return round(HEIGHT - BOTTOM - min(y / marks[-1], 1.0) * (HEIGHT - BOTTOM - TOP), 1)

    parts = [f'<text x="{LEFT}" y="18" font-weight="600" font-size="12">{escape(plot.title)}</text>']
    for mark in marks:
        parts.append(f'<path class="grid" d="M{LEFT} {up(mark)}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{up(mark) + 4}" text-anchor="end">{mark:g}</text>')
    for x in plot.x:
        parts.append(f'<text x="{across(x)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none"/>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 32}" text-anchor="middle">'
        f"{escape(plot.x_name)}</text>"
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{escape(plot.y_name)}</text>'
    )
    for number, line in enumerate(plot.lines.values()):
        points = " ".join(f"{across(x)},{up(y)}" for x, y in zip(plot.x, line, strict=True))
        parts.append(f'<polyline class="line l{number}" points="{points}"/>')
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, at = [], LEFT
    for number, name in enumerate(names):
        parts.append(f'<path class="line l{number}" d="M{at} {HEIGHT + 8}h24"/>')
        parts.append(f'<text x="{at + 30}" y="{HEIGHT + 12}">{escape(name)}</text>')
        at += 30 + round(6.2 * len(name)) + 18
    return parts


def round_marks(high: float) -> list[float]:
    """Four to eight round marks from 0 to at least ``high``."""
    rough = high / 5 or 1.0
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [round(step * number, 10) for number in range(max(math.ceil(high / step - 1e-9), 1) + 1)]
