"""Pictures for messages: drawn beside the event loop, and kept under an id of what they show."""

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

from bot.domain.evidence import Series
from bot.domain.observed import Edge
from bot.domain.picture import Node, Panel, blast_words, panel_words, zone_named
from bot.pictures import graph, metric
from bot.pictures.panels import draw as draw_panels

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
        content = (title, unit, _samples(series), _marks(marks), onset and onset.timestamp(), limit, zone)
        words = metric.in_words(title, unit, series, onset, marks, limit)
        there = zone_named(zone)
        return await self._drawn(
            content, words, lambda: metric.draw(title, unit, series, onset, marks, limit, there).png()
        )

    async def blast_radius(self, title: str, nodes: Collection[Node], edges: Collection[Edge], zone: str) -> str:
        """Draw the call graph around a failure, callers on the left; what is too much to be read is counted.

        Edges to services that are not among ``nodes`` are left out. Times are those of ``zone``.
        """
        there = zone_named(zone)
        known = sorted((node.name, node.standing, node.alerting, _moment(node.since)) for node in nodes)
        calls = sorted({(edge.caller, edge.callee) for edge in edges})
        words = blast_words(title, nodes, zone)
        return await self._drawn(
            ("blast radius", title, known, calls, zone), words, lambda: graph.draw(title, nodes, edges, there).png()
        )

    async def panels(
        self, title: str, panels: Sequence[Panel], onset: datetime | None, marks: Mapping[str, datetime], zone: str
    ) -> str:
        """Draw a service's indicators as small panels on one axis of time, RED on the left and USE on the right.

        A panel without samples says why. Times are those of ``zone``.
        """
        there = zone_named(zone)
        shown = [
            (one.sign, one.title, one.unit, one.bound, one.series and _samples(one.series), one.missing)
            for one in panels
        ]
        content = ("panels", title, shown, _moment(onset), _marks(marks), zone)
        words = panel_words(title, panels, onset, marks, zone)
        return await self._drawn(content, words, lambda: draw_panels(title, panels, onset, marks, there).png())

    async def _drawn(self, content: object, words: str, draw: Callable[[], bytes]) -> str:
        picture_id = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
        async with self._one_at_a_time:
            png = await asyncio.to_thread(draw)
        await self._keep(picture_id, png, words)
        return picture_id


def _samples(series: Series) -> list[tuple[float, str]]:
    return [(at.timestamp(), repr(value)) for at, value in series.samples]


def _marks(marks: Mapping[str, datetime]) -> list[tuple[str, float]]:
    return sorted((name, at.timestamp()) for name, at in marks.items())


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else -math.inf
