"""The axis of time below panels: its ends, its ticks, the onset and the changes on it, and the key to them."""

import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from bot.pictures import axis
from bot.pictures.look import BODY, DEPLOY, ONSET, QUIET, SMALL, Sheet, Style

MARKS = 6  # changes with a letter
KEY, SIGNS, TIMES = 0.21, 0.18, 0.27  # inches: a row of the key, the signs above the axes, the times below
SIGN = Style(9, "bold", DEPLOY)
APART = 0.06


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with its line in every panel. ``sign`` stands above the line, ``words`` in the key.

    ``change`` is whether it is one, and not the onset.
    """

    at: datetime
    sign: str
    words: str
    change: bool = True

    @property
    def paint(self) -> dict[str, Any]:
        """How its line looks."""
        if self.change:
            return {"color": DEPLOY, "linestyle": (0, (2.6, 1.4)), "linewidth": 1.4}
        return {"color": ONSET, "linestyle": "-", "linewidth": 1.6}

    @property
    def colour(self) -> str:
        """The colour of its words."""
        return DEPLOY if self.change else ONSET


@dataclass(frozen=True, slots=True)
class Timeline:
    """The axis of time that all panels share: its ends in UTC, the reader's zone, and what is marked on it."""

    start: datetime
    end: datetime
    zone: tzinfo
    marks: tuple[Mark, ...] = ()

    def share(self, at: float) -> float:
        """Where on the axis a moment (in seconds since 1970) is, from 0 to 1."""
        start, end = self.start.timestamp(), self.end.timestamp()
        return (at - start) / (end - start)

    def ticks(self) -> list[tuple[datetime, str]]:
        """Round times with their words."""
        return axis.ticks(self.start, self.end, self.zone, 4)


@dataclass(frozen=True, slots=True)
class Frame:
    """A panel's axes in inches from the upper left corner of the sheet."""

    left: float
    top: float
    wide: float
    high: float

    @property
    def bottom(self) -> float:
        """Their lower edge."""
        return self.top + self.high

    @property
    def right(self) -> float:
        """Their right edge."""
        return self.left + self.wide

    def x(self, share: float) -> float:
        """The place of a share of the axis of time."""
        return self.left + share * self.wide


def timeline(
    moments: Collection[datetime], onset: datetime | None, marks: Mapping[str, datetime], zone: tzinfo
) -> Timeline | None:
    """The time from the first sample to the last, with the onset and the changes nearest to it (else the newest)."""
    if not moments:
        return None
    start, end = min(moments), max(moments)
    if start == end:
        start, end = start - timedelta(seconds=30), end + timedelta(seconds=30)
    timely = [(at, name) for name, at in marks.items() if start <= at <= end]
    near = sorted(timely, key=lambda one: (abs((one[0] - (onset or end)).total_seconds()), *one))[:MARKS]
    found = []
    if onset is not None and start <= onset <= end:
        found.append(Mark(onset, "onset", f"onset {axis.written(onset, start, end, zone)}", change=False))
    for letter, (at, name) in zip(string.ascii_uppercase, sorted(near), strict=False):
        found.append(Mark(at, letter, f"{letter}  {axis.written(at, start, end, zone)}  {name}"))
    return Timeline(start, end, zone, tuple(found))


def key(sheet: Sheet, marks: Sequence[Mark], corner: tuple[float, float], room: float, columns: int) -> None:
    """Write what the lines are, in so many columns of ``room`` inches with their distance."""
    rows = key_rows(marks, columns)
    for number, mark in enumerate(marks):
        column, row = divmod(number, rows)
        x, y = corner[0] + column * room, corner[1] + KEY * row
        sheet.axes.plot([x + 0.04] * 2, [y - 0.08, y + 0.08], **mark.paint)
        sheet.write(mark.words, (x + 0.13, y), BODY.of(mark.colour), room - 0.33, "left")


def key_rows(marks: Sequence[Mark], columns: int) -> int:
    """How many rows the key takes."""
    return -(-len(marks) // columns)


def times(sheet: Sheet, time: Timeline, frame: Frame) -> None:
    """Write the times below the axes; the last one keeps within them."""
    for at, words in time.ticks():
        half = sheet.letters.width(words, SMALL) / 2
        x = min(frame.x(time.share(at.timestamp())), frame.right - half)
        sheet.write(words, (x, frame.bottom + 0.16), QUIET, frame.wide)


def signs(sheet: Sheet, time: Timeline, frame: Frame) -> None:
    """What stands above the lines.

    A change's sign ends at its line and the onset's begins there: what precedes it closely still stands apart.
    """
    places = [(mark, frame.x(time.share(mark.at.timestamp()))) for mark in time.marks]
    changes = [(x, mark.sign) for mark, x in places if mark.change]
    start = frame.left
    for mark, x in places:
        if not mark.change:
            wide = sheet.letters.width(mark.sign, SIGN)
            begins = min(x - 0.04, frame.right - wide)
            sheet.write(mark.sign, (begins, frame.top - 0.1), SIGN.of(mark.colour), frame.wide, "left")
            _letters_in(sheet, start, begins - APART, [one for one in changes if one[0] <= x], frame)
            start = begins + wide + APART
            changes = [one for one in changes if one[0] > x]
    _letters_in(sheet, start, frame.right, changes, frame)


def _letters_in(sheet: Sheet, start: float, end: float, changes: Sequence[tuple[float, str]], frame: Frame) -> None:
    """The signs of changes between ``start`` and ``end``; those that would run into each other stand together."""
    groups: list[tuple[float, float, str]] = []
    for x, sign in changes:
        words, begins = sign, _begins(sheet, x, sign, start, end)
        while groups and groups[-1][1] + APART > begins:
            words = f"{groups.pop()[2]} {words}"
            begins = _begins(sheet, x, words, start, end)
        groups.append((begins, begins + sheet.letters.width(words, SIGN), words))
    for begins, ends, words in groups:
        if ends <= end + APART / 2:
            sheet.write(words, (begins, frame.top - 0.1), SIGN, frame.wide, "left")


def _begins(sheet: Sheet, x: float, words: str, start: float, end: float) -> float:
    return max(min(x + 0.05, end) - sheet.letters.width(words, SIGN), start)
