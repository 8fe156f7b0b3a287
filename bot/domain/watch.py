"""Channels in which other bots' messages are alerts: which channel, whose messages, and how they are read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.domain.catalogue import Service
from bot.domain.signal import Severity
from bot.domain.source import Open, Source

SOURCE = "slack"
GROUPS = frozenset({"name", "service", "severity", "status", "summary", "environment", "id"})
RESOLVED = ("resolved", "recovered", "ok", "closed", "normal", "cleared", "up")


class Told(StrEnum):
    """Which text of a message is read."""

    TITLE = "title"
    TEXT = "text"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Watch:
    """One watched channel, by its id or as ``#name``.

    ``senders`` are the ids of bots, of apps or of their users, or the names under which they post; nobody else's
    messages count. Without a ``pattern`` the messages of Alertmanager, Grafana and Datadog are known; with ``every``,
    every other message is an alert too, whose name is the ``name`` text. A pattern is looked for in that text; its
    groups are those of ``GROUPS``. ``resolved`` are the words that mean that an alert is over, in small letters.
    ``service``, ``severity`` and ``environment`` are taken where a message does not say. ``source`` knows what messages
    call a service.
    """

    channel: str
    senders: tuple[str, ...]
    every: bool = False
    name: Told = Told.TITLE
    pattern: re.Pattern[str] | None = None
    resolved: tuple[str, ...] = RESOLVED
    service: str = ""
    severity: Severity | None = None
    environment: str = ""
    source: Source = field(
        default_factory=lambda: Source(SOURCE, Open(), service_labels=("service", "job", "app", "application"))
    )

    def listens_to(self, *names: str) -> bool:
        """Whether one of these ids or names is among the senders."""
        known = {one.lower() for one in self.senders}
        return any(name and name.lower() in known for name in names)

    def knowing(self, catalogue: Iterable[Service]) -> "Watch":
        """This watch with the names of the catalogue's services."""
        return replace(self, source=self.source.knowing(catalogue))
