import asyncio
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bot.domain.run import Call, Progress
from bot.runners import processes
from bot.runners.ansible import AnsibleRunner

LOCAL: Mapping[str, str | int] = {"ansible_connection": "local"}
SECRETS = {"db_password": 'kingfisher {{ 6 * 7 }} "quoted"', "short": "q7"}
TASKS = "- hosts: all\n  gather_facts: false\n  tasks:\n"

Play = Callable[..., Call]


@pytest.fixture
def actions(tmp_path: Path) -> Path:
    folder = tmp_path / "actions"
    folder.mkdir()
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, so that what a run leaves behind is seen."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def runner(actions: Path, runs: Path, scratch: Path) -> AnsibleRunner:
    assert scratch.is_dir()
    return AnsibleRunner(actions, runs, SECRETS.get)


@pytest.fixture
def play(actions: Path) -> Play:
    """Write a playbook with these tasks and give the call for it."""

    def write(tasks: str, *, secrets: tuple[str, ...] = (), timeout: float = 60.0, **parameters: str | int) -> Call:
        body = textwrap.indent(textwrap.dedent(tasks).strip("\n"), "    ")
        (actions / "play.yml").write_text(f"{TASKS}{body}\n", encoding="utf-8")
        return Call("ansible", {"playbook": "play.yml"}, parameters, ("web-1",), {"web-1": LOCAL}, secrets, timeout)

    return write


@pytest.fixture
def heard() -> list[Progress]:
    return []


async def unheard(_progress: Progress) -> None:
    """Take progress and do nothing with it."""


def sleepers(mark: str) -> list[int]:
    """The live processes that sleep for that many seconds."""
    return [
        one.pid for one in processes.processes().values() if one.alive and one.name == "sleep" and mark in line(one.pid)
    ]


def line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except OSError:
        return ""


async def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)
    assert true(), what


@pytest.fixture
def stranger() -> Iterator[int]:
    """A process that belongs to no run."""
    pid = os.posix_spawn("/bin/sleep", ["sleep", "54321"], {})
    yield pid
    os.kill(pid, 9)
    os.waitpid(pid, 0)
