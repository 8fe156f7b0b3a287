"""A sign: one thing about a service that is unlike its past. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.cause import CauseKind


class Trait(StrEnum):
    """What a sign is about. Weights and what explains what hang on it."""

    RESOURCE = "resource"  # something that runs out: CPU, connections, disk, days of a certificate
    MEMORY = "memory"
    LATENCY = "latency"  # how long it takes to answer, felt by callers
    ERRORS = "errors"
    TRAFFIC = "traffic"
    WAIT = "wait"  # callers wait longer than it works
    OWN_TIME = "own time"  # it works longer, without what it waits for
    SAID = "said"  # a line of its log that is new or bursts
    ORDER = "order"  # two lines that always came together no longer do
    AMOUNT = "amount"  # a usual line comes less or more often
    OPERATION = "operation"  # an operation that is new or bursts
    PATTERN = "pattern"  # two operations that always came together no longer do
    SHARE = "share"  # a usual operation comes less or more often
    CALLS = "calls"  # it calls others in other proportions
    HAPPENED = "happened"  # the cluster did something to it


@dataclass(frozen=True, slots=True)
class Sign:
    """How surprising it is (see ``Scale``), since when, in words, and the question that brought it.

    ``indicator`` names the catalogue's indicator where there is one. ``evidence`` is the kind of evidence for people
    (metric, log, trace, cluster).
    """

    service: str
    trait: Trait
    kind: CauseKind
    surprise: float
    text: str
    query: str
    source: str
    evidence: str
    onset: datetime | None = None
    indicator: str = ""
