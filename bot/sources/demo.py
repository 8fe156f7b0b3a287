"""The demo's world, spoken to over its control API on loopback."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.errors import Refused, Transient

TOTAL_SECONDS = 30.0


class DemoWorld:
    """Breaks the demo's service and heals it. ``url`` is the control API's. Raises ``Transient`` while it is away."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def faults(self) -> Mapping[str, str]:
        """The faults that can be chosen, each with what it does."""
        return {str(name): str(words) for name, words in (await self._call("GET", "/faults", {})).items()}

    async def break_(self, fault: str) -> str:
        """Break it. Raises ``Refused`` for an unknown fault or one that is on."""
        return str((await self._call("POST", "/break", {"fault": fault}))["did"])

    async def reset(self) -> str:
        """Make everything healthy again."""
        return str((await self._call("POST", "/reset", {}))["did"])

    async def _call(self, method: str, path: str, body: Mapping[str, str]) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, self._url + path, json=body if method == "POST" else None) as response,
            ):
                answer: Mapping[str, Any] = await response.json()
                if not response.ok:
                    raise Refused(str(answer.get("error", response.status)))
                return answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Transient(f"The demo's service does not answer: {type(error).__name__}.") from error
