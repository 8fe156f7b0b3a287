"""What the demo's services write about themselves and somebody collects: lines of JSON in files that are followed.

A service appends to a ``Stream``; whoever serves logs or traces reads on with a ``Tail`` and keeps the last minutes of
all services in ``Collected``.
"""

import json
import os
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

LARGEST = 6_000_000  # bytes after which a file is moved aside; two of them are kept
KEPT_SECONDS, MOST_KEPT = 1800.0, 150_000

Record = Mapping[str, Any]


class Stream:
    """A file of JSON lines. Several processes may append to it; what is moved aside is ``name.1``."""

    def __init__(self, file: Path, largest: int = LARGEST) -> None:
        self._file, self._largest = file, largest

    def write(self, record: Mapping[str, object]) -> None:
        """Append a record in one piece."""
        with self._file.open("ab", buffering=0) as file:
            file.write(json.dumps(record, default=str, separators=(",", ":")).encode() + b"\n")
            full = file.tell() >= self._largest
        if full:
            self._file.replace(self._file.with_name(f"{self._file.name}.1"))


class Tail:
    """Reads a file of JSON lines on from where it stood, also after the file was moved aside."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: BinaryIO | None = None
        self._rest = b""

    def fresh(self) -> Iterator[dict[str, Any]]:
        """The records that were written since the last time; a line that is not whole yet waits."""
        while True:
            if self._open is None:
                try:
                    self._open = self._file.open("rb")
                except FileNotFoundError:
                    return
            moved = self._moved(self._open)
            yield from self._read(self._open)
            if not moved:
                return
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
        self._open, self._rest = None, b""

    def _read(self, file: BinaryIO) -> Iterator[dict[str, Any]]:
        *lines, self._rest = (self._rest + file.read()).split(b"\n")
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record

    def _moved(self, file: BinaryIO) -> bool:
        try:
            there = self._file.stat().st_ino
        except FileNotFoundError:
            return False
        return there != os.fstat(file.fileno()).st_ino


class Collected:
    """The records of the last half hour by their time. ``at`` tells a record's moment in seconds of the wall clock."""

    def __init__(self, files: Iterable[Path], at: Callable[[Record], float], wall: Callable[[], float]) -> None:
        self._tails = [Tail(file) for file in files]
        self._at, self._wall = at, wall
        self._kept: list[Record] = []

    def read(self) -> None:
        """Take in what was written since the last time, and forget what is too old."""
        for tail in self._tails:
            for record in tail.fresh():
                insort(self._kept, record, key=self._at)
        old = bisect_left(self._kept, self._wall() - KEPT_SECONDS, key=self._at)
        del self._kept[: max(old, len(self._kept) - MOST_KEPT)]

    def between(self, start: float, end: float) -> list[Record]:
        """The records from ``start`` until before ``end``, oldest first."""
        self.read()
        return self._kept[bisect_left(self._kept, start, key=self._at) : bisect_left(self._kept, end, key=self._at)]

    def everything(self) -> list[Record]:
        """Every record that is kept, oldest first."""
        self.read()
        return list(self._kept)

    def close(self) -> None:
        """Close every file."""
        for tail in self._tails:
            tail.close()
