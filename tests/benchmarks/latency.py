"""From an alert to its first message, and from a press to its acknowledgement, one after the other. Last line JSON."""

import argparse
import asyncio
import json
import time

import aiohttp

from bot.workspace.person import Person
from tests.benchmarks.stage import JUNIOR, deliver, notification, percentile, say, stage

NO_STORM = 10_000
SPACED_SECONDS = 1.3  # Slack takes about one message a second in a channel; what is measured is Fettle, not the wait


async def latency(incidents: int) -> dict[str, object]:
    """Open that many incidents, each of a service of its own, and press a button on each."""
    shown, pressed = [], []
    async with (
        stage(storm_after=NO_STORM) as (house, _),
        Person(house.url, JUNIOR, timeout=60) as junior,
        aiohttp.ClientSession() as session,
    ):
        for number in range(incidents):
            service = f"service-{number}"
            body = notification([{"alertname": "Trouble", "service": service, "severity": "warning", "n": "0"}])
            began = time.perf_counter()
            await deliver(session, house, body)
            message = await junior.wait_for(lambda m, name=service: f"*{name}*" in m.all_text and "INC-" in m.all_text)  # type: ignore[misc]  # a default binds the name
            shown.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            await junior.press(message, "incident:fix")
            pressed.append((time.perf_counter() - began) * 1000)
            if not (number + 1) % 10:
                say(f"{number + 1} of {incidents} incidents")
            await asyncio.sleep(max(SPACED_SECONDS - shown[-1] / 1000, 0))
    return {
        "n": incidents,
        "alert_to_message_p50_ms": round(percentile(shown, 0.5), 1),
        "alert_to_message_p95_ms": round(percentile(shown, 0.95), 1),
        "press_to_ack_p50_ms": round(percentile(pressed, 0.5), 1),
        "press_to_ack_p95_ms": round(percentile(pressed, 0.95), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon a person sees something, and is heard.")
    parser.add_argument("--incidents", type=int, default=60)
    print(json.dumps(asyncio.run(latency(parser.parse_args().incidents))))


if __name__ == "__main__":
    main()
