"""Charts as inline SVG. Colour is never the only sign: lines differ in dash, bars carry labels, areas in hatching."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.views.html import escape

WIDTH, HEIGHT = 760, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 34
BAR_WIDTH, BAR_MARGIN = 480, 64
"""Bars keep room on either side for the figures beside them."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart by all common kinds of colour vision."""
DASHES = ("", "8 3", "2 2.5", "10 3 2 3", "4 2", "14 4", "5 5")


@dataclass(frozen=True)
class Line:
    """A step line over slots; None breaks it."""

    name: str
    values: Sequence[float | None]
    strong: bool = False


@dataclass(frozen=True)
class Band:
    """A marked stretch of the x axis, in slots; `pattern` is one of the page's hatchings."""

    name: str
    """Written into the stretch, `row` lines from its top."""
    start: float
    end: float
    pattern: str
    row: int = 0


@dataclass(frozen=True)
class Mark:
    """A vertical line with a word on it."""

    name: str
    at: float


HATCHINGS = (
    '<svg width="0" height="0" aria-hidden="true"><defs>'
    '<pattern id="chosen" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#0072B2" fill-opacity=".16"/><path d="M0 0V6" stroke="#0072B2" stroke-width="2"/>'
    "</pattern>"
    '<pattern id="rejected" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
    '<path d="M0 0V7" stroke="#777" stroke-width="1"/></pattern>'
    '<pattern id="now" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle cx="2" cy="2" r="1.2" fill="#D55E00"/></pattern>'
    "</defs></svg>"
)


def line_chart(
    title: str,
    lines: Sequence[Line],
    ticks: Mapping[float, str],
    *,
    bands: Sequence[Band] = (),
    marks: Sequence[Mark] = (),
    zero: bool = True,
) -> str:
    """Step lines over a common axis of slots, with a legend; `ticks` maps positions on it to labels."""
    known = [v for line in lines for v in line.values if v is not None]
    if not known:
        return f"<p>{escape(title)}: no figures.</p>"
    count = max(len(line.values) for line in lines)
    scale = _Scale(count, *_bounds(known, zero=zero))
    parts = [_frame(scale, ticks)]
    parts += [_band(scale, band) for band in bands]
    parts += [_line(scale, line, i) for i, line in enumerate(lines)]
    parts += [_mark(scale, mark) for mark in marks]
    parts += [_band_name(scale, band) for band in bands if band.name]
    return _figure(title, "".join(parts), HEIGHT) + _legend(lines)


def bar_chart(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars: group → name → value, each under its name and with its figure written beside it."""
    rows = [(group, name, value) for group, bars in groups.items() for name, value in bars.items()]
    if not rows:
        return f"<p>{escape(title)}: no figures.</p>"
    low, high = min(0.0, *(v for _, _, v in rows)), max(0.0, *(v for _, _, v in rows))
    room, step = BAR_WIDTH - 2 * BAR_MARGIN, 36
    scale = room / ((high - low) or 1.0)
    zero = BAR_MARGIN - low * scale
    names = list(dict.fromkeys(name for _, name, _ in rows))
    parts = [f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="4" y2="{len(rows) * step + 2}" class="axis"/>']
    for i, (group, name, value) in enumerate(rows):
        y, end = 16 + i * step, zero + value * scale
        label = f"{group}: {name}" if group else name
        parts.append(
            f'<text x="{zero + 4:.1f}" y="{y}">{escape(label)}</text>'
            f'<rect x="{min(zero, end):.1f}" y="{y + 4}" width="{max(1.0, abs(end - zero)):.1f}" height="13" '
            f'fill="{COLOURS[names.index(name) % len(COLOURS)]}"/>'
            f'<text x="{max(zero, end) + 5:.1f}" y="{y + 15}">{escape(f"{value:.2f} {unit}".strip())}</text>'
        )
    return _figure(title, "".join(parts), len(rows) * step + 8, width=BAR_WIDTH, kind="bars")


@dataclass(frozen=True)
class _Scale:
    count: int
    low: float
    high: float

    def x(self, slot: float) -> float:
        return LEFT + slot / max(1, self.count) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _bounds(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low < 1e-9:
        high = low + 1.0
    step = _step(high - low)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _step(span: float) -> float:
    raw = span / 5
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw)


def _frame(scale: _Scale, ticks: Mapping[float, str]) -> str:
    parts: list[str] = []
    step = _step(scale.high - scale.low)
    value = scale.low
    while value <= scale.high + step / 2:
        y = scale.y(value)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>'
        )
        value = round(value + step, 10)
    for slot, label in ticks.items():
        x = scale.x(slot)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}" class="axis"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>'
        )
    return "".join(parts)


def _line(scale: _Scale, line: Line, index: int) -> str:
    path: list[str] = []
    broken = True
    for slot, value in enumerate(line.values):
        if value is None:
            broken = True
            continue
        path.append(f"{'M' if broken else 'L'}{scale.x(slot):.1f} {scale.y(value):.1f}H{scale.x(slot + 1):.1f}")
        broken = False
    colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
    width = 2.6 if line.strong else 1.6
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}">'
        f"<title>{escape(line.name)}</title></path>"
    )


def _band(scale: _Scale, band: Band) -> str:
    x, width = scale.x(band.start), max(1.5, scale.x(band.end) - scale.x(band.start))
    return (
        f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="url(#{band.pattern})">'
        f"<title>{escape(band.name)}</title></rect>"
    )


def _band_name(scale: _Scale, band: Band) -> str:
    x, y = scale.x(band.start), TOP + 12 + 16 * band.row
    anchor = "end" if x > WIDTH * 0.85 else "start"
    return (
        f'<text x="{x + (-3 if anchor == "end" else 3):.1f}" y="{y}" text-anchor="{anchor}" class="word halo">'
        f"{escape(band.name)}</text>"
    )


def _mark(scale: _Scale, mark: Mark) -> str:
    x = scale.x(mark.at)
    anchor = "end" if x > WIDTH * 0.8 else "start"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="mark"/>'
        f'<text x="{x + (-4 if anchor == "end" else 4):.1f}" y="{HEIGHT - BOTTOM - 5}" text-anchor="{anchor}" '
        f'class="word halo">{escape(mark.name)}</text>'
    )


def _legend(lines: Sequence[Line]) -> str:
    items = "".join(
        f'<li><svg width="34" height="10" aria-hidden="true"><line x1="0" x2="34" y1="5" y2="5" '
        f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="{2.6 if line.strong else 1.6}" '
        f'stroke-dasharray="{DASHES[i % len(DASHES)]}"/></svg> {escape(line.name)}</li>'
        for i, line in enumerate(lines)
    )
    return f'<ul class="legend">{items}</ul>'


def _figure(title: str, body: str, height: int, *, width: int = WIDTH, kind: str = "lines") -> str:
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><div class="scroll"><svg class="{kind}" role="img" '
        f'viewBox="0 0 {width} {height}" aria-label="{escape(title)}" preserveAspectRatio="xMinYMid meet">{body}</svg>'
        "</div></figure>"
    )
