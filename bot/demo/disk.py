"""A host's disk: a folder that holds so many bytes and not one more, and the logs that are written to it."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.demo.collected import Stream

FRESH = 0.25  # seconds for which the folder's size is taken as known


class Disk:
    """A folder of limited size. What others remove from it is noticed within a quarter of a second."""

    def __init__(self, folder: Path, size: int, clock: Callable[[], float]) -> None:
        self.folder, self.size = folder, size
        self._clock = clock
        self._used, self._counted_at = 0, -FRESH

    @property
    def used(self) -> int:
        """The bytes of all files."""
        now = self._clock()
        if now - self._counted_at >= FRESH:
            self._used, self._counted_at = sum(size for _, size, _ in self._files()), now
        return self._used

    @property
    def used_ratio(self) -> float:
        """How much of it is used, 0–1."""
        return self.used / self.size

    def append(self, name: str, data: bytes) -> None:
        """Add to a file. Raises ``OSError`` (ENOSPC) when not all of it fits; like a real disk it takes what fits."""
        room = max(self.size - self.used, 0)
        with (self.folder / name).open("ab") as file:
            file.write(data[:room])
        self._used += min(len(data), room)
        if len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder / name))

    def biggest(self, now: float, limit: int = 8) -> list[dict[str, object]]:
        """The biggest files; ``now`` is the wall clock's seconds."""
        files = sorted(self._files(), key=lambda file: -file[1])[:limit]
        return [{"file": name, "bytes": size, "age_seconds": round(now - at)} for name, size, at in files]

    def rotate(self, name: str, largest: int, keep: int) -> None:
        """Where the file has ``largest`` bytes, move it aside to ``name.1``, keeping ``keep`` older ones."""
        file = self.folder / name
        if not file.exists() or file.stat().st_size < largest:
            return
        for number in range(keep, 0, -1):
            older = file if number == 1 else self.folder / f"{name}.{number - 1}"
            if older.exists():
                older.replace(self.folder / f"{name}.{number}")

    def _files(self) -> list[tuple[str, int, float]]:
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed while we looked
                    continue
                found.append((entry.name, stat.st_size, stat.st_mtime))
        return found


@dataclass(slots=True)
class Log:
    """JSON lines about a service, rotated; at level debug also a dump of everything, which nothing rotates.

    A line that does not fit on the disk is lost there, as it would be anywhere. ``stream`` is what somebody collects:
    every line but the dumps.
    """

    disk: Disk
    service: str
    clock: Callable[[], float]
    level: str = "info"
    stream: Stream | None = None
    largest: int = 128_000
    largest_dump: int = 8_000_000
    _dump: str = ""
    _dumped: int = 0

    def info(self, event: str, **particulars: object) -> None:
        """Something that happened."""
        self._write("info", event, particulars)

    def warning(self, event: str, **particulars: object) -> None:
        """Something that may become trouble."""
        self._write("warning", event, particulars)

    def error(self, event: str, **particulars: object) -> None:
        """Something that failed."""
        self._write("error", event, particulars)

    def dump(self, event: str, what: Callable[[], str]) -> None:
        """At level debug: write all of it."""
        if self.level != "debug":
            return
        now = self.clock()
        if not self._dump or self._dumped >= self.largest_dump:
            self._dump, self._dumped = f"debug-{datetime.fromtimestamp(now, UTC):%H%M%S%f}.log", 0
        line = self._line(now, "debug", event, {"dump": what()})
        self._dumped += len(line)
        self._append(self._dump, line)

    def _write(self, level: str, event: str, particulars: dict[str, object]) -> None:
        name, now = f"{self.service}.log", self.clock()
        self.disk.rotate(name, self.largest, keep=2)
        self._append(name, self._line(now, level, event, particulars))
        if self.stream is not None:
            self.stream.write({"at": now, "level": level, "service": self.service, "event": event, **particulars})

    def _line(self, now: float, level: str, event: str, particulars: dict[str, object]) -> bytes:
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        body = {"at": at, "level": level, "service": self.service, "event": event, **particulars}
        return json.dumps(body, default=str).encode() + b"\n"

    def _append(self, name: str, line: bytes) -> None:
        try:
            self.disk.append(name, line)
        except OSError as failure:
            if failure.errno != errno.ENOSPC:
                raise
