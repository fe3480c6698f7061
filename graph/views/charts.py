"""Charts as inline SVG. Colour is never the only sign: lines differ in dash, bars carry labels, areas in hatching."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graph.views.html import escape

CHARACTER = 6.8
"""Width of a bold letter of a chart's text, at most on average."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, distinguishable with all common kinds of colour vision."""
DASHES = ("", "8 3", "2 2.5", "10 3 2 3", "4 2", "14 4", "5 5")


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A chart's size, in the pixels that it is meant to be shown at. Each chart is drawn for both screens, and the
    page's style shows one: text that was drawn for a desk cannot be read on a phone."""

    name: str
    """The style's class."""
    width: int
    height: int
    left: int
    right: int
    tick_room: int
    """Least distance of two labels on the axis of time."""
    bar_width: int
    bar_margin: int
    """Bars keep room on either side for the figures beside them."""


TOP, BOTTOM = 14, 34
WIDE = Canvas(name="wide", width=760, height=250, left=52, right=16, tick_room=36, bar_width=480, bar_margin=64)
NARROW = Canvas(name="narrow", width=340, height=260, left=44, right=10, tick_room=48, bar_width=340, bar_margin=60)
CANVASES = (WIDE, NARROW)


@dataclass(frozen=True)
class Line:
    """A step line over slots; None breaks it."""

    name: str
    values: Sequence[float | None]
    strong: bool = False
    faint: bool = False
    """Thin and grey: there to compare the others with."""


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
    others: str = "others",
) -> str:
    """Step lines over a common axis of slots, with a legend; `ticks` maps positions on it to labels; `others` is what
    the faint lines are together."""
    known = [v for line in lines for v in line.values if v is not None]
    if not known:
        return f"<p>{escape(title)}: no figures.</p>"
    count = max(len(line.values) for line in lines)
    faint, shown = [line for line in lines if line.faint], [line for line in lines if not line.faint]

    def drawn(canvas: Canvas) -> str:
        scale = _Scale(canvas, count, *_bounds(known, zero=zero))
        parts = [_frame(scale, ticks)]
        parts += [_band(scale, band) for band in bands]
        parts += [_line(scale, line, FAINT) for line in faint]
        parts += [_line(scale, line, _look(line, i)) for i, line in enumerate(shown)]
        parts += _marks(scale, marks)
        parts += [_band_name(scale, band) for band in bands if band.name]
        return _svg(title, "".join(parts), canvas.name, canvas.width, canvas.height)

    entries = [(line.name, _look(line, i)) for i, line in enumerate(shown)]
    entries += [(f"{len(faint)} {others}", FAINT)] if faint else []
    return _figure(title, "".join(map(drawn, CANVASES)) + _legend(entries))


def bar_chart(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars: group → name → value, each under its name and with its figure written beside it."""
    rows = [(group, name, value) for group, bars in groups.items() for name, value in bars.items()]
    if not rows:
        return f"<p>{escape(title)}: no figures.</p>"
    low, high = min(0.0, *(v for _, _, v in rows)), max(0.0, *(v for _, _, v in rows))
    names = list(dict.fromkeys(name for _, name, _ in rows))

    def drawn(canvas: Canvas) -> str:
        step = 36
        scale = (canvas.bar_width - 2 * canvas.bar_margin) / ((high - low) or 1.0)
        zero = canvas.bar_margin - low * scale
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
        return _svg(title, "".join(parts), f"bars {canvas.name}", canvas.bar_width, len(rows) * step + 8)

    return _figure(title, "".join(map(drawn, CANVASES)))


@dataclass(frozen=True)
class _Look:
    colour: str
    width: float
    dash: str


FAINT = _Look("#a8adb5", 1.0, "")


def _look(line: Line, index: int) -> _Look:
    width = 2.6 if line.strong else 1.6
    return _Look(COLOURS[index % len(COLOURS)], width, DASHES[index % len(DASHES)])


@dataclass(frozen=True)
class _Scale:
    canvas: Canvas
    count: int
    low: float
    high: float

    @property
    def floor(self) -> int:
        """Where the axis of time is."""
        return self.canvas.height - BOTTOM

    def x(self, slot: float) -> float:
        canvas = self.canvas
        return canvas.left + slot / max(1, self.count) * (canvas.width - canvas.left - canvas.right)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (self.floor - TOP)

    def anchor(self, x: float, text: str) -> str:
        """Which end of a text is at `x`, so that it stays inside."""
        return "end" if x + 4 + CHARACTER * len(text) > self.canvas.width else "start"


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
    left, right = scale.canvas.left, scale.canvas.width - scale.canvas.right
    while value <= scale.high + step / 2:
        y = scale.y(value)
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>'
        )
        value = round(value + step, 10)
    labelled = _labelled(scale, ticks)
    for slot, label in ticks.items():
        x = scale.x(slot)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{scale.floor}" y2="{scale.floor + 5}" class="axis"/>')
        if slot in labelled:
            parts.append(f'<text x="{x:.1f}" y="{scale.floor + 18}" text-anchor="middle">{escape(label)}</text>')
    return "".join(parts)


def _labelled(scale: _Scale, ticks: Mapping[float, str]) -> set[float]:
    """Every so many, as there is room: those that name most days."""
    slots = list(ticks)
    if len(slots) < 2:
        return set(slots)
    distance = min(scale.x(b) - scale.x(a) for a, b in pairwise(slots))
    every = max(1, math.ceil(scale.canvas.tick_room / distance))
    choices = [slots[first::every] for first in range(every)]
    days = [sum(":" not in ticks[slot] for slot in some) for some in choices]
    return set(choices[days.index(max(days))])


def _line(scale: _Scale, line: Line, look: _Look) -> str:
    path: list[str] = []
    broken = True
    for slot, value in enumerate(line.values):
        if value is None:
            broken = True
            continue
        path.append(f"{'M' if broken else 'L'}{scale.x(slot):.1f} {scale.y(value):.1f}H{scale.x(slot + 1):.1f}")
        broken = False
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{look.colour}" stroke-width="{look.width}" '
        f'stroke-dasharray="{look.dash}"><title>{escape(line.name)}</title></path>'
    )


def _band(scale: _Scale, band: Band) -> str:
    x, width = scale.x(band.start), max(1.5, scale.x(band.end) - scale.x(band.start))
    return (
        f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{scale.floor - TOP}" fill="url(#{band.pattern})">'
        f"<title>{escape(band.name)}</title></rect>"
    )


def _band_name(scale: _Scale, band: Band) -> str:
    return _word(scale, scale.x(band.start), TOP + 12 + 16 * band.row, band.name)


def _marks(scale: _Scale, marks: Sequence[Mark]) -> Iterator[str]:
    """A word that would run into another one is put a line higher."""
    rows: list[list[tuple[float, float]]] = []
    for mark in marks:
        x, width = scale.x(mark.at), CHARACTER * len(mark.name) + 4
        left, right = (x - width, x) if scale.anchor(x, mark.name) == "end" else (x, x + width)
        row = next((i for i, taken in enumerate(rows) if all(right < a or b < left for a, b in taken)), len(rows))
        rows += [[]] if row == len(rows) else []
        rows[row].append((left, right))
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{scale.floor}" class="mark"/>'
        yield _word(scale, x, scale.floor - 5 - 15 * row, mark.name)


def _word(scale: _Scale, x: float, y: float, text: str) -> str:
    anchor = scale.anchor(x, text)
    at = x + (-4 if anchor == "end" else 4)
    return f'<text x="{at:.1f}" y="{y}" text-anchor="{anchor}" class="word halo">{escape(text)}</text>'


def _legend(entries: Sequence[tuple[str, _Look]]) -> str:
    items = "".join(
        f'<li><svg width="34" height="10" aria-hidden="true"><line x1="0" x2="34" y1="5" y2="5" '
        f'stroke="{look.colour}" stroke-width="{look.width}" stroke-dasharray="{look.dash}"/></svg> {escape(name)}</li>'
        for name, look in entries
    )
    return f'<ul class="legend">{items}</ul>'


def _svg(title: str, body: str, kind: str, width: int, height: int) -> str:
    return (
        f'<svg class="{kind}" role="img" viewBox="0 0 {width} {height}" aria-label="{escape(title)}" '
        f'preserveAspectRatio="xMinYMid meet">{body}</svg>'
    )


def _figure(title: str, body: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{body}</figure>"
