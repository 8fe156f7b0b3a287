"""How long a cause search takes in a big house: 50, 200 and 1,000 services with 20 series each over an hour.

    python -m tests.benchmarks.rca_scale

Each size runs in a process of its own, through the product's gathering and ranking. The series are made up (a sample
every 15 s, one service with a fault), and served from memory, so that what is measured is Fettle's own work. The last
line is JSON: for each size the seconds (median of five), the most memory that the process held in MB, and how both grow
from one size to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import resource
import statistics
import subprocess  # each size is measured in a fresh process
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from bot.domain.catalogue import Catalogue, Indicator, Service
from bot.domain.cause import CauseKind, Verdict
from bot.domain.evidence import Asked, Empty, Found, Series, Window
from skills.rca import logic
from skills.rca.gathering import Around, Reach, Sources, observe

SIZES = (50, 200, 1000)
SERIES, STEP, WINDOW, GUARD = 20, 15.0, 3600.0, 300.0
ROUNDS = 5
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KINDS = (CauseKind.CPU, CauseKind.MEMORY, CauseKind.LATENCY, CauseKind.ERRORS, CauseKind.TRAFFIC)


class Made:
    """Metrics from memory: calm ones, and a fault in one service that its callers feel."""

    def __init__(self, services: int) -> None:
        chance = Random(services)
        times = [NOW - timedelta(seconds=WINDOW - place * STEP) for place in range(int(WINDOW / STEP) + 1)]
        self.ill = services // 2
        self.series: dict[str, Series] = {}
        for number in range(services):
            for kind in range(SERIES):
                level, wobble = chance.uniform(1, 100), chance.uniform(0.01, 0.1)
                moved = 3.0 if number == self.ill and kind % len(KINDS) in (0, 2) else 1.0
                values = [
                    level * (1 + wobble * chance.gauss(0, 1)) * (moved if at > NOW - timedelta(minutes=4) else 1.0)
                    for at in times
                ]
                self.series[f"s{number}:{kind}"] = Series((), tuple(zip(times, values, strict=True)))

    async def range(self, query: str, window: Window, step_seconds: float) -> Found[tuple[Series, ...]]:
        """The series of that name."""
        return Found(Asked("made", query, window, step_seconds), (self.series[query],))

    async def instant(self, query: str, at: datetime) -> Empty:
        """Nothing is asked for a moment."""
        return Empty(Asked("made", query, Window(at, at)))


def house(services: int) -> Catalogue:
    """So many services, each of which calls up to three of those after it."""
    found = {}
    for number in range(services):
        indicators = tuple(
            Indicator(
                f"i{kind}", f"s{number}:{kind}", KINDS[kind % len(KINDS)], "resource" if kind % 5 < 2 else "symptom"
            )
            for kind in range(SERIES)
        )
        calls = tuple(f"s{other}" for other in (2 * number + 1, 2 * number + 2, 3 * number + 5) if other < services)
        found[f"s{number}"] = Service(f"s{number}", calls=calls, indicators=indicators)
    return Catalogue(found)


async def search(services: int) -> dict[str, float]:
    """Search the whole house for the cause, several times."""
    metrics, catalogue = Made(services), house(services)
    reach = Reach(WINDOW, GUARD, STEP, 4 * STEP)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        around = Around(tuple(catalogue.services.values()), NOW, NOW, reach)
        seen = await observe(around, Sources(metrics), _silent)
        findings = logic.Findings(("s0",), NOW, seen.deviations, (), (), None, seen.gaps, {}, seen.signs, seen.missing)
        report = logic.rank(findings, catalogue, NOW, 0.0)
        taken.append(time.perf_counter() - began)
        if report.verdict is not Verdict.LIKELY or report.hypotheses[0].service != f"s{metrics.ill}":
            raise AssertionError(f"the wrong service was blamed: {report.hypotheses[:1]}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"seconds": round(statistics.median(taken), 2), "memory_mb": round(memory)}


async def _silent(_source: str, _words: str) -> None:
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rca_scale")
    parser.add_argument("--services", type=int, help="measure this one size here, and print it")
    given = parser.parse_args(arguments)
    if given.services:
        print(json.dumps(asyncio.run(search(given.services))))
        return 0
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        command = [sys.executable, "-m", "tests.benchmarks.rca_scale", "--services", str(size)]
        found[str(size)] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(size, found[str(size)], file=sys.stderr)
    growth = [
        round(math.log(found[str(b)]["seconds"] / found[str(a)]["seconds"]) / math.log(b / a), 2)
        for a, b in itertools.pairwise(SIZES)
    ]
    print(json.dumps({**found, "growth_exponents": growth, "series_each": SERIES}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
