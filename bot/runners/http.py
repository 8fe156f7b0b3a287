"""Questions over HTTP to a service: reading only."""

import re
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from bot.domain.run import RunResult, RunState
from bot.errors import Refused
from bot.runners.output import clean, kept

MOST_BYTES = 1_000_000
_WANTED = re.compile(r"(?:(GET|HEAD)\s+)?(/\S*)", re.IGNORECASE)
OK_BELOW = 400


class HttpRunner:
    """Asks a service's own pages: ``/debug/pool`` or ``HEAD /health``, below the host's ``service_url``."""

    async def look(self, command: str, host: Mapping[str, str | int] | None, timeout_seconds: float) -> RunResult:
        """The answer's body as output and its status as exit status. Redirects are not followed.

        Raises ``Refused`` for any other method, for an address of another place, and for a host without address.
        """
        method, path = _read(command)
        base = str((host or {}).get("service_url", "")).rstrip("/")
        if not base:
            raise Refused("This step asks a service over HTTP, and the catalogue has no url for the service.")
        place = urlsplit(base).netloc.rpartition("@")[2]
        began = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, base + path, allow_redirects=False) as response,
            ):
                body = await response.content.read(MOST_BYTES)
                text = body.decode(response.charset or "utf-8", errors="replace")
                status, reason = response.status, response.reason or ""
        except TimeoutError:
            return _failed(RunState.TIMED_OUT, began, f"{place} did not answer within {timeout_seconds:g} s")
        except (aiohttp.ClientError, LookupError) as error:
            return _failed(RunState.FAILED, began, f"{place} could not be asked: {type(error).__name__}")
        good = status < OK_BELOW
        return RunResult(
            state=RunState.SUCCEEDED if good else RunState.FAILED,
            tasks=(),
            seconds=time.monotonic() - began,
            output=kept(clean(text)),
            exit_status=status,
            reason="" if good else f"it answered {status} {reason}".strip(),
        )


def _read(command: str) -> tuple[str, str]:
    found = _WANTED.fullmatch(command.strip())
    if found is None:
        raise Refused(f"“{command[:80]}” is not a question that only reads: expected a path, GET /path or HEAD /path.")
    path = found[2]
    if path.startswith("//") or urlsplit(path).netloc or any(ord(char) < ord(" ") for char in path):
        raise Refused(f"“{path[:80]}” names another place than the service.")
    return (found[1] or "GET").upper(), path


def _failed(state: RunState, began: float, reason: str) -> RunResult:
    return RunResult(state, (), time.monotonic() - began, reason=reason)
