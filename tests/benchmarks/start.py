"""How soon Fettle is there, and how much it takes while nothing happens. Last line JSON; medians over the runs."""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

from tests.benchmarks.stage import memory_mb, say, stage

IDLE_SECONDS = 10.0


def help_seconds() -> float:
    """``fettle --help`` as a whole process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bot.cli", "--help"], capture_output=True, check=True)
    return time.perf_counter() - began


async def ready(runs: int, idle_seconds: float) -> tuple[list[float], list[float]]:
    """Seconds from start to ``/readyz``, with its database and its index there already; MB when idle."""
    seconds, memory = [], []
    async with stage() as (house, _):
        for number in range(runs):
            await house.kill()
            began = time.perf_counter()
            await house.start()
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(idle_seconds)
            memory.append(memory_mb(house))
            say(f"run {number + 1} of {runs}: ready after {seconds[-1]:.2f} s, {memory[-1]:.0f} MB")
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description="Start-up time and idle memory.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    given = parser.parse_args()
    helped = [help_seconds() for _ in range(given.runs)]
    seconds, memory = asyncio.run(ready(given.runs, given.idle))
    result = {
        "n": given.runs,
        "help_s": round(statistics.median(helped), 3),
        "ready_s": round(statistics.median(seconds), 2),
        "idle_mb": round(statistics.median(memory)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
