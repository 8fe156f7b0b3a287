"""The newest commit of a Git repository, kept without a working tree, by the ``git`` program.

Only its objects are fetched, one commit deep: nothing is checked out, so no filter, hook, submodule or link of the
repository has any effect here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowledge.formats import Unreachable

FETCH_SECONDS = 300.0
READ_SECONDS = 60.0
WATCHED_EVERY = 0.2
HEAD = "refs/fettle/head"
# Names of settings that hold Fettle's own secrets, which Git and what it starts need not see.
_OURS = ("FETTLE_", "SLACK_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_")
_SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_CONFIG_COUNT": "6",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "gc.autoDetach",
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_KEY_2": "maintenance.autoDetach",
    "GIT_CONFIG_VALUE_2": "false",
    "GIT_CONFIG_KEY_3": "gc.pruneExpire",
    "GIT_CONFIG_VALUE_3": "now",
    "GIT_CONFIG_KEY_4": "http.lowSpeedLimit",
    "GIT_CONFIG_VALUE_4": "1000",
    "GIT_CONFIG_KEY_5": "http.lowSpeedTime",
    "GIT_CONFIG_VALUE_5": "30",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit: its path in the repository, its content's name there, and its size in bytes."""

    path: str
    name: str
    size: int


class Copy:
    """What is kept of one repository, below ``folder``; several processes may share it."""

    def __init__(self, folder: Path, address: str) -> None:
        self._address = address
        self.folder = folder / hashlib.sha256(address.encode()).hexdigest()[:16]

    def fetch(self, branch: str, ended: Callable[[], bool]) -> str:
        """Bring the copy up to date; gives the commit. Raises Unreachable, after which the former copy is as it was."""
        with self._alone(ended):
            if not (self.folder / "HEAD").exists():
                shutil.rmtree(self.folder, ignore_errors=True)
                self._git(["init", "--quiet", "--bare", str(self.folder)], READ_SECONDS, ended)
            # A killed fetch leaves its locks, and nobody else is at work here.
            for lock in [*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")]:
                lock.unlink(missing_ok=True)
            wanted = f"+{branch or 'HEAD'}:{HEAD}"
            options = ["--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
            self._git([*self._here(), "fetch", *options, "--", self._address, wanted], FETCH_SECONDS, ended)
            commit = self._git([*self._here(), "rev-parse", f"{HEAD}^{{commit}}"], READ_SECONDS, ended)
        return commit.decode().strip()

    def blobs(self, commit: str, ended: Callable[[], bool]) -> list[Blob]:
        """Every file of the commit in order of path; links and submodules are none. Raises Unreachable."""
        listed = self._git([*self._here(), "ls-tree", "-r", "-z", "--long", commit], READ_SECONDS, ended)
        found = []
        for entry in listed.split(b"\0"):
            about, _, path = entry.partition(b"\t")
            fields = about.decode().split()
            # Mode, type, name and size; a mode of 120000 is a link.
            if len(fields) == 4 and fields[1] == "blob" and fields[0] != "120000":  # noqa: PLR2004 - as listed above
                found.append(Blob(path.decode("utf-8", "replace"), fields[2], int(fields[3])))
        return found

    def read(self, blob: Blob, ended: Callable[[], bool]) -> bytes:
        """The file's bytes. Raises Unreachable."""
        return self._git([*self._here(), "cat-file", "blob", blob.name], READ_SECONDS, ended)

    def _here(self) -> list[str]:
        return [f"--git-dir={self.folder}"]

    @contextlib.contextmanager
    def _alone(self, ended: Callable[[], bool]) -> Iterator[None]:
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            opened = self.folder.with_suffix(".lock").open("w")
        except OSError as error:
            raise Unreachable(f"no copy can be kept in {self.folder.parent}: {error.strerror}") from error
        with opened:
            while not _locked(opened.fileno()):
                if ended():
                    raise Unreachable("another process is fetching it, and this one was told to end")
                time.sleep(WATCHED_EVERY)
            yield

    def _git(self, arguments: list[str], seconds: float, ended: Callable[[], bool]) -> bytes:
        try:
            running = subprocess.Popen(
                ["git", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"the program git cannot be started ({error.strerror}): install it") from error
        said, complained = _watched(running, seconds, ended)
        if running.returncode:
            raise Unreachable(_explained(complained.decode("utf-8", "replace")))
        return said


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(folder: Path, kept: set[Path]) -> None:
    """Remove copies that no source needs any more."""
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.with_suffix("") not in kept:
            if one.is_dir():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink(missing_ok=True)


def _watched(running: subprocess.Popen[bytes], seconds: float, ended: Callable[[], bool]) -> tuple[bytes, bytes]:
    """What it said and complained. Raises Unreachable, having ended it, when it takes too long or is not wanted."""
    waited = 0.0
    while True:
        try:
            return running.communicate(timeout=WATCHED_EVERY)
        except subprocess.TimeoutExpired:
            waited += WATCHED_EVERY
            if ended() or waited >= seconds:
                _end(running)
                why = "was told to end" if ended() else f"did not finish within {seconds:.0f} s"
                raise Unreachable(f"git {why}") from None


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if not name.startswith((*_OURS, "GIT_CONFIG_"))}
    # The operator may have chosen a key or a proxy with it, so it is only the default that is set here.
    kept.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=20")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        kept.pop(name, None)
    return kept | _SETTINGS


def _end(running: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def _explained(complaint: str) -> str:
    lines = [" ".join(line.split()) for line in complaint.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "ERROR:", "remote:"))] or lines
    said = re.sub(r"://[^/\s@]*@", "://", "; ".join(fatal[-2:]))[:300] or "git failed and said nothing"
    if "terminal prompts disabled" in said or "Authentication failed" in said:
        return f"{said}. Give git a credential helper or a deploy key for it: nobody is there to be asked"
    return said
