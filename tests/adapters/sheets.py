"""What stands on a drawn sheet, read back: its words, boxes and lines with their places."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from bot.pictures.look import DOTS, Sheet

TOUCH = 0.1  # dots by which neighbours may touch


@dataclass(frozen=True, slots=True)
class Place:
    """What stands there, and its edges in dots from the lower left corner."""

    what: str
    left: float
    low: float
    right: float
    high: float

    def meets(self, other: "Place") -> bool:
        return (
            min(self.right, other.right) - max(self.left, other.left) > TOUCH
            and min(self.high, other.high) - max(self.low, other.low) > TOUCH
        )

    def holds(self, other: "Place") -> bool:
        return self.left < other.left and other.right < self.right and self.low < other.low and other.high < self.high


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line's points in inches from the upper left corner."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]


def words(sheet: Sheet) -> list[Place]:
    canvas: Any = sheet.figure.canvas
    renderer = canvas.get_renderer()
    return [_place(one.get_text(), one.get_window_extent(renderer)) for one in sheet.axes.texts]


def said(sheet: Sheet) -> list[str]:
    return [one.get_text() for one in sheet.axes.texts]


def paper(sheet: Sheet) -> Place:
    return _place("paper", sheet.figure.bbox)


def boxes(sheet: Sheet) -> list[Place]:
    """Every service's box; the lower edges of piles are left out."""
    found = [_place("box", one.get_window_extent()) for one in _rounded(sheet)]
    return [one for one in found if not any(a.left == one.left and 0 < a.low - one.low < DOTS / 10 for a in found)]


def edge_colours(sheet: Sheet) -> set[str]:
    return {_hex(one.get_edgecolor()) for one in _rounded(sheet)}


def lines(sheet: Sheet, colour: str = "") -> list[Drawn]:
    """Every line with points, of one colour or of any."""
    found = [
        (_hex(one.get_color()), Drawn(tuple(map(float, one.get_xdata())), tuple(map(float, one.get_ydata()))))
        for one in _all(sheet.axes.lines)
    ]
    return [line for has, line in found if line.xs and colour in {"", has}]


def meetings(places: Iterable[Place]) -> list[tuple[str, str]]:
    return [(one.what, other.what) for one, other in combinations(places, 2) if one.meets(other)]


def gaps(line: Drawn) -> list[bool]:
    return [math.isnan(y) for y in line.ys]


def _rounded(sheet: Sheet) -> Sequence[Any]:
    return [one for one in _all(sheet.axes.patches) if type(one).__name__ == "FancyBboxPatch"]


def _all(artists: Iterable[Any]) -> list[Any]:
    return list(artists)


def _hex(colour: Any) -> str:  # noqa: ANN401  # whatever matplotlib takes for a colour
    from matplotlib.colors import to_hex

    return to_hex(colour)


def _place(what: str, box: Any) -> Place:  # noqa: ANN401  # matplotlib's box
    return Place(what, float(box.x0), float(box.y0), float(box.x1), float(box.y1))
