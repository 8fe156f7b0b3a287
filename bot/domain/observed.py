"""What sources besides metrics observe: lines of logs, calls between services, and what a cluster did."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """How grave a line of a log calls itself; ``OTHER`` where it does not say."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a service's log, in UTC. ``text`` is from outside and at most 4,000 characters long."""

    at: datetime
    service: str
    text: str
    level: Level = Level.OTHER


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls from one service to another in one span of time.

    ``at`` is the span's beginning and ``seconds`` its length. ``count`` and ``errors`` are numbers of calls;
    ``client_seconds`` and ``server_seconds`` are how long the caller waited and how long the callee worked, the median,
    None where nobody measured it. ``caller`` is empty for what comes from outside. ``counted`` is False where the
    number of calls is only a guess, as for a service mesh's quantiles.
    """

    at: datetime
    seconds: float
    caller: str
    callee: str
    count: int
    errors: int = 0
    client_seconds: float | None = None
    server_seconds: float | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """What a service did in one span of time, by operation (an endpoint, a query, a handler), from traces.

    ``count`` and ``errors`` are numbers of spans; ``own_seconds`` is how long one took without what it waited for
    (the median, None where nobody measured it).
    """

    at: datetime
    seconds: float
    service: str
    operation: str
    count: int
    errors: int = 0
    own_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a cluster did to a service's workload: killed for memory, restarted, not scheduled.

    ``reason`` is the cluster's own word (``OOMKilled``, ``BackOff``), ``count`` how often until ``at``; ``warning`` is
    whether the cluster calls it one.
    """

    at: datetime
    service: str
    reason: str
    text: str
    count: int = 1
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """One service depends on another. ``source`` says who knows."""

    caller: str
    callee: str
    source: str
