"""Where deliveries come from: how a source proves who it is, and how its bodies are read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.domain.catalogue import Service
from bot.domain.signal import SignalKind


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer …`` with the secret that the environment variable ``variable`` holds."""

    variable: str


@dataclass(frozen=True, slots=True)
class Basic:
    """``Authorization: Basic …`` with this user's name and the password that ``variable`` holds."""

    variable: str
    user: str = "fettle"


@dataclass(frozen=True, slots=True)
class Header:
    """The secret that ``variable`` holds, as it is, in a header of the sender's choice."""

    variable: str
    header: str = "X-Api-Key"


@dataclass(frozen=True, slots=True)
class Hmac:
    """HMAC-SHA256 over the raw body, in ``header`` after ``prefix``.

    ``stamp`` names a header with seconds since 1970: where it is set, that time and a colon are signed before the body,
    and a delivery whose time is not recent is refused.
    """

    variable: str
    header: str = "X-Signature-256"
    prefix: str = "sha256="
    encoding: Literal["hex", "base64"] = "hex"
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Sns:
    """Amazon SNS' own signature, from one of these topics (``arn:aws:sns:…``). There is no secret."""

    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Whoever can reach the port may deliver."""


Auth = Bearer | Basic | Header | Hmac | Sns | Open


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in a body: keys and indices from the top; ``default`` is taken where there is none."""

    path: tuple[str | int, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a source's bodies are read, for the generic webhook.

    ``items`` leads to a list of alerts, None where the body is one. ``resolved`` are the words of ``status`` that mean
    that an alert is over. ``facts`` are a change's particulars.
    """

    kind: SignalKind
    name: Place
    service: Place
    items: tuple[str | int, ...] | None = None
    status: Place = Place()
    resolved: tuple[str, ...] = ("resolved", "ok", "closed", "recovered", "up")
    severity: Place = Place()
    fingerprint: Place = Place()
    started_at: Place = Place()
    ended_at: Place = Place()
    summary: Place = Place()
    description: Place = Place()
    environment: Place = Place()
    url: Place = Place()
    labels: Mapping[str, Place] = field(default_factory=dict)
    facts: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of deliveries. ``shape`` is None for a vendor whose shape Fettle knows.

    ``service_labels`` and ``environment_labels`` are the alert's labels to look at, first one first. ``services`` says
    which services the source means by a name of its own (a repository, an application, a project), in small letters.
    """

    name: str
    auth: Auth
    shape: Shape | None = None
    service_labels: tuple[str, ...] = ("service", "job")
    environment_labels: tuple[str, ...] = ("environment", "env")
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def services_of(self, *names: str) -> tuple[str, ...]:
        """The services behind the first of these names that is known; else the last name itself, if there is one."""
        for name in names:
            known = self.services.get(name.lower())
            if name and known:
                return known
        return tuple(name for name in names[-1:] if name)

    def knowing(self, catalogue: Iterable[Service]) -> "Source":
        """This source with what the catalogue knows besides: ``known_as`` under its name, and each service's own name.

        What the source was told itself comes first.
        """
        known: dict[str, tuple[str, ...]] = {}
        own: dict[str, tuple[str, ...]] = {}
        for service in catalogue:
            own[service.name.lower()] = (service.name,)
            called = service.known_as.get(self.name, "").lower()
            if called:
                known[called] = (*known.get(called, ()), service.name)
        return replace(self, services={**own, **known, **self.services})
