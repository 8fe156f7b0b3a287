"""Commands that only look, on this machine or over SSH, without a shell on this side."""

import asyncio
import contextlib
import os
import shlex
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.command import CommandClass, classify
from bot.domain.run import RunResult, RunState
from bot.errors import Refused
from bot.runners.output import Kept, clean
from bot.runners.surroundings import environment

CONNECT_SECONDS = 10
MOST_BYTES = 2_000_000
CHUNK = 65_536
# A pipe's reader may stop reading early (head): its writer then ends by this signal, which is no failure.
BROKEN_PIPE = -signal.SIGPIPE
Stages = Sequence[Sequence[str]]


class CommandRunner:
    """Runs a command line of the class read-only: the very words that were judged, piped into one another."""

    async def look(self, command: str, host: Mapping[str, str | int] | None, timeout_seconds: float) -> RunResult:
        """Run it on the host (Ansible's connection variables), here when there is none. Output is capped.

        The exit status is that of the last stage, or of the first one that failed. Raises ``Refused`` when the command
        is not known to only look.
        """
        judged = classify(command)
        if judged.command_class is not CommandClass.READ_ONLY:
            raise Refused(f"This command is {judged.command_class}, not read-only: {judged.reason}.")
        stages = [over_ssh(judged.stages, host)] if host and not _is_here(host) else judged.stages
        began = time.monotonic()
        try:
            pipeline = await _start(stages)
        except OSError as error:
            reason = f"{error.filename or stages[0][0]} could not be started: {error.strerror}"
            return RunResult(RunState.FAILED, (), time.monotonic() - began, reason=reason)
        text, state, reason = Kept(), RunState.SUCCEEDED, ""
        try:
            async with asyncio.timeout(timeout_seconds):
                cut = await pipeline.read(text)
                status = 0 if cut else await pipeline.status()
            if cut:
                reason = f"it printed more than {MOST_BYTES // 1_000_000} MB and was ended"
        except TimeoutError:
            status, state = None, RunState.TIMED_OUT
            reason = f"it took longer than {timeout_seconds:g} s and was ended"
        finally:
            await pipeline.end()
        if status:
            state, reason = RunState.FAILED, f"it ended with status {status}"
        return RunResult(state, (), time.monotonic() - began, clean(str(text)), status, reason)


@dataclass(slots=True)
class _Pipeline:
    processes: list[Process]
    output: int

    async def read(self, text: Kept) -> bool:
        """Take what is printed until its end. True when it was too much."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self.output, "rb", buffering=0)
        )
        taken = 0
        try:
            while data := await reader.read(CHUNK):
                taken += len(data)
                text.add(data.decode(errors="replace"))
                if taken > MOST_BYTES:
                    return True
        finally:
            transport.close()
        return False

    async def status(self) -> int:
        codes = [await process.wait() for process in self.processes]
        return next((code for code in codes[:-1] if code not in (0, BROKEN_PIPE)), codes[-1])

    async def end(self) -> None:
        """End what still lives, with everything that it started."""
        for process in self.processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        await asyncio.gather(*(process.wait() for process in self.processes))


async def _start(stages: Stages) -> _Pipeline:
    reading, writing = os.pipe()
    processes: list[Process] = []
    source: int = DEVNULL
    pipeline = _Pipeline(processes, reading)
    try:
        for place, words in enumerate(stages):
            after, target = os.pipe() if place < len(stages) - 1 else (DEVNULL, writing)
            try:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=source,
                    stdout=target,
                    stderr=writing,
                    cwd="/",
                    env=environment(os.environ),
                    start_new_session=True,
                )
            except OSError:
                _close(after)
                raise
            finally:
                _close(source)
                if target != writing:
                    _close(target)
            processes.append(process)
            source = after
    except OSError:
        await pipeline.end()
        _close(reading)
        raise
    finally:
        _close(writing)
    return pipeline


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _is_here(host: Mapping[str, str | int]) -> bool:
    if "ansible_connection" in host:
        return host["ansible_connection"] == "local"
    return "ansible_host" not in host


def over_ssh(stages: Stages, host: Mapping[str, str | int]) -> list[str]:
    """The stages as one command of ``ssh``, each word quoted for the shell on the other side."""
    address = str(host.get("ansible_host", ""))
    if not address or address.startswith("-"):
        raise Refused("The catalogue does not say how to reach this host: it needs ansible_host.")
    words = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    for option, variable in (("-l", "ansible_user"), ("-p", "ansible_port"), ("-i", "ansible_ssh_private_key_file")):
        if variable in host:
            words += [option, str(host[variable])]
    return [*words, "--", address, " | ".join(shlex.join(stage) for stage in stages)]
