"""Processes: who is alive, who descends from whom, and how a run's own processes are ended, and only those.

On Linux this reads ``/proc``. Elsewhere it asks ``ps``, and a process that has left its parents (a double fork) is not
found again, because only Linux has sub-reapers: there a cancelled run can leave such a process behind.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ON_LINUX = sys.platform == "linux"
PR_SET_CHILD_SUBREAPER = 36
PAUSE_SECONDS = 0.05
DEAD = "ZXx"


@dataclass(frozen=True, slots=True)
class Process:
    """A process. ``started`` tells it from a later one with the same number."""

    pid: int
    parent: int
    session: int
    state: str
    started: str
    name: str = ""

    @property
    def alive(self) -> bool:
        """False for one that has ended and only waits to be asked how."""
        return self.state[:1] not in DEAD


def processes() -> dict[int, Process]:
    """Every process that can be seen, by its number."""
    if not ON_LINUX:
        return {one.pid: one for one in _listed("-A")}
    found = (process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return {one.pid: one for one in found if one}


def process(pid: int) -> Process | None:
    """The process with that number, None when there is none."""
    if not ON_LINUX:
        return next(_listed("-p", str(pid)), None)
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may itself contain some.
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Process(pid, int(fields[1]), int(fields[3]), fields[0], fields[19], name)


def _listed(*which: str) -> Iterator[Process]:
    columns = "pid=,ppid=,sess=,state=,lstart=,comm="
    ran = subprocess.run(
        ["ps", *which, "-o", columns], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    for line in ran.stdout.splitlines():
        pid, parent, session, state, *rest = line.split()
        known = int(session) if session.isdigit() else 0
        yield Process(int(pid), int(parent), known, state, " ".join(rest[:5]), " ".join(rest[5:]))


def is_alive(pid: int, started: str) -> bool:
    """Whether that very process lives: the same number and the same start."""
    one = process(pid)
    return one is not None and one.alive and one.started == started


def here() -> str:
    """Where process numbers mean what they mean here: this machine since its last start, this container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append((PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str((PROC / "self/ns/pid").readlink()))
    return " ".join(parts)


def become_subreaper() -> bool:
    """Have descendants whose parents end given to this process instead of to init. False where that is not possible."""
    if not ON_LINUX:
        return False
    return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def descendants(root: int, known: dict[int, Process]) -> list[Process]:
    """Everything below ``root`` that lives, parents before their children, without ``root`` itself."""
    children: dict[int, list[Process]] = {}
    for one in known.values():
        children.setdefault(one.parent, []).append(one)
    found: list[Process] = []
    todo = [root]
    while todo:
        for one in children.get(todo.pop(0), []):
            if one.pid != root and one not in found:
                found.append(one)
                todo.append(one.pid)
    return [one for one in found if one.alive]


def family(root: int) -> list[Process]:
    """``root``, its descendants and what shares its session: for a process that is no sub-reaper."""
    known = processes()
    below = descendants(root, known)
    mates = [one for one in known.values() if root in (one.session, one.pid) and one.alive]
    return list({one.pid: one for one in (*mates, *below)}.values())


def end(whom: Callable[[], list[Process]], grace_seconds: float, kill_seconds: float = 5.0) -> tuple[str, ...]:
    """End what ``whom`` finds, again and again until it finds nothing: SIGTERM first, SIGKILL after the grace.

    Parents are told before their children, so that none starts the next thing. Gives the processes that could not be
    ended (those of another user, say), as ``name (number)``. Blocks: run it in a thread.
    """
    told: set[tuple[int, str]] = set()
    began = time.monotonic()
    while living := whom():
        waited = time.monotonic() - began
        if waited > grace_seconds + kill_seconds:
            return tuple(f"{one.name} ({one.pid})" for one in living)
        for one in living:
            if waited > grace_seconds:
                signal_to(one.pid, one.started, signal.SIGKILL)
            elif (one.pid, one.started) not in told:
                told.add((one.pid, one.started))
                signal_to(one.pid, one.started, signal.SIGTERM)
        time.sleep(PAUSE_SECONDS)
    return ()


def signal_to(pid: int, started: str, number: signal.Signals) -> bool:
    """Send a signal to that very process. False when it is gone or belongs to somebody else.

    On Linux the process is held while it is looked at, so that a successor with the same number is never hit.
    """
    try:
        held = os.pidfd_open(pid) if ON_LINUX else None
    except ProcessLookupError:
        return False
    except OSError:  # an old kernel, or a container that does not allow it
        held = None
    try:
        if not is_alive(pid, started):
            return False
        if held is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(held, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        if held is not None:
            os.close(held)
    return True
