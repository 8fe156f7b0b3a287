"""What the benchmarks share: a Fettle in a process of its own, a workspace beside the driver, and what they count.

The workspace runs in the driver's process, so its work counts against the driver and never against Fettle's memory.
"""

import asyncio
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bot.workspace.throttle import Throttle
from bot.workspace.timing import Rates
from tests.scenario.small import TOKEN, SmallHouse, small_house

JUNIOR = "U0JUNIOR"


class Counted(Throttle):
    """The workspace's limits, with every call counted by its method, and every refusal."""

    def __init__(self) -> None:
        super().__init__(Rates())
        self.calls: Counter[str] = Counter()
        self.refused = 0

    def wait_for_call(self, method: str, tier: int, now: float) -> int:
        wait = super().wait_for_call(method, tier, now)
        self.calls[method] += not wait
        self.refused += bool(wait)
        return wait

    def wait_for_post(self, channel: str, now: float) -> int:
        wait = super().wait_for_post(channel, now)
        self.refused += bool(wait)
        return wait

    @property
    def messages(self) -> int:
        """Posts and updates that were taken."""
        return self.calls["chat.postMessage"] + self.calls["chat.update"]


@asynccontextmanager
async def stage(storm_after: int = 12) -> AsyncIterator[tuple[SmallHouse, Counted]]:
    """A house that is up. Its own service stays well: the alerts are of the benchmark's services."""
    counted = Counted()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with small_house(Path(folder), storm_after=storm_after) as house:
            house.set("well")
            house.workspace.throttle = counted
            yield house, counted


def notification(alerts: Sequence[dict[str, str]], status: str = "firing") -> bytes:
    """An Alertmanager v4 notification; each alert gives its labels, of which ``n`` makes it one of its own."""
    now = datetime.now(UTC).isoformat()
    body = {
        "version": "4",
        "groupKey": "{}:{}",
        "status": status,
        "receiver": "fettle",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1",
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": {"summary": f"{labels['service']} is in trouble"},
                "startsAt": now,
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://127.0.0.1/graph",
                "fingerprint": f"{labels['service']}-{labels['alertname']}-{labels['n']}",
            }
            for labels in alerts
        ],
    }
    return json.dumps(body).encode()


async def deliver(session: aiohttp.ClientSession, house: SmallHouse, body: bytes) -> tuple[int, dict[str, Any]]:
    """Post a notification; status and receipt."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{house.port}/webhooks/alertmanager"
    async with session.post(url, data=body, headers=headers) as response:
        return response.status, await response.json()


def memory_mb(house: SmallHouse) -> float:
    """The resident memory of Fettle's process, in MB."""
    pages = Path(f"/proc/{house.pids[0]}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096 / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1] if ordered else math.nan


def say(line: str) -> None:
    """Progress, beside the result."""
    print(line, file=sys.stderr, flush=True)


async def until(done: Any, seconds: float) -> bool:  # noqa: ANN401  # anything that can be awaited anew
    """Whether it came true in time."""
    try:
        async with asyncio.timeout(seconds):
            while not await done():
                await asyncio.sleep(0.2)
    except TimeoutError:
        return False
    return True
