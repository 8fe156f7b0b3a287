"""Where deliveries come from: how a source proves who it is, and how its bodies are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.signal import SignalKind


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer …`` with the secret that the environment variable ``variable`` holds."""

    variable: str


@dataclass(frozen=True, slots=True)
class Hmac:
    """HMAC-SHA256 over the raw body, in ``header`` after ``prefix``."""

    variable: str
    header: str = "X-Signature-256"
    prefix: str = "sha256="
    encoding: Literal["hex", "base64"] = "hex"


@dataclass(frozen=True, slots=True)
class Open:
    """Whoever can reach the port may deliver."""


Auth = Bearer | Hmac | Open


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

    ``service_labels`` and ``environment_labels`` are the alert's labels to look at, first one first.
    """

    name: str
    auth: Auth
    shape: Shape | None = None
    service_labels: tuple[str, ...] = ("service", "job")
    environment_labels: tuple[str, ...] = ("environment", "env")
