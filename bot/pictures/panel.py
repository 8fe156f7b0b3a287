"""One small panel: an indicator's line over its own scale, with its limit, or the reason why there is none."""

import math
from collections.abc import Sequence

from bot.domain.picture import Panel
from bot.domain.wording import measure
from bot.pictures import axis
from bot.pictures.look import BODY, FAINT, HEADING, LIMIT, LINE, PAPER, QUIET, RULE, SHADE, SMALL, Sheet
from bot.pictures.timeline import Frame, Timeline

LABEL = 0.18  # inches: what a word above a line takes
STRETCHES = 300
FAR = 4.0  # times the greatest value: a limit beyond would press the line flat
GREAT, NOTHING = 1e6, 1e-300  # where a number gets its prefix, and less than what anybody measures


def missing(sheet: Sheet, panel: Panel, frame: Frame) -> None:
    """Draw in the place of the axes why there is nothing."""
    from matplotlib.patches import Rectangle

    corner = (frame.left, frame.top)
    sheet.axes.add_patch(
        Rectangle(corner, frame.wide, frame.high, facecolor=SHADE, edgecolor=RULE, linestyle=":", linewidth=1, zorder=1)
    )
    lines = sheet.letters.wrap(panel.reason, frame.wide - 0.2, QUIET, 4)
    for number, line in enumerate(lines):
        y = frame.top + frame.high / 2 + 0.17 * (number - (len(lines) - 1) / 2)
        sheet.write(line, (frame.left + frame.wide / 2, y), QUIET, frame.wide)


def words(sheet: Sheet, panel: Panel, left: float, top: float, room: float) -> None:
    """Write two lines: the sign with the last value, and the title with the unit."""
    right, above, below = left + room, top + 0.1, top + 0.29
    latest = sheet.letters.fit(last(panel), room / 2, HEADING)
    sheet.write(panel.sign.capitalize(), (left, above), HEADING, room - sheet.letters.width(latest, HEADING), "left")
    sheet.write(latest, (right, above), HEADING, room, "right")
    note = sheet.letters.fit(far(panel), room * 0.6, SMALL)
    rest = room - sheet.letters.width(note, SMALL) - 0.1
    sheet.write(titled(panel), (left, below), BODY.of(FAINT), rest, "left")
    sheet.write(note, (right, below), SMALL.of(LIMIT), room, "right")


def titled(panel: Panel) -> str:
    """The title with the unit of the numbers beside the axis."""
    unit = axis.scale(panel.unit, _reach(panel))[1] if panel.samples else ""
    return f"{panel.title}, {unit}" if unit else panel.title


def last(panel: Panel) -> str:
    """The newest value with its unit; empty where there is none."""
    return f"last {_said(panel.samples[-1][1], panel.unit)}" if panel.samples else ""


def far(panel: Panel) -> str:
    """The limit in words, if it is too far away to be drawn; else empty."""
    limit = _far_limit(panel)
    if limit is None:
        return ""
    return f"limit {_said(limit, panel.unit)}, far {'above' if limit > 0 else 'below'}"


def plot(sheet: Sheet, panel: Panel, frame: Frame, time: Timeline) -> None:
    """Draw the line, its scale, its limit and what is marked; ``panel`` has samples.

    Values are drawn as shares of the greatest, so that none is too great to be drawn.
    """
    _grid(sheet, frame, time)
    values = [value for _, value in panel.samples]
    bound = None if _far_limit(panel) is not None else panel.bound
    whole = max(_reach(panel), abs(bound or 0.0))
    shares = [value / whole for value in (min(values), max(values), bound or 0.0)] if whole > NOTHING else []
    whole = whole if shares else 1.0
    low, top = min([0.0, *shares]), max([0.0, *shares])
    high = top + 0.06 * (top - low) if top > low else 1.0
    if bound is not None:
        high = max(high, low + (bound / whole - low) * frame.high / (frame.high - LABEL))

    def y(value: float) -> float:
        return frame.bottom - (value / whole - low) / (high - low) * frame.high

    factor = axis.scale(panel.unit, _reach(panel))[0]
    reach = max(top, -low) * whole * factor
    numbers = axis.rounds(reach) if top > low and math.isfinite(reach) else [0.0]
    for number in sorted({*numbers, *(-number for number in numbers)}):
        if low <= number / factor / whole <= top:
            at = y(number / factor)
            sheet.axes.plot([frame.left, frame.right], [at, at], color=RULE, linewidth=0.7, zorder=1)
            sheet.write(axis.short(number), (frame.left - 0.06, at), QUIET, frame.left, "right")
    line = axis.thin(axis.points(panel.series.samples if panel.series else ()), STRETCHES)
    xs, ys = [frame.x(time.share(at)) for at, _ in line], [y(value) for _, value in line]
    sheet.axes.fill_between(xs, ys, y(0.0), color=LINE, alpha=0.12, linewidth=0, zorder=2)
    sheet.axes.plot(xs, ys, color=LINE, linewidth=1.7, solid_joinstyle="round", zorder=4)
    dots = axis.alone(line)
    sheet.axes.plot(
        [frame.x(time.share(at)) for at, _ in dots],
        [y(value) for _, value in dots],
        "o",
        color=LINE,
        markersize=4,
        zorder=4,
    )
    if bound is not None:
        at = y(bound)
        sheet.axes.plot(
            [frame.left, frame.right], [at, at], color=LIMIT, linewidth=1.2, linestyle=(0, (4, 2)), zorder=3
        )
        _limit(sheet, f"limit {_said(bound, panel.unit)}", at, list(zip(xs, ys, strict=True)), frame)


def _grid(sheet: Sheet, frame: Frame, time: Timeline) -> None:
    sheet.axes.plot([frame.left, frame.right], [frame.bottom] * 2, color=FAINT, linewidth=0.9, zorder=2)
    for at, _ in time.ticks():
        x = frame.x(time.share(at.timestamp()))
        sheet.axes.plot([x, x], [frame.top, frame.bottom + 0.04], color=RULE, linewidth=0.7, zorder=1)
    for mark in time.marks:
        x = frame.x(time.share(mark.at.timestamp()))
        sheet.axes.plot([x, x], [frame.top, frame.bottom], zorder=3, **mark.paint)


def _limit(sheet: Sheet, text: str, y: float, line: Sequence[axis.Point], frame: Frame) -> None:
    """The limit's value above its line, at the end where the samples are further away."""
    text = sheet.letters.fit(text, frame.wide * 0.8, SMALL)
    wide = sheet.letters.width(text, SMALL) + 0.06
    middle = y - LABEL / 2
    left = min((abs(at - middle) for x, at in line if x < frame.left + wide), default=frame.high)
    right = min((abs(at - middle) for x, at in line if x > frame.right - wide), default=frame.high)
    style = SMALL.of(LIMIT)
    if left >= right:
        sheet.write(text, (frame.left + 0.04, middle), style, frame.wide, "left", PAPER)
    else:
        sheet.write(text, (frame.right - 0.04, middle), style, frame.wide, "right", PAPER)


def _reach(panel: Panel) -> float:
    return max(abs(value) for _, value in panel.samples)


def _far_limit(panel: Panel) -> float | None:
    """The limit, if it is so far away that it is only told."""
    limit = panel.bound
    if limit is None or not panel.samples:
        return None
    reach = _reach(panel)
    return limit if 0 < FAR * reach < abs(limit) else None


def _said(value: float, unit: str) -> str:
    """A value with its unit, short even where it is astronomical."""
    return measure(value, unit) if abs(value) < GREAT or unit == "bytes" else f"{axis.short(value)} {unit}".strip()
