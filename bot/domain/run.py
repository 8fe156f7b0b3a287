"""A run of an action by a runner: what is called, what a dry run foresees, what came out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Call:
    """Exactly what a runner is asked to do.

    ``spec`` is the runner's own part of the action (for ansible: ``playbook``, a path inside the actions folder);
    ``parameters`` are already checked against the action's schema; ``targets`` are host names from the catalogue;
    ``hosts`` carries each target's connection variables. Secrets never stand here: a runner asks for them by name.
    """

    runner: str
    spec: Mapping[str, str]
    parameters: Mapping[str, str | int | float | bool]
    targets: tuple[str, ...]
    hosts: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    timeout_seconds: float = 300.0


class RunState(StrEnum):
    """How a run stands. ``UNKNOWN``: it was begun and nobody saw it end."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"
    NEVER = "never started"


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a run on one host. ``status`` is ok, changed, failed, skipped or unreachable."""

    name: str
    host: str
    status: str
    seconds: float
    output: str = ""
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dry run foresees.

    ``ok`` is False when the dry run itself failed: then ``reason`` says why. ``blind`` lists what a dry run cannot
    see (for ansible: tasks that check mode skips), each in words for a person.
    """

    ok: bool
    tasks: tuple[Task, ...]
    blind: tuple[str, ...]
    seconds: float
    reason: str = ""

    @property
    def would_change(self) -> tuple[Task, ...]:
        """The tasks that would change something."""
        return tuple(task for task in self.tasks if task.status == "changed")


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended. ``output`` is capped and redacted; ``exit_status`` is None where there was none."""

    state: RunState
    tasks: tuple[Task, ...]
    seconds: float
    output: str = ""
    exit_status: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """A run's progress: tasks begun, and the total where the runner knows it."""

    done: int
    total: int | None
    doing: str
