"""Drawings of metrics for messages, made beside the event loop and kept under an id of what they show."""

import asyncio
import hashlib
import io
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.evidence import Series
from bot.domain.wording import measure

WIDE, HIGH, DOTS = 6.4, 2.4, 140  # inches and dots per inch: sharp in Slack, and some 30 kB
LINE, ONSET, LIMIT, DEPLOY = "#1d6fb8", "#c62f2f", "#8a6d00", "#5b3fa0"
TITLE_LETTERS, MARK_LETTERS = 80, 40
SECONDS_SHOWN = timedelta(minutes=10)
ROWS, ROOM = 3, 0.1  # names of marks stand in so many rows above the line, each as high as that part of the axis

Keep = Callable[[str, bytes, str], Awaitable[None]]


class MetricPictures:
    """Draws with matplotlib, one picture after the other.

    ``keep`` stores a picture by its id, with what it shows in words.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._one_at_a_time = asyncio.Lock()

    async def metric(
        self,
        title: str,
        unit: str,
        series: Series,
        onset: datetime | None,
        marks: Mapping[str, datetime],
        limit: float | None,
        zone: str,
    ) -> str:
        """Draw one series with its onset, its limit and marks; times on the axis are those of ``zone``.

        Samples that are no numbers are gaps.
        """
        if limit is not None and not math.isfinite(limit):
            limit = None
        samples = [(at.timestamp(), repr(value)) for at, value in series.samples]
        marked = sorted((name, at.timestamp()) for name, at in marks.items())
        content = (title, unit, samples, marked, onset and onset.timestamp(), limit, zone)
        picture_id = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
        words = in_words(title, unit, series, onset, marks, limit)
        async with self._one_at_a_time:
            png = await asyncio.to_thread(_draw, title, unit, series, onset, marks, limit, _zone(zone))
        await self._keep(picture_id, png, words)
        return picture_id


def in_words(
    title: str, unit: str, series: Series, onset: datetime | None, marks: Mapping[str, datetime], limit: float | None
) -> str:
    """What the picture shows, for whoever does not see it."""
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
    said += [f"{name} at {at.astimezone(UTC):%H:%M:%S}" for name, at in sorted(marks.items(), key=lambda mark: mark[1])]
    return ", ".join(said) + "."


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _alone(values: Sequence[float]) -> list[float]:
    """The values between two gaps, which no line would show; NaN for all others."""
    around = [math.nan, *values, math.nan]
    return [
        value if math.isnan(around[place]) and math.isnan(around[place + 2]) else math.nan
        for place, value in enumerate(values)
    ]


def _draw(
    title: str,
    unit: str,
    series: Series,
    onset: datetime | None,
    marks: Mapping[str, datetime],
    limit: float | None,
    zone: ZoneInfo,
) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, DateFormatter
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ticker import FuncFormatter

    drawable = get_font(findfont(FontProperties())).get_charmap()

    def plain(text: str, most: int) -> str:
        """One line of characters that the font has, not taken for mathematics."""
        known = "".join(one if ord(one) in drawable else "?" for one in " ".join(text.split()))
        return (known if len(known) <= most else known[: most - 1] + "…").replace("$", r"\$")

    def number(value: float) -> str:
        return plain(measure(value, unit), MARK_LETTERS)

    figure = Figure(figsize=(WIDE, HIGH), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    times = [at.astimezone(zone) for at, _ in series.samples]
    values = [value if math.isfinite(value) else math.nan for _, value in series.samples]
    finite = [value for value in values if not math.isnan(value)]
    # Above the axis and not cut off at it: a line at zero would lie hidden there.
    over: dict[str, Any] = {"color": LINE, "zorder": 3, "clip_on": False}
    axes.plot(times, values, linewidth=1.8, **over)  # type: ignore[arg-type]  # dates are plotted, the stubs know numbers only
    axes.plot(times, _alone(values), linestyle="", marker="o", markersize=3, **over)  # type: ignore[arg-type]  # as above
    if limit is not None:
        axes.axhline(limit, color=LIMIT, linewidth=1, linestyle="--")
        axes.annotate(
            f"limit {number(limit)}", (0.005, limit), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", color=LIMIT, fontsize=8,
        )  # fmt: skip
    lines = [(name, at, DEPLOY) for name, at in sorted(marks.items(), key=lambda mark: mark[1])]
    if onset is not None:
        lines.append(("onset", onset, ONSET))
    lines = [(name, at, colour) for name, at, colour in lines if times and times[0] <= at <= times[-1]]
    for row, (name, at, colour) in enumerate(lines):
        axes.axvline(at.astimezone(zone), color=colour, linewidth=1.2)  # type: ignore[arg-type]  # as above
        axes.annotate(
            plain(name, MARK_LETTERS), (at.astimezone(zone), 1.0), xycoords=("data", "axes fraction"),
            xytext=(3, -10 - 11 * (row % ROWS)), textcoords="offset points", color=colour, fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
        )  # fmt: skip
    axes.set_title(plain(title, TITLE_LETTERS), loc="left", fontsize=10)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: number(value)))
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # has no types
    axes.xaxis.set_major_locator(locator)
    seconds = bool(times) and times[-1] - times[0] < SECONDS_SHOWN
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S" if seconds else "%H:%M", tz=zone))  # type: ignore[no-untyped-call]  # as above
    if times:
        axes.set_xlabel(f"{times[-1]:%d %b %Y, %Z}", loc="right", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.xaxis.get_offset_text().set_fontsize(8)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=min(0.0, *finite) if finite else 0.0)
    if lines:
        bottom, top = axes.get_ylim()
        axes.set_ylim(top=top + (top - bottom) * ROOM * min(len(lines), ROWS))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
