"""How often the right service is blamed for a fault, by the product's own gathering and ranking, through its ports.

    python -m tests.benchmarks.rca --data DIR

reads the layout that ``tests.benchmarks.faults`` describes and prints one line of JSON last. For each system: the share
of faults whose service stands first and among the first three, Avg@5 (the mean of the shares at 1 to 5), how often
Fettle says that the evidence is not enough, and how many faults there are; ``without`` repeats that with each signal
taken away. ``ece`` is the calibration error of the first idea's confidence over ten bins, ``quiet_false_blame`` the
share of quiet moments at which a service is blamed, ``just_before_false_blame`` the same in the minute before each
fault, where there are logs and traces, too. ``others`` are simple metric scores on the same cases.

A case is seen up to three minutes after the fault and never later; the past is that day's. Labels are compared with the
answer and go nowhere else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean, median, pstdev, quantiles

from bot.domain.cause import CauseReport, Verdict
from bot.domain.evidence import Window
from skills.rca import logic
from skills.rca.gathering import Around, Reach, Sources, observe
from tests.benchmarks.faults import MINUTE, Day, Fault, Logs, Metrics, Traces, day, faults

AFTER = timedelta(minutes=3)
FAULT_LASTS = timedelta(minutes=5)
QUIET_AWAY = timedelta(minutes=10)
QUIET_A_DAY = 60
REACH = Reach(window=24 * 3600.0, guard=60.0, step=60.0, bin=60.0, lines=200_000)
SIGNALS = ("metrics", "logs", "traces")
BINS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went: the services in the answer's order, how sure the first was, and what was concluded."""

    fault: Fault
    services: tuple[str, ...]
    confidence: float
    verdict: Verdict
    seconds: float
    features: tuple[float, float] = (0.0, 0.0)

    @property
    def rank(self) -> int:
        """The place of the right service, 0 where it is not there."""
        return self.services.index(self.fault.service) + 1 if self.fault.service in self.services else 0


async def ask(known: Day, at: datetime, until: datetime, earlier: Sequence[datetime], without: str = "") -> CauseReport:
    """Why something is wrong at that moment, as the product would say."""
    metrics = Metrics(known if without != "metrics" else replace(known, metrics={}), until)
    sources = Sources(
        metrics,
        Logs(known, until) if known.lines and without != "logs" else None,
        Traces(known, until) if (known.calls or known.work) and without != "traces" else None,
    )
    windows = tuple(Window(one - MINUTE, one + FAULT_LASTS) for one in earlier if one < at - MINUTE)
    around = Around(tuple(known.catalogue.services.values()), at, until, REACH, windows)
    seen = await observe(around, sources, _silent)
    findings = logic.Findings((), at, seen.deviations, (), (), None, seen.gaps, {}, seen.signs, seen.missing)
    return logic.rank(findings, known.catalogue, until, 0.0)


async def _silent(_source: str, _words: str) -> None:
    return None


async def judge(known: Day, fault: Fault, earlier: Sequence[datetime], without: str = "") -> Outcome:
    """Ask about one fault."""
    began = time.perf_counter()
    report = await ask(known, fault.at, fault.at + AFTER, earlier, without)
    seconds = time.perf_counter() - began
    services = tuple(dict.fromkeys(one.service for one in report.hypotheses))
    sure = report.hypotheses[0].confidence if report.hypotheses else 0.0
    return Outcome(fault, services, sure, report.verdict, seconds)


def scores(ranks: Sequence[int]) -> dict[str, float]:
    """Top-1, top-3 and Avg@5 of places, 0 meaning not found."""

    def within(most: int) -> float:
        return sum(0 < one <= most for one in ranks) / len(ranks) if ranks else 0.0

    average = mean(within(most) for most in range(1, 6))
    return {"top1": round(within(1), 3), "top3": round(within(3), 3), "avg5": round(average, 3), "n": len(ranks)}


def calibration_error(pairs: Iterable[tuple[float, bool]]) -> float:
    """The mean distance of what was claimed from what came true, over equally wide bins, weighed by their cases."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    known = list(pairs)
    for sure, right in known:
        bins.setdefault(min(int(sure * BINS), BINS - 1), []).append((sure, right))
    off = (len(some) * abs(mean(s for s, _ in some) - mean(r for _, r in some)) for some in bins.values())
    return sum(off) / len(known) if known else 0.0


def quiet_moments(known: Day, troubled: Sequence[datetime]) -> list[datetime]:
    """Minutes with metrics, far from every fault, evenly over the day, with some past before them."""
    calm = [
        at
        for at in known.minutes[10:]
        if all(abs(at - one) > QUIET_AWAY for one in troubled) and at + AFTER <= known.minutes[-1]
    ]
    return calm[:: max(1, len(calm) // QUIET_A_DAY)][:QUIET_A_DAY]


def by_metrics_alone(known: Day, fault: Fault, score: Callable[[list[float], list[float]], float]) -> int:
    """The right service's place by a simple score of each metric before and after, the greatest of each service."""
    best: dict[str, float] = {}
    for query, series in known.metrics.items():
        indicator, service = query.split(":", 1)
        if indicator.endswith("-low"):
            continue
        for one in series:
            before = [value for at, value in one.samples if at < fault.at - MINUTE]
            after = [value for at, value in one.samples if fault.at - MINUTE <= at <= fault.at + AFTER]
            if len(before) > 1 and after:
                best[service] = max(best.get(service, 0.0), score(before, after))
    order = sorted(best, key=lambda name: -best[name])
    return order.index(fault.service) + 1 if fault.service in order else 0


def n_sigma(before: list[float], after: list[float]) -> float:
    """The greatest distance from the past's mean in its standard deviations."""
    middle, spread = mean(before), pstdev(before)
    return max(abs(value - middle) for value in after) / (spread or 1e-9)


def baro(before: list[float], after: list[float]) -> float:
    """BARO's score: the greatest distance from the past's median in its interquartile ranges."""
    low, _, high = quantiles(before, n=4)
    return max(abs(value - median(before)) for value in after) / ((high - low) or 1e-9)


async def measure(folder: Path) -> dict[str, object]:
    """Everything that this benchmark reports."""
    cases = faults(folder, "cases.jsonl")
    troubled = faults(folder, "faults.jsonl") or cases
    days = {name: day(folder, name) for name in sorted({one.day for one in cases})}
    times = {name: [one.at for one in troubled if one.day == name] for name in days}
    outcomes = [await judge(days[one.day], one, times[one.day]) for one in cases]
    without: dict[str, object] = {}
    for signal in SIGNALS:
        taken = [await judge(days[one.day], one, times[one.day], signal) for one in cases]
        without[signal] = per_system(taken)
    without["changes"] = "this data has none"
    quiet, blamed = 0, 0
    for name, known in days.items():
        for at in quiet_moments(known, times[name]):
            quiet += 1
            blamed += (await ask(known, at, at + AFTER, times[name])).verdict is Verdict.LIKELY
    before = [
        (await ask(days[one.day], one.at - 2 * MINUTE, one.at - MINUTE, times[one.day])).verdict
        for one in troubled
        if one.day in days
    ]
    result: dict[str, object] = dict(per_system(outcomes))
    result |= {
        "ece": round(calibration_error((one.confidence, one.rank == 1) for one in outcomes), 3),
        "quiet_false_blame": round(blamed / quiet, 3) if quiet else None,
        "quiet_n": quiet,
        "just_before_false_blame": round(sum(one is Verdict.LIKELY for one in before) / len(before), 3)
        if before
        else None,
        "blamed": scores([one.rank for one in outcomes if one.verdict is Verdict.LIKELY]),
        "seconds_p50": round(median(one.seconds for one in outcomes), 3),
        "seconds_p95": round(sorted(one.seconds for one in outcomes)[int(0.95 * len(outcomes))], 3),
        "by_kind": {
            kind: scores([one.rank for one in outcomes if one.fault.kind == kind])
            for kind in sorted({one.kind for one in cases})
        },
        "without": without,
        "others": {
            name: per_system_ranks([(one, by_metrics_alone(days[one.day], one, score)) for one in cases])
            for name, score in (("n-sigma", n_sigma), ("BARO", baro))
        },
    }
    return result


def per_system(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """The scores of each system, with how often the answer was that the evidence is not enough."""
    found = per_system_ranks([(one.fault, one.rank) for one in outcomes])
    for system, known in found.items():
        mine = [one for one in outcomes if one.fault.system == system]
        known["abstained"] = sum(one.verdict is not Verdict.LIKELY for one in mine)
    return found


def per_system_ranks(ranks: Sequence[tuple[Fault, int]]) -> dict[str, dict[str, float]]:
    """The scores of each system."""
    systems = dict.fromkeys(fault.system for fault, _ in ranks)
    return {system: scores([rank for fault, rank in ranks if fault.system == system]) for system in systems}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rca", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FETTLE_DATA", "../shared/data")) / "rca")
    given = parser.parse_args(arguments)
    if not (given.data / "cases.jsonl").is_file():
        print(f"There is no cases.jsonl in {given.data}: say where the data is with --data.", file=sys.stderr)
        return 2
    result: Mapping[str, object] = asyncio.run(measure(given.data))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
