"""What skills may ask of the world, as protocols. Adapters live in sources, runners, knowledge and storage."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.evidence import Empty, Failed, Found, Series, Window
from bot.domain.incident import Alert
from bot.domain.journal import Line
from bot.domain.observed import Calls, Edge, Happening, LogLine, Work
from bot.domain.passage import Answer, Document, DocumentKind
from bot.domain.picture import Node, Panel
from bot.domain.policy import Actor
from bot.domain.run import Call, Plan, Progress, RunResult, RunState
from bot.domain.signal import Signal

T = TypeVar("T")
OnProgress = Callable[[Progress], Awaitable[None]]
Json = Mapping[str, object]


class Metrics(Protocol):
    """Time series. Queries are PromQL; a source that cannot do all of it says so in ``Failed``."""

    async def range(
        self, query: str, window: Window, step_seconds: float
    ) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Every series that the query selects in the window, one sample a step. Never raises for an outage."""
        ...

    async def instant(self, query: str, at: datetime) -> Found[tuple[Series, ...]] | Empty | Failed:
        """Every series' value at that moment (one sample each)."""
        ...


class Logs(Protocol):
    """Lines of logs."""

    @property
    def name(self) -> str:
        """What people call the source."""
        ...

    async def lines(self, service: str, window: Window, limit: int) -> Found[tuple[LogLine, ...]] | Empty | Failed:
        """The service's newest lines in the window, oldest first, at most ``limit``. Never raises for an outage.

        Where exactly ``limit`` came back, the window before the first of them was not read.
        """
        ...


class Traces(Protocol):
    """Who calls whom, and how long that takes, from traces."""

    @property
    def name(self) -> str:
        """What people call the source."""
        ...

    async def calls(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Calls, ...]] | Empty | Failed:
        """Calls from or to one of the services, added up per caller, callee and step. Never raises for an outage."""
        ...

    async def work(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Work, ...]] | Empty | Failed:
        """What those services did, added up per service, operation and step. Never raises for an outage."""
        ...


class Cluster(Protocol):
    """What a cluster did to the workloads of services."""

    @property
    def name(self) -> str:
        """What people call the source."""
        ...

    async def happenings(
        self, services: Sequence[str], window: Window
    ) -> Found[tuple[Happening, ...]] | Empty | Failed:
        """What happened to those services' workloads in the window, oldest first. Never raises for an outage."""
        ...


class Deploys(Protocol):
    """Changes that are asked for, besides those that are reported to Fettle."""

    @property
    def name(self) -> str:
        """What people call the source."""
        ...

    async def changes(self, services: Sequence[str], window: Window) -> Found[tuple[Signal, ...]] | Empty | Failed:
        """Changes of those services in the window as signals, newest first. Never raises for an outage."""
        ...


class Runner(Protocol):
    """Carries out one kind of action."""

    name: str

    async def plan(self, call: Call) -> Plan:
        """A dry run: nothing changes. Never raises for a failing tool: the plan says ``ok=False`` and why."""
        ...

    async def run(self, call: Call, run_id: str, on_progress: OnProgress) -> RunResult:
        """Run it to the end. ``run_id`` names the run for ``status`` and ``cancel``, also after a restart."""
        ...

    async def status(self, run_id: str) -> RunState:
        """What is known about a run that somebody began: UNKNOWN when it was begun and its end was not seen."""
        ...

    async def result(self, run_id: str) -> RunResult | None:
        """What a run recorded when it ended, None when it has not ended or recorded nothing."""
        ...

    async def cancel(self, run_id: str) -> bool:
        """Stop a run and everything that it started. True when a live run was stopped."""
        ...


class Looker(Protocol):
    """Carries out one kind of read-only step."""

    async def look(self, command: str, host: Mapping[str, str | int] | None, timeout_seconds: float) -> RunResult:
        """Run it and give its output. Raises ``Refused`` when it is not read-only."""
        ...


class Knowledge(Protocol):
    """What is written down."""

    async def search(
        self,
        query: str,
        *,
        expression: str = "",
        service: str | None = None,
        kind: DocumentKind | None = None,
        limit: int = 5,
    ) -> Answer:
        """The passages that speak to the question, with how far to trust them.

        ``expression`` is the alert rule's query where one is known: the names of its metrics help to find the page.
        """
        ...

    async def document(self, path: str) -> Document | None:
        """A whole document, by the path under which passages cite it; None when it is not there any more."""
        ...


class People(Protocol):
    """Who somebody is in Slack, and which roles they have now."""

    async def actor(self, user: str) -> Actor:
        """The person, with roles from the configuration and from Slack's user groups."""
        ...

    async def with_role(self, role: str) -> tuple[str, ...]:
        """The ids of the people who have that role now."""
        ...


class Pictures(Protocol):
    """Drawings for messages."""

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
        """Draw a metric with its onset, its limit and marks; gives the picture's id, the same for the same drawing."""
        ...

    async def blast_radius(self, title: str, nodes: Collection[Node], edges: Collection[Edge], zone: str) -> str:
        """Draw the call graph around a failure."""
        ...

    async def panels(
        self, title: str, panels: Sequence[Panel], onset: datetime | None, marks: Mapping[str, datetime], zone: str
    ) -> str:
        """Draw a service's indicators as one picture, RED and USE."""
        ...


class State(Protocol):
    """Everything that Fettle has saved, for reading. Each call sees one consistent moment."""

    async def get(self, kind: type[T], thing_id: str | int) -> T:
        """The thing with that id. Raises ``NotFound`` in words for a person."""
        ...

    async def find(self, kind: type[T], /, *, limit: int = 100, newest: bool = True, **where: object) -> tuple[T, ...]:
        """Things by indexed columns; a tuple or list as value means any of them; ``name__before`` a time limit."""
        ...

    async def next_incident(self) -> int:
        """The number that the next incident would have; saving a second one with it is ``Stale``."""
        ...

    async def waiting_signals(self, limit: int) -> tuple[Signal, ...]:
        """Signals that have no place yet, oldest first."""
        ...

    async def holders(self, fingerprints: Sequence[str]) -> Mapping[str, Alert]:
        """For each fingerprint the alert that an open incident holds under it."""
        ...

    async def changes(self, services: Sequence[str], window: Window) -> tuple[Signal, ...]:
        """Change signals of those services in the window, newest first."""
        ...

    async def journal(self, incident: int, limit: int = 200) -> tuple[Line, ...]:
        """The journal's lines about an incident, oldest first."""
        ...

    async def progress(self, key: str) -> Json | None:
        """What ``Context.progress`` noted last under that key."""
        ...

    async def permalink(self, key: str) -> str:
        """The address of the message with that key, empty when it has not been posted."""
        ...


class Demo(Protocol):
    """The demo's small service and its faults."""

    async def faults(self) -> Mapping[str, str]:
        """The faults that can be chosen, each with what it does."""
        ...

    async def break_(self, fault: str) -> str:
        """Break it; gives what was done, in words. Raises ``Refused`` for an unknown fault or one that is on."""
        ...

    async def reset(self) -> str:
        """Make everything healthy again; gives what was done, in words."""
        ...
