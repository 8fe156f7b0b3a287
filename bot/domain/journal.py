"""What is written down of every transition: the audit trail and the source of every number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, before it has its place in the chain.

    ``thing`` is what it is about (``incident:214``), ``verb`` what happened to it, ``before`` and ``after`` its states
    where it has states, ``reason`` in words. ``actor`` is a person's id or ``fettle``.
    """

    thing: str
    verb: str
    actor: str = "fettle"
    before: str = ""
    after: str = ""
    reason: str = ""
    incident: int | None = None
    detail: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal in its place: ``hash`` covers everything in it and the hash of the line before."""

    seq: int
    at: datetime
    request_id: str
    entry: Entry
    hash: str
