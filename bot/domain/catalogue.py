"""The service catalogue: what runs where, who calls whom, and which indicators tell how it does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.domain.cause import CauseKind


@dataclass(frozen=True, slots=True)
class Indicator:
    """A measurable sign of how a service does.

    ``query`` is PromQL; ``kind`` is the kind of cause that a deviation points to; ``bad`` is the direction that hurts;
    ``limit`` is where people call it bad; ``floor`` is the smallest move, in the indicator's unit, worth noticing.
    ``role`` tells a symptom (what callers feel) from a resource (what runs out).
    """

    name: str
    query: str
    kind: CauseKind
    role: Literal["symptom", "resource"] = "symptom"
    unit: str = ""
    title: str = ""
    limit: float | None = None
    bad: Literal["high", "low"] = "high"
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its owner, the services that it calls, its hosts and its indicators.

    ``known_as`` is what a source calls it where that is not its name: ``loki`` a selector, ``github`` an
    ``owner/repository``, ``argocd`` an application, ``kubernetes`` a ``namespace/workload``, ``traces`` a name.
    """

    name: str
    title: str = ""
    owner: str = ""
    environment: str = "production"
    calls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    url: str = ""
    indicators: tuple[Indicator, ...] = ()
    known_as: Mapping[str, str] = field(default_factory=dict)

    def indicator(self, name: str) -> Indicator | None:
        """The indicator of that name."""
        return next((one for one in self.indicators if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every service and host."""

    services: Mapping[str, Service] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)

    def callees(self, service: str) -> frozenset[str]:
        """Every service that this one calls, directly or not."""
        found: set[str] = set()
        todo = [service]
        while todo:
            one = self.services.get(todo.pop())
            fresh = [name for name in (one.calls if one else ()) if name not in found and name != service]
            found.update(fresh)
            todo.extend(fresh)
        return frozenset(found)

    def callers(self, service: str) -> tuple[str, ...]:
        """Every service that calls this one, directly or not, nearest first."""
        found: list[str] = []
        todo = [service]
        while todo:
            name = todo.pop(0)
            for one in self.services.values():
                if name in one.calls and one.name not in found and one.name != service:
                    found.append(one.name)
                    todo.append(one.name)
        return tuple(found)

    def with_calls(self, calls: Iterable[tuple[str, str]]) -> "Catalogue":
        """The catalogue with calls that were seen but are not written down; services it lacks are added."""
        more: dict[str, dict[str, None]] = {}
        for caller, callee in calls:
            known = self.services.get(caller)
            if caller and callee and caller != callee and callee not in (known.calls if known else ()):
                more.setdefault(caller, {})[callee] = None
        if not more:
            return self
        services = dict(self.services)
        for name in (*more, *(callee for some in more.values() for callee in some)):
            services.setdefault(name, Service(name))
        for caller, callees in more.items():
            services[caller] = replace(services[caller], calls=(*services[caller].calls, *callees))
        return Catalogue(services, self.hosts)

    def paths(self) -> dict[str, frozenset[str]]:
        """For each service those that it calls, directly or not."""
        return {name: self.callees(name) for name in self.services}
