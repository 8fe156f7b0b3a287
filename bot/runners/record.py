"""What is known about each run, on disk, so that it outlives Fettle: begun by whom, and how it ended."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.domain.run import RunResult, RunState, Task
from bot.errors import RunnerError
from bot.runners import processes

SCRATCH = "fettle-run-"
LONGEST_ID = 150


@dataclass(frozen=True, slots=True)
class Record:
    """A run's record. ``scratch`` are the folders that it works in; ``result`` is None until it ended."""

    run_id: str
    pid: int
    started: str
    place: str
    scratch: tuple[str, ...] = ()
    result: RunResult | None = None

    @property
    def is_here(self) -> bool:
        """Whether its process number means something to this process."""
        return self.place == processes.here()

    @property
    def alive(self) -> bool:
        """Whether the process that carries it out lives."""
        return self.is_here and processes.is_alive(self.pid, self.started)


class Records:
    """The records of one kind of runner: a file for each run in ``folder``.

    A record is written whole or not at all, so a reader never sees half of one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, run_id: str, scratch: tuple[str, ...] = ()) -> None:
        """Note that this process begins the run. Raises ``RunnerError`` when it was begun before, ever."""
        me = processes.process(os.getpid())
        if me is None:
            raise RunnerError(f"The run {run_id} was not begun: this process cannot see itself in the process table.")
        path = self._path(run_id)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._draft(asdict(Record(run_id, me.pid, me.started, processes.here(), scratch)))
        try:
            # A link, unlike a rename, refuses to replace: of two processes that begin the same run one is told so.
            path.hardlink_to(draft)
        except FileExistsError:
            raise RunnerError(
                f"The run {run_id} was begun before and is not begun a second time. Its state says what became of it."
            ) from None
        finally:
            draft.unlink()

    def end(self, run_id: str, result: RunResult) -> None:
        """Note how it ended."""
        body = json.loads(self._path(run_id).read_text(encoding="utf-8"))
        draft = self._draft({**body, "result": encode(result)})
        draft.replace(self._path(run_id))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, run_id: str) -> Record | None:
        """The record, None when the run was never begun."""
        try:
            body = json.loads(self._path(run_id).read_text(encoding="utf-8"))
            result = body.pop("result")
            body["scratch"] = tuple(body["scratch"])
            return Record(**body, result=decode(result) if result else None)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            # Somebody else's file, or a broken disk: it was begun, and nothing can be said about its end.
            return Record(run_id, 0, "", "")

    def state(self, run_id: str) -> RunState:
        """How the run stands. Clears away what a process that is gone has left behind."""
        record = self.read(run_id)
        if record is None:
            return RunState.NEVER
        if record.result:
            return record.result.state
        if record.alive:
            return RunState.RUNNING
        again = self.read(run_id)
        if again and again.result:
            return again.result.state
        if record.is_here:
            _clear(record.scratch)
        return RunState.UNKNOWN

    def _path(self, run_id: str) -> Path:
        name = quote(run_id, safe="")
        if not run_id or len(name) > LONGEST_ID:
            raise RunnerError(f"“{run_id[:60]}” cannot name a run: expected 1 to {LONGEST_ID} plain characters.")
        return self._folder / f"{name}.json"

    def _draft(self, body: Mapping[str, Any]) -> Path:
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".draft-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(body, file)
            file.flush()
            os.fsync(file.fileno())
        return Path(name)


def _clear(folders: tuple[str, ...]) -> None:
    for folder in map(Path, folders):
        if folder.name.startswith(SCRATCH) and folder.parent == Path(tempfile.gettempdir()):
            with suppress(OSError):
                shutil.rmtree(folder)


def encode(result: RunResult) -> dict[str, Any]:
    """The result as JSON."""
    return asdict(result)


def decode(body: Mapping[str, Any]) -> RunResult:
    """The result that ``encode`` wrote."""
    tasks = tuple(Task(**{name.name: task[name.name] for name in fields(Task)}) for task in body["tasks"])
    return RunResult(**{**body, "state": RunState(body["state"]), "tasks": tasks})
