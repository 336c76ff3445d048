"""SVG plots with two logarithmic axes and one line per server."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 160, 46, 56
LABEL_HEIGHT = 15
COLOURS = ("#0b6e4f", "#c1440e", "#5b6c8f")

Curve = Mapping[str, Mapping[int, Sequence[float]]]


class Axis:
    """A logarithmic axis between two whole powers of ten, mapped to pixels."""

    def __init__(self, values: Sequence[float], first_px: float, last_px: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._first_px, self._last_px = first_px, last_px

    def to_pixel(self, value: float) -> float:
        """Return the pixel of `value`."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._first_px + share * (self._last_px - self._first_px)

    def ticks(self) -> Iterator[float]:
        """Return the powers of ten on the axis."""
        return (10.0**power for power in range(self._low, self._high + 1))


def draw(title: str, across: str, up: str, curve: Curve) -> str:
    """Return the SVG of the medians of `curve`: the figures of all rounds per server and x."""
    lines = {
        name: [(at, median(values)) for at, values in sorted(points.items()) if median(values) > 0]
        for name, points in curve.items()
    }
    points = [point for line in lines.values() for point in line]
    x = Axis([at for at, _ in points], LEFT, WIDTH - RIGHT)
    y = Axis([value for _, value in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        *_grid(x, y),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    placed = {
        name: [(x.to_pixel(at), y.to_pixel(value)) for at, value in line] for name, line in lines.items()
    }
    labels = _place_labels({name: line[-1][1] for name, line in placed.items() if line})
    for (name, line), colour in zip(placed.items(), COLOURS, strict=False):
        if line:
            parts += _line(name, line, colour, labels[name])
    return "\n".join([*parts, "</svg>", ""])


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for tick in x.ticks():
        at = x.to_pixel(tick)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:,.6g}</text>'
    for tick in y.ticks():
        at = y.to_pixel(tick)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:,.6g}</text>'


def _place_labels(ends: Mapping[str, float]) -> dict[str, float]:
    """Return the y pixel of each label: at the end of its line, without overlap."""
    places: dict[str, float] = {}
    free = 0.0
    for name, end in sorted(ends.items(), key=lambda each: each[1]):
        places[name] = max(end, free)
        free = places[name] + LABEL_HEIGHT
    return places


def _line(name: str, places: Sequence[tuple[float, float]], colour: str, label: float) -> Iterator[str]:
    path = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for across, up in places:
        yield f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{colour}"/>'
    yield f'<text x="{places[-1][0] + 8:.1f}" y="{label + 4:.1f}" fill="{colour}">{escape(name)}</text>'
