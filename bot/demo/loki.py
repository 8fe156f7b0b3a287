"""The demo's logs, in the words of Loki's HTTP API: ``/loki/api/v1/query_range`` and what goes with it.

It is no Loki: it knows stream selectors and line filters, which is what a reader of logs asks for. Whatever it shows is
of the demo's own services, and its streams are labelled ``sample="demo"``.
See https://grafana.com/docs/loki/latest/reference/loki-http-api/.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.demo.collected import Collected, Record

MOST_LINES, USUAL_LINES = 5000, 100
USUAL_SECONDS = 3600.0
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*')
_FILTER = re.compile(r'\s*(\|=|!=|\|~|!~)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*')
_OWN = ("at", "level", "service", "event")
_PLAIN = re.compile(r"[^\s\"=]+")


class BadQuery(ValueError):
    """The query or a parameter is not one that is answered. The text says why, as Loki would."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: conditions on the stream's labels, then on the line."""

    streams: tuple[Callable[[Mapping[str, str]], bool], ...]
    lines: tuple[Callable[[str], bool], ...]


class LokiApi:
    """Answers over what was collected. ``hosts`` has each service's host."""

    def __init__(self, logs: Collected, hosts: Mapping[str, str], wall: Callable[[], float]) -> None:
        self._logs, self._hosts, self._wall = logs, hosts, wall

    def add_to(self, app: web.Application) -> None:
        """Put its pages into an application."""
        app.add_routes(
            [
                web.get("/ready", self._ready),
                web.get("/loki/api/v1/query_range", self._query_range),
                web.post("/loki/api/v1/query_range", self._query_range),
                web.get("/loki/api/v1/labels", self._labels),
                web.get("/loki/api/v1/label/{name}/values", self._values),
            ]
        )

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    async def _query_range(self, request: web.Request) -> web.Response:
        given: Mapping[str, Any] = {**request.query, **await request.post()}
        try:
            return web.json_response(self.query_range({name: str(value) for name, value in given.items()}))
        except BadQuery as failure:
            return web.Response(text=f"{failure}\n", status=400)

    def query_range(self, given: Mapping[str, str]) -> dict[str, object]:
        """The answer to a query. Raises ``BadQuery``."""
        wanted = read(given.get("query", ""))
        now = self._wall()
        end = _moment(given.get("end", ""), now)
        start = _moment(given.get("start", ""), end - USUAL_SECONDS)
        if end < start:
            raise BadQuery("end timestamp must not be before or equal to start time")
        limit = _limit(given.get("limit", ""))
        backward = given.get("direction", "backward").lower() != "forward"
        records = self._logs.between(start, end)
        streams: dict[tuple[tuple[str, str], ...], list[list[str]]] = {}
        for record in reversed(records) if backward else records:
            labels, line = self._labels_of(record), text_of(record)
            if all(holds(labels) for holds in wanted.streams) and all(holds(line) for holds in wanted.lines):
                streams.setdefault(tuple(labels.items()), []).append([str(round(record["at"] * 1e6) * 1000), line])
                limit -= 1
                if not limit:
                    break
        result = [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
        return _success({"resultType": "streams", "result": result, "stats": {}})

    async def _labels(self, _: web.Request) -> web.Response:
        return web.json_response(_success(sorted({name for one in self._streams() for name in one})))

    async def _values(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response(_success(sorted({one[name] for one in self._streams() if name in one})))

    def _streams(self) -> list[Mapping[str, str]]:
        return [self._labels_of(record) for record in self._logs.everything()]

    def _labels_of(self, record: Record) -> Mapping[str, str]:
        service = str(record["service"])
        return {
            "service_name": service,
            "host": self._hosts.get(service, ""),
            "level": str(record["level"]),
            "sample": "demo",
        }


def text_of(record: Record) -> str:
    """A record as a line: what happened, then ``name=value`` for the particulars."""
    words = [str(record["event"])]
    for name, value in record.items():
        if name not in _OWN and value is not None:
            text = str(value)
            words.append(f"{name}={text}" if _PLAIN.fullmatch(text) else f'{name}="{text}"')
    return " ".join(words)


def read(query: str) -> Wanted:
    """The query ``{label="value", …}`` with line filters. Raises ``BadQuery`` for anything else."""
    text = query.strip()
    if not text.startswith("{"):
        raise BadQuery(f"parse error at line 1, col 1: syntax error: unexpected {text[:20]!r}, expecting a selector")
    place, streams = 1, []
    while found := _MATCHER.match(text, place):
        streams.append(_label_holds(found[1], found[2], _unquoted(found[3])))
        place = found.end()
        if not text.startswith(",", place):
            break
        place += 1
    if not streams or not text.startswith("}", place):
        raise BadQuery(f"parse error at line 1, col {place + 1}: expected a label, a sign and a quoted value, or }}")
    place, lines = place + 1, []
    while found := _FILTER.match(text, place):
        lines.append(_line_holds(found[1], _unquoted(found[2])))
        place = found.end()
    if text[place:].strip():
        raise BadQuery(
            f"parse error at line 1, col {place + 1}: the demo's logs answer stream selectors and line filters only"
        )
    return Wanted(tuple(streams), tuple(lines))


def _label_holds(label: str, sign: str, value: str) -> Callable[[Mapping[str, str]], bool]:
    pattern = _pattern(value) if "~" in sign else re.compile(re.escape(value))
    return lambda labels: (pattern.fullmatch(labels.get(label, "")) is not None) is not sign.startswith("!")


def _line_holds(sign: str, value: str) -> Callable[[str], bool]:
    pattern = _pattern(value) if "~" in sign else re.compile(re.escape(value))
    return lambda line: (pattern.search(line) is not None) is not sign.startswith("!")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as failure:
        raise BadQuery(f"parse error: error parsing regexp: {failure}") from failure


def _unquoted(quoted: str) -> str:
    return quoted[1:-1] if quoted[0] == "`" else re.sub(r"\\(.)", r"\1", quoted[1:-1])


def _moment(text: str, usual: float) -> float:
    """Seconds: from nanoseconds, from seconds with a fraction, or from RFC 3339."""
    if not text:
        return usual
    if re.fullmatch(r"\d{1,11}(\.\d+)?", text):
        return float(text)
    if re.fullmatch(r"\d{12,20}", text):
        return int(text) / 1e9
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise BadQuery(f"could not parse {text[:40]!r} as a time") from None


def _limit(text: str) -> int:
    if not text:
        return USUAL_LINES
    if not text.isdecimal() or not int(text):
        raise BadQuery("limit must be a positive value")
    if int(text) > MOST_LINES:
        raise BadQuery(f"max entries limit per query exceeded, limit > max_entries_limit ({text} > {MOST_LINES})")
    return int(text)


def _success(data: object) -> dict[str, object]:
    return {"status": "success", "data": data}
