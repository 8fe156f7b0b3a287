"""What a language model may look up, and what an answer may rest on. Everything here only reads."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.domain import wording as w
from bot.domain.cause import CauseReport, Search
from bot.domain.evidence import Found, Window
from bot.domain.incident import Incident
from bot.domain.model import Arguments, Piece, Tool
from bot.domain.passage import Answer, Band, Passage
from bot.domain.signal import Signal
from bot.errors import Refused
from bot.skill import Context

CHANGES_BACK = timedelta(hours=24)
LONGEST_PIECE = 4_000
ONE_TEXT: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": 300}


class Shelf:
    """Pieces of evidence by id, and where each opens."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._urls: dict[str, tuple[str, str]] = {}
        self._pages: dict[str, str] = {}

    @property
    def texts(self) -> Mapping[str, str]:
        """Every piece by its id."""
        return dict(self._texts)

    def put(self, key: str, text: str, title: str, url: str = "") -> Piece:
        """A piece under a short id of its own; the same key is the same piece, with the newest text."""
        if key not in self._ids:
            self._ids[key] = f"P{len(self._ids) + 1}"
        name = self._ids[key]
        self._texts[name] = text[:LONGEST_PIECE]
        self._urls[name] = (title, url)
        return Piece(name, self._texts[name])

    def opens(self, name: str) -> str:
        """The page and section (``path#anchor``) behind a piece, empty where it is no page."""
        return self._pages.get(name, "")

    def passage(self, one: Passage) -> Piece:
        """A passage as a piece."""
        title = f"{one.title} › {one.heading}" if one.heading else one.title
        piece = self.put(one.citation, f"{title}\n{one.text}", title, one.url or "")
        self._pages[piece.id] = f"{one.document}#{one.anchor}"
        return piece

    def passages(self, found: Answer) -> list[Piece]:
        """The passages of an answer as pieces."""
        return [self.passage(one) for one in found.passages]

    def report(self, key: str, title: str, report: CauseReport) -> list[Piece]:
        """A report's evidence as pieces."""
        return [
            self.put(f"{key}:{one.id}", f"{one.kind} of {one.service}: {one.text}", title) for one in report.evidence
        ]

    def cite(self, name: str) -> str:
        """A piece as a citation that opens."""
        title, url = self._urls.get(name, (name, ""))
        return w.link(url, w.line(title, 100))


class Looking:
    """What may be looked up: pages, indicators, changes, open incidents. Needs the ports knowledge and metrics."""

    def __init__(self, shelf: Shelf, ctx: Context) -> None:
        self._shelf, self._ctx = shelf, ctx

    def tools(self) -> list[Tool]:
        """The tools."""
        question, service = _texts(question="what to look for"), _texts(service="the service's name")
        return [
            Tool(
                "search_pages",
                "Passages of runbooks, post-mortems and past incidents about a question.",
                question,
                self._pages,
            ),
            Tool(
                "read_indicators",
                "The newest value of every indicator of a service, with its limit.",
                service,
                self._indicators,
            ),
            Tool(
                "list_changes",
                "Deploys, flags and other changes of a service in the last 24 hours.",
                service,
                self._changes,
            ),
            Tool("list_incidents", "The incidents that are open, with their causes.", _texts(), self._incidents),
        ]

    async def _pages(self, given: Arguments) -> Sequence[Piece]:
        found = await self._ctx.knowledge.search(str(given["question"]), limit=3)
        return [] if found.band is Band.NONE else self._shelf.passages(found)

    def _service(self, given: Arguments) -> str:
        name, known = str(given["service"]), self._ctx.catalogue.services
        if name not in known:
            raise Refused(f"There is no service {w.line(name, 60)}; there are {w.listed(sorted(known), 30)}.")
        return name

    async def _indicators(self, given: Arguments) -> Sequence[Piece]:
        service = self._ctx.catalogue.services[self._service(given)]
        lines = []
        for one in service.indicators:
            answer = await self._ctx.metrics.instant(one.query, self._ctx.clock())
            values = [series.samples[-1][1] for series in answer.data] if isinstance(answer, Found) else []
            value = w.measure(max(values), one.unit) if values else "could not be read"
            limit = f", limit {w.measure(one.limit, one.unit)}" if one.limit is not None else ""
            lines.append(f"{one.title or one.name}: {value}{limit}")
        text = f"{service.name} at {self._ctx.clock():%H:%M:%S} UTC\n" + "\n".join(lines)
        return [self._shelf.put(f"indicators:{service.name}", text, f"indicators of {service.name}", service.url)]

    async def _changes(self, given: Arguments) -> Sequence[Piece]:
        name = self._service(given)
        window = Window(self._ctx.now - CHANGES_BACK, self._ctx.clock())
        found = await self._ctx.state.changes([name], window)
        text = "\n".join(_change(one) for one in found[:20]) or f"No change of {name} is known in the last 24 hours."
        return [self._shelf.put(f"changes:{name}", text, f"changes of {name}")]

    async def _incidents(self, _given: Arguments) -> Sequence[Piece]:
        pieces = []
        for one in await self._ctx.state.find(Incident, closed=False, limit=10):
            search = await self._ctx.state.find(Search, incident=one.id, limit=1)
            text = known(one, search[0].report if search else None)
            link = await self._ctx.state.permalink(f"incident:{one.id}")
            pieces.append(self._shelf.put(one.thing, text, one.name, link))
        return pieces or [self._shelf.put("incidents", "No incident is open.", "open incidents")]


def known(incident: Incident, report: CauseReport | None) -> str:
    """What is known about an incident's cause, as a plain text."""
    lines = [f"{incident.name} {incident.title}: {incident.state}, since {incident.started_at:%Y-%m-%d %H:%M} UTC"]
    for one in report.hypotheses[:3] if report else ():
        lines.append(f"{one.text} ({w.percent(one.confidence)})")
        lines += [f"- {piece.text}" for piece in report.cited(one.supports)[:4]] if report else []
    return "\n".join(lines)


def _change(one: Signal) -> str:
    return f"{one.at:%Y-%m-%d %H:%M} UTC {one.service} {one.name} {one.facts.get('version', '')}: {one.summary}"


def _texts(**named: str) -> Mapping[str, object]:
    """The JSON Schema of texts by name, each with what it is for."""
    properties = {name: {**ONE_TEXT, "description": words} for name, words in named.items()}
    return {"type": "object", "properties": properties, "required": list(named), "additionalProperties": False}
