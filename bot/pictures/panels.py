"""The drawing of a service's indicators: RED and USE as small panels, one a sign, on one axis of time."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from bot.domain.picture import Panel, Sign
from bot.domain.wording import plural
from bot.pictures import axis, panel
from bot.pictures.look import BODY, FAINT, QUIET, TITLE, Letters, Sheet
from bot.pictures.timeline import KEY, SIGNS, TIMES, Frame, Timeline, key, key_rows, signs, timeline, times

MOST, ALONE = 12, 4  # panels at all, and such as still stand in one column
# Inches: the words above a panel's axes and the space below; what is around, for numbers, and between columns.
HIGH, HEAD, BELOW = 0.82, 0.46, 0.2
MARGIN, NUMBERS, BETWEEN = 0.22, 0.52, 0.34
WIDE = {1: 4.8, 2: 6.5}
TOP, AFTER, HEADED, FOOT = 0.52, 0.1, 0.28, 0.36
HEADINGS = {"RED": "RED: what callers feel", "USE": "USE: what runs out"}


def draw(
    title: str, panels: Sequence[Panel], onset: datetime | None, marks: Mapping[str, datetime], zone: tzinfo
) -> Sheet:
    """The picture; times are those of ``zone``. Marks and an onset outside what was measured are left out."""
    signs = list(Sign)
    shown = sorted(panels[:MOST], key=lambda one: signs.index(one.sign))
    time = timeline([at for one in shown for at, _ in one.samples], onset, marks, zone)
    told = f"{axis.caption(time.start, time.end, zone)}." if time else "Nothing was measured."
    if len(panels) > len(shown):
        told += f" {plural(len(panels) - len(shown), 'more indicator')} not drawn."
    return _Drawing(title, _columns(shown), time, told).sheet


def _columns(panels: Sequence[Panel]) -> list[list[Panel]]:
    """RED left and USE right; one view alone in one column as long as it is short."""
    views = [[one for one in panels if one.sign.view == view] for view in ("RED", "USE")]
    if all(views):
        return views
    half = len(panels) if len(panels) <= ALONE else math.ceil(len(panels) / 2)
    return [list(part) for part in (panels[:half], panels[half:]) if part]


class _Drawing:
    """One drawing being made. Everything is in inches from the upper left corner."""

    def __init__(self, title: str, columns: Sequence[Sequence[Panel]], time: Timeline | None, told: str) -> None:
        self._letters, self._time = Letters(), time
        marks = time.marks if time else ()
        count = max(len(columns), 1)
        wide = WIDE[count]
        step = (wide - 2 * MARGIN + BETWEEN) / count
        self._inner = step - BETWEEN
        self._lead = SIGNS if marks else 0.0
        headed = len(columns) > 1 and columns[0][0].sign.view != columns[1][0].sign.view
        first = TOP + KEY * key_rows(marks, count) + (AFTER if marks else 0.0) + (HEADED if headed else 0.0)
        rows = max(map(len, columns), default=0)
        high = first + self._lead + rows * (HEAD + HIGH + BELOW) + TIMES + FOOT - BELOW
        self.sheet = Sheet(self._letters, wide, high)
        self.sheet.write(title, (MARGIN, 0.28), TITLE, wide - 2 * MARGIN, "left")
        key(self.sheet, marks, (MARGIN, TOP + 0.07), step, count)
        for number, members in enumerate(columns):
            left = MARGIN + number * step
            if headed:
                heading = HEADINGS[members[0].sign.view]
                self.sheet.write(heading, (left, first - 0.14), BODY.of(FAINT), self._inner, "left")
            self._column(members, left, first)
        self.sheet.write(told, (MARGIN, high - 0.2), QUIET, wide - 2 * MARGIN, "left")

    def _column(self, members: Sequence[Panel], left: float, first: float) -> None:
        for row, one in enumerate(members):
            top = first + row * (HEAD + HIGH + BELOW) + (self._lead if row else 0.0)
            axes_top = first + row * (HEAD + HIGH + BELOW) + HEAD + self._lead
            frame = Frame(left + NUMBERS, axes_top, self._inner - NUMBERS, HIGH)
            panel.words(self.sheet, one, left, top, self._inner)
            if one.samples and self._time:
                panel.plot(self.sheet, one, frame, self._time)
            else:
                panel.missing(self.sheet, one, frame)
            if self._time and not row:
                signs(self.sheet, self._time, frame)
            if self._time and row == len(members) - 1:
                times(self.sheet, self._time, frame)
