"""What goes into the engine and what comes out: jobs, queues, attempts and dead letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from bot.errors import FettleError

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Queue:
    """A line in which jobs wait.

    ``per_process`` jobs run at once in one process, ``overall`` in all processes together (``None``: no such limit).
    Waiting jobs start by priority, then in the order in which they became durable.
    """

    name: str
    per_process: int = 8
    overall: int | None = None

    @staticmethod
    def serial(name: str) -> "Queue":
        """A queue that runs one job at a time, wherever it runs, in the order in which they came."""
        return Queue(name, per_process=1, overall=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to be done. ``id`` is the delivery's own: the same id twice is one job.

    ``kind`` picks the handler. Smaller ``priority`` (0 to 2,147,483,647) starts sooner among those that wait.
    """

    id: str
    queue: str
    kind: str
    payload: JsonObject = field(default_factory=dict)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an effect. ``number`` counts from 1 within this run of the job.

    ``seen_before`` means that an earlier try began and nobody knows how it ended: look first, then act. ``key`` is
    the same at every try of this effect and of no other: a message's metadata or a vendor's idempotency key.
    """

    number: int
    seen_before: bool
    key: str


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up. ``step`` is the step that failed, empty when it was the handler itself."""

    job: Job
    step: str
    kind: str
    text: str
    failed_at: datetime


class StepFailed(FettleError):
    """A step was given up: ``kind`` is the name of the exception that ended it, ``text`` what it said.

    The same whether the step failed just now or in a process that is long gone.
    """

    def __init__(self, step: str, kind: str, text: str) -> None:
        super().__init__(f"{step}: {kind}: {text}" if step else f"{kind}: {text}")
        self.step = step
        self.kind = kind
        self.text = text
