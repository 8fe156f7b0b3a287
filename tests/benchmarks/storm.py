"""A storm: thousands of alerts a minute. Nothing is lost, repeats merge, Slack's rates hold, a person is still heard.

The last line is JSON. ``lost`` are signals that were acknowledged and are not in Fettle's database, or have no place
there once the backlog is empty; ``drained_s`` is how long that took after the last delivery.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field

import aiohttp

from bot.workspace.person import Person
from tests.benchmarks.stage import JUNIOR, deliver, memory_mb, notification, percentile, say, stage, until
from tests.scenario.small import SmallHouse

SERVICES = 40
REPEATED = 0.05
MOST_IN_GROUP = 50
PRESS_EVERY = 0.5
DRAIN_SECONDS = 600.0


@dataclass
class Seen:
    """What the driver saw. ``accepted`` are the alerts of deliveries that were answered 200, each counted once."""

    webhook: list[float] = field(default_factory=list)
    press: list[float] = field(default_factory=list)
    memory: float = 0.0
    accepted: int = 0
    repeats: int = 0
    failed: int = 0


async def storm(alerts: int, seconds: float) -> dict[str, object]:
    """Send that many alerts in that time, and count."""
    chance = random.Random(20261121)  # the same storm each time
    groups = _groups(alerts, chance)
    seen = Seen()
    async with stage() as (house, counted), Person(house.url, JUNIOR, timeout=60) as junior:
        over = asyncio.Event()
        beside = [
            asyncio.create_task(_press(house, junior, seen, over)),
            asyncio.create_task(_watch(house, seen, over)),
        ]
        began = time.monotonic()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as sending:
            for place, (body, repeated) in enumerate(groups):
                wait = began + seconds * place / len(groups) - time.monotonic()
                await asyncio.sleep(max(wait, 0))
                sending.create_task(_send(session, house, body, seen, repeated=repeated))
        sent_in = time.monotonic() - began
        say(f"sent {alerts} alerts in {sent_in:.1f} s; {seen.failed} deliveries failed")
        over.set()
        await asyncio.gather(*beside)
        ended = time.monotonic()
        drained = await until(lambda: _idle(house), DRAIN_SECONDS)
        drained_s = time.monotonic() - ended
        stored, unplaced = _stored(house)
        seen.memory = max(seen.memory, memory_mb(house))
        return {
            "n": alerts,
            "lost": seen.accepted - stored + unplaced,
            "repeats": seen.repeats,
            "failed": seen.failed,
            "webhook_p50_ms": round(percentile(seen.webhook, 0.5), 1),
            "webhook_p99_ms": round(percentile(seen.webhook, 0.99), 1),
            "press_p99_ms": round(percentile(seen.press, 0.99), 1),
            "presses": len(seen.press),
            "messages": counted.messages,
            "rate_limited": counted.refused,
            "memory_mb": round(seen.memory),
            "sent_s": round(sent_in, 1),
            "drained_s": round(drained_s, 1) if drained else None,
        }


def _groups(alerts: int, chance: random.Random) -> list[tuple[bytes, bool]]:
    """Notifications of 1 to 50 alerts; the bodies that come twice stand twice, the second time marked."""
    made: list[tuple[bytes, bool]] = []
    number = 0
    while number < alerts:
        size = min(chance.randint(1, MOST_IN_GROUP), alerts - number)
        service = f"service-{chance.randrange(SERVICES)}"
        labels = [
            {
                "alertname": f"Alert{chance.randrange(20)}",
                "service": service,
                "severity": chance.choice(["critical", "warning", "info"]),
                "n": str(number + place),
            }
            for place in range(size)
        ]
        number += size
        body = notification(labels)
        made.append((body, False))
        if chance.random() < REPEATED:
            made.append((body, True))
    return made


async def _send(session: aiohttp.ClientSession, house: SmallHouse, body: bytes, seen: Seen, *, repeated: bool) -> None:
    began = time.perf_counter()
    try:
        status, receipt = await deliver(session, house, body)
    except aiohttp.ClientError:
        seen.failed += 1
        return
    seen.webhook.append((time.perf_counter() - began) * 1000)
    if status != 200:  # HTTP's word for taken
        seen.failed += 1
        return
    seen.accepted += 0 if repeated else int(receipt["taken"])
    seen.repeats += int(receipt["repeats"])
    if receipt["repeats"] != (receipt["taken"] if repeated else 0):
        say(f"a {'repeated' if repeated else 'new'} delivery was counted wrongly: {receipt}")


async def _press(house: SmallHouse, junior: Person, seen: Seen, over: asyncio.Event) -> None:
    message = await house.incident(junior)
    while not over.is_set():
        began = time.perf_counter()
        outcome = await junior.press(message, "incident:fix")
        seen.press.append((time.perf_counter() - began) * 1000 if outcome.ok else 3000.0)
        await asyncio.sleep(PRESS_EVERY)


async def _watch(house: SmallHouse, seen: Seen, over: asyncio.Event) -> None:
    while not over.is_set():
        seen.memory = max(seen.memory, memory_mb(house))
        await asyncio.sleep(0.5)


async def _idle(house: SmallHouse) -> bool:
    return _stored(house)[1] == 0


def _stored(house: SmallHouse) -> tuple[int, int]:
    """How many signals the database has, and how many of them have no place yet."""
    address = f"file:{house.home / 'fettle.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as database:
        count = "SELECT count(*), sum(placed_at IS NULL) FROM signals WHERE source = 'alertmanager'"
        stored, unplaced = database.execute(count).fetchone()
    return int(stored), int(unplaced or 0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Alerts by the thousand, with a person in between.")
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(storm(given.alerts, given.seconds))))


if __name__ == "__main__":
    main()
