"""Deliveries to Fettle over HTTP: alerts and changes, with a bearer token."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

PATIENCE = 5.0


@dataclass(slots=True)
class Fettle:
    """Where Fettle listens. ``base`` is its address, empty when nobody shall be told."""

    base: str
    token: str = field(repr=False)
    delivered: int = 0
    refused: int = 0

    @property
    def alerts_url(self) -> str:
        """Where Alertmanager delivers."""
        return f"{self.base}/webhooks/alertmanager"

    async def alerts(self, body: Mapping[str, object]) -> str:
        """Deliver a group of alerts; gives why it was not taken, empty when it was."""
        return await self._post(self.alerts_url, body)

    async def change(self, body: Mapping[str, object]) -> str:
        """Deliver a change; gives why it was not taken, empty when it was."""
        return await self._post(f"{self.base}/changes", body)

    async def _post(self, url: str, body: Mapping[str, object]) -> str:
        if not self.base:
            return ""
        headers = {"Authorization": f"Bearer {self.token}"}
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.post(url, json=body) as response,
            ):
                if response.ok:
                    self.delivered += 1
                    return ""
                self.refused += 1
                return f"{url} answered {response.status}: {(await response.text())[:200]}"
        except (aiohttp.ClientError, TimeoutError) as failure:
            self.refused += 1
            return f"{url} did not answer: {str(failure) or type(failure).__name__}"
