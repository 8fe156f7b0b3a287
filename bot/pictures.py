"""Drawings of metrics for messages, made beside the event loop and kept under an id of what they show."""

import asyncio
import hashlib
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.evidence import Series
from bot.domain.wording import measure

WIDE, HIGH, DOTS = 6.4, 2.4, 140  # inches and dots per inch: sharp in Slack, and some 30 kB
LINE, ONSET, LIMIT, DEPLOY = "#1d6fb8", "#c62f2f", "#8a6d00", "#5b3fa0"
MARK_LETTERS = 40

Keep = Callable[[str, bytes, str], Awaitable[None]]


class MetricPictures:
    """Draws with matplotlib. ``keep`` stores a picture by its id, with what it shows in words."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep

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
        """Draw one series with its onset, its limit and marks; times on the axis are those of ``zone``."""
        samples = [(at.timestamp(), value) for at, value in series.samples]
        marked = sorted((name, at.timestamp()) for name, at in marks.items())
        content = (title, unit, samples, marked, str(onset), limit, zone)
        picture_id = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
        words = in_words(title, unit, series, onset, marks, limit)
        png = await asyncio.to_thread(_draw, title, unit, series, onset, marks, limit, _zone(zone))
        await self._keep(picture_id, png, words)
        return picture_id


def in_words(
    title: str, unit: str, series: Series, onset: datetime | None, marks: Mapping[str, datetime], limit: float | None
) -> str:
    """What the picture shows, for whoever does not see it."""
    values = [value for _, value in series.samples]
    if not values:
        return f"{title}: no samples."
    first, last = series.samples[0][0], series.samples[-1][0]
    said = [
        f"{title} from {first:%H:%M} to {last:%H:%M} UTC",
        f"from {measure(values[0], unit)} to {measure(values[-1], unit)}",
        f"at most {measure(max(values), unit)}",
    ]
    if limit is not None:
        said.append(f"the limit is {measure(limit, unit)}")
    if onset is not None:
        said.append(f"it changes at {onset:%H:%M:%S}")
    said += [f"{name} at {at:%H:%M:%S}" for name, at in sorted(marks.items(), key=lambda mark: mark[1])]
    return ", ".join(said) + "."


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


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
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(WIDE, HIGH), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    times = [at.astimezone(zone) for at, _ in series.samples]
    axes.plot(times, [value for _, value in series.samples], color=LINE, linewidth=1.8)  # type: ignore[arg-type]  # dates are plotted, the stubs know numbers only
    if limit is not None:
        axes.axhline(limit, color=LIMIT, linewidth=1, linestyle="--")
        axes.annotate(
            f"limit {measure(limit, unit)}", (0.005, limit), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", color=LIMIT, fontsize=8,
        )  # fmt: skip
    if times:
        shown = {name: at for name, at in marks.items() if times[0] <= at.astimezone(zone) <= times[-1]}
        lines = [(name, at, DEPLOY) for name, at in sorted(shown.items(), key=lambda mark: mark[1])]
        if onset is not None:
            lines.append(("onset", onset, ONSET))
        for row, (name, at, colour) in enumerate(lines):
            axes.axvline(at.astimezone(zone), color=colour, linewidth=1.2)  # type: ignore[arg-type]  # as above
            axes.annotate(
                _plain(name)[:MARK_LETTERS], (at.astimezone(zone), 1.0), xycoords=("data", "axes fraction"),
                xytext=(3, -10 - 11 * (row % 3)), textcoords="offset points", color=colour, fontsize=8,
            )  # fmt: skip
    axes.set_title(_plain(title)[:80], loc="left", fontsize=10)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: measure(value, unit)))
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # has no types
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]  # as above
    axes.tick_params(labelsize=8)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=min(0.0, *(value for _, value in series.samples)) if series.samples else 0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")
