"""The drawing of one metric: its line, its onset, its limit and marks; and the same in words."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from bot.domain.evidence import Series
from bot.domain.picture import Panel, Sign, one_line
from bot.domain.wording import measure
from bot.pictures import axis, panel
from bot.pictures.look import HEADING, QUIET, Letters, Sheet
from bot.pictures.timeline import KEY, SIGNS, TIMES, Frame, key, key_rows, signs, timeline, times

# Inches: the picture, its axes, what is around, the numbers beside the axes.
WIDE, HIGH, MARGIN, NUMBERS = 5.6, 1.25, 0.18, 0.5
TOP, AFTER, FOOT = 0.46, 0.06, 0.28
COLUMNS = 2  # of the key
TITLE_LETTERS, MARK_LETTERS = 80, 40


def in_words(
    title: str, unit: str, series: Series, onset: datetime | None, marks: Mapping[str, datetime], limit: float | None
) -> str:
    """What the picture shows, for whoever does not see it."""
    title = one_line(title, TITLE_LETTERS)
    samples = [(at.astimezone(UTC), value) for at, value in series.samples if math.isfinite(value)]
    if not samples:
        return f"{title}: no samples."
    (first, begin), (last, end) = samples[0], samples[-1]
    said = [
        f"{title} from {first:%H:%M} to {last:%H:%M} UTC",
        f"from {measure(begin, unit)} to {measure(end, unit)}",
        f"at most {measure(max(value for _, value in samples), unit)}",
    ]
    if limit is not None:
        said.append(f"the limit is {measure(limit, unit)}")
    if onset is not None:
        said.append(f"it changes at {onset.astimezone(UTC):%H:%M:%S}")
    timely = sorted(marks.items(), key=lambda mark: mark[1])
    said += [f"{one_line(name, MARK_LETTERS)} at {at.astimezone(UTC):%H:%M:%S}" for name, at in timely]
    return ", ".join(said) + "."


def draw(
    title: str,
    unit: str,
    series: Series,
    onset: datetime | None,
    marks: Mapping[str, datetime],
    limit: float | None,
    zone: tzinfo,
) -> Sheet:
    """The picture; times are those of ``zone``. Marks and an onset outside what was measured are left out."""
    shown = Panel(Sign.RATE, title, unit, series, limit)  # its sign is not drawn: one metric stands for itself
    time = timeline([at for at, _ in shown.samples], onset, marks, zone)
    marked = time.marks if time else ()
    top = TOP + KEY * key_rows(marked, COLUMNS) + (SIGNS + AFTER if marked else 0.0)
    sheet = Sheet(Letters(), WIDE, top + HIGH + TIMES + FOOT)
    room = WIDE - 2 * MARGIN
    latest = sheet.letters.fit(panel.last(shown), room / 2, HEADING)
    rest = room - sheet.letters.width(latest, HEADING) - 0.1
    sheet.write(panel.titled(shown), (MARGIN, 0.26), HEADING, rest, "left")
    sheet.write(latest, (WIDE - MARGIN, 0.26), HEADING, room, "right")
    key(sheet, marked, (MARGIN, 0.55), room / COLUMNS, COLUMNS)
    frame = Frame(MARGIN + NUMBERS, top, room - NUMBERS, HIGH)
    told = panel.far(shown)
    if time:
        panel.plot(sheet, shown, frame, time)
        signs(sheet, time, frame)
        times(sheet, time, frame)
        told = ", ".join(filter(None, (axis.caption(time.start, time.end, zone), told)))
    else:
        panel.missing(sheet, shown, frame)
    sheet.write(told, (MARGIN, top + HIGH + TIMES + FOOT - 0.16), QUIET, room, "left")
    return sheet
