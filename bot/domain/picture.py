"""What a drawing shows before it is drawn: the services around a failure, a service's indicators; and both in words."""

import math
import unicodedata
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.evidence import Series
from bot.domain.observed import Edge
from bot.domain.wording import measure

HEAPED = 2  # accents on one letter
NAMED = 8  # services named in one breath; the rest are counted
NAME_LETTERS, TITLE_LETTERS, REASON_LETTERS, WORDS_LETTERS = 60, 80, 160, 1_900


class Standing(StrEnum):
    """How a service stands to the one at which a failure begins, the anchor.

    ``CAUSE`` and ``FAILING`` are the anchor itself, suspected or only where it hurts. ``DIRECT`` services call it,
    ``INDIRECT`` ones through others; it calls ``CALLED`` ones, itself or through others. ``OTHER`` is none of these.
    """

    CAUSE = "suspected cause"
    FAILING = "failing service"
    DIRECT = "direct"
    INDIRECT = "indirect"
    CALLED = "dependency"
    OTHER = "on another path"


@dataclass(frozen=True, slots=True)
class Node:
    """A service in the picture of a blast radius. ``since`` is when it began to alert, where that is known."""

    name: str
    standing: Standing
    alerting: bool = False
    since: datetime | None = None

    @property
    def state(self) -> str:
        """The standing in words. What depends on the cause is affected once it alerts, before that only exposed."""
        if self.standing in {Standing.DIRECT, Standing.INDIRECT}:
            return f"{'affected' if self.alerting else 'exposed'} {self.standing}ly"
        return self.standing.value


class Sign(StrEnum):
    """What an indicator tells: the first three are RED, what callers feel; the others USE, what runs out."""

    RATE = "rate"
    ERRORS = "errors"
    DURATION = "duration"
    UTILISATION = "utilisation"
    SATURATION = "saturation"
    FAULTS = "resource errors"

    @property
    def view(self) -> Literal["RED", "USE"]:
        """Which of both views the sign belongs to."""
        return "RED" if self in {Sign.RATE, Sign.ERRORS, Sign.DURATION} else "USE"


@dataclass(frozen=True, slots=True)
class Panel:
    """One indicator of a service. ``limit`` and samples are in ``unit``; ``missing`` says why there is no series."""

    sign: Sign
    title: str
    unit: str
    series: Series | None = None
    limit: float | None = None
    missing: str = ""

    @property
    def samples(self) -> tuple[tuple[datetime, float], ...]:
        """The samples that are numbers, oldest first."""
        return tuple((at, value) for at, value in self.series.samples if math.isfinite(value)) if self.series else ()

    @property
    def bound(self) -> float | None:
        """The limit, if it is a number."""
        return self.limit if self.limit is not None and math.isfinite(self.limit) else None

    @property
    def reason(self) -> str:
        """What stands in the place of the line when there is none."""
        return f"no data: {one_line(self.missing, REASON_LETTERS) or 'no samples in this time'}"


def around(
    anchor: str, edges: Iterable[Edge], alerting: Mapping[str, datetime | None], *, suspected: bool = True
) -> tuple[Node, ...]:
    """The anchor, all that depend on it, all that it depends on, and whatever else alerts, each with its standing.

    ``alerting`` has for each service that alerts since when, or None. ``suspected`` is whether the anchor is taken for
    the cause. A service that both calls the anchor and is called by it counts as depending on it.
    """
    callers: dict[str, list[str]] = {}
    callees: dict[str, list[str]] = {}
    for edge in edges:
        callers.setdefault(edge.callee, []).append(edge.caller)
        callees.setdefault(edge.caller, []).append(edge.callee)
    standings = dict.fromkeys(alerting, Standing.OTHER)
    standings |= dict.fromkeys(_reached(anchor, callees), Standing.CALLED)
    standings |= dict.fromkeys(_reached(anchor, callers), Standing.INDIRECT)
    standings |= dict.fromkeys(callers.get(anchor, ()), Standing.DIRECT)
    standings[anchor] = Standing.CAUSE if suspected else Standing.FAILING
    order = list(Standing)
    return tuple(
        Node(name, standing, name in alerting, alerting.get(name))
        for name, standing in sorted(standings.items(), key=lambda one: (order.index(one[1]), one[0]))
    )


def blast_words(title: str, nodes: Collection[Node], zone: str) -> str:
    """What the picture of a blast radius shows, for whoever does not see it; at most 1,900 characters."""
    said = [f"{one_line(title, TITLE_LETTERS)}: {sum(node.alerting for node in nodes)} of {len(nodes)} services alert."]
    there = zone_named(zone)
    for standing, words in _ALOUD.items():
        alike = sorted(
            (node for node in nodes if node.standing is standing), key=lambda one: (not one.alerting, one.name)
        )
        if alike:
            told = ", ".join(_node_words(node, there) for node in alike[:NAMED])
            more = f" and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
            counted = f" ({len(alike)})" if len(alike) > 1 else ""
            said.append(f"{words}{counted}: {told}{more}.")
    return one_line(" ".join(said), WORDS_LETTERS)


def panel_words(
    title: str, panels: Sequence[Panel], onset: datetime | None, marks: Mapping[str, datetime], zone: str
) -> str:
    """What the picture of a service's indicators shows, for whoever does not see it; at most 1,900 characters."""
    there = zone_named(zone)
    moments = [at for panel in panels for at, _ in panel.samples]
    first = f"{min(moments).astimezone(there):%d %b %Y} " if moments else ""
    span = f", {first}{_clock(min(moments), there)} to {_clock(max(moments), there, named=True)}" if moments else ""
    said = [f"{one_line(title, TITLE_LETTERS)}{span}."]
    if onset is not None:
        said.append(f"It changes at {_clock(onset, there, named=True)}.")
    if marks:
        timely = sorted(marks.items(), key=lambda mark: (mark[1], mark[0]))
        named = ", ".join(f"{one_line(name, NAME_LETTERS)} at {_clock(at, there)}" for name, at in timely[:NAMED])
        said.append(f"Changes: {named}.")
    return one_line(" ".join([*said, *(_panel_sentence(panel) for panel in panels)]), WORDS_LETTERS)


def one_line(text: str, most: int) -> str:
    """Text from outside as one line of at most so many letters, without control characters and heaped-up accents."""
    composed = unicodedata.normalize("NFC", " ".join(text[: 20 * most].split()))
    kept = "".join(
        one
        for place, one in enumerate(composed)
        if unicodedata.category(one) not in _UNSEEN
        and not all(unicodedata.combining(near) for near in composed[max(place - HEAPED, 0) : place + 1])
    )
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def zone_named(name: str) -> tzinfo:
    """The zone of that name; UTC where nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Me"}
_ALOUD = {
    Standing.CAUSE: "Suspected cause",
    Standing.FAILING: "Failing service",
    Standing.DIRECT: "Call it directly",
    Standing.INDIRECT: "Depend on it through others",
    Standing.CALLED: "Its dependencies",
    Standing.OTHER: "On another path",
}


def _reached(start: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    found = {start}
    todo = deque([start])
    while todo:
        fresh = set(ways.get(todo.popleft(), ())) - found
        found |= fresh
        todo.extend(fresh)
    return found - {start}


def _node_words(node: Node, zone: tzinfo) -> str:
    since = f" since {_clock(node.since, zone, named=True)}" if node.alerting and node.since else ""
    return one_line(node.name, NAME_LETTERS) + (f" (alerting{since})" if node.alerting else "")


def _panel_sentence(panel: Panel) -> str:
    name = f"{panel.sign.capitalize()}, {one_line(panel.title, NAME_LETTERS)}"
    if not panel.samples:
        return f"{name}: {panel.reason}."
    values = [value for _, value in panel.samples]
    unit = one_line(panel.unit, NAME_LETTERS)
    said = f"{name}: from {measure(values[0], unit)} to {measure(values[-1], unit)}"
    said += f", between {measure(min(values), unit)} and {measure(max(values), unit)}"
    return said + (f", the limit is {measure(panel.bound, unit)}." if panel.bound is not None else ".")


def _clock(at: datetime, zone: tzinfo, *, named: bool = False) -> str:
    there = at.astimezone(zone)
    return f"{there:%H:%M}{f' {there:%Z}' if named else ''}"
