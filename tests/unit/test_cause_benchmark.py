"""The benchmark of causes, on a small made-up day: it measures what it says, and what a folder lacks is missing."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.cause import Verdict
from bot.domain.evidence import Empty, Found, Window
from tests.benchmarks import faults, rca

DAY = "2024-05-01"
BEGINS = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
FAULTS = (60, 120)  # minutes after it begins
MINUTES = 180
SHOP = "rca_data_2024-05-01"


def at(minute: float) -> datetime:
    return BEGINS + timedelta(minutes=minute)


def written(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def ill(service: str, minute: int) -> bool:
    return service == "cart" and any(fault <= minute < fault + 4 for fault in FAULTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two faults of cart, seen in its CPU, its log and its calls; ``shop`` calls it and is slow then."""
    cases = [
        {
            "case_id": f"c{fault}",
            "system": "Shop",
            "day": DAY,
            "inject_time": f"{at(fault):%Y-%m-%d %H:%M:%S}",
            "root_cause_service": "cart",
            "fault_type": "cpu",
        }
        for fault in FAULTS
    ]
    jsonl(tmp_path / "cases.jsonl", cases)
    jsonl(tmp_path / "faults.jsonl", [{name: one[name] for name in ("system", "day", "inject_time")} for one in cases])
    metrics = [
        {
            "time": f"{at(minute):%Y-%m-%d %H:%M:%S}",
            "service": service,
            "pod": f"{service}-1",
            "CpuUsageRate(%)": 80.0 if ill(service, minute) else 20 + minute % 3,
            "MemoryUsageRate(%)": "" if minute % 7 else "nan",
            "PodServerLatencyP90(s)": 0.9 if service == "shop" and ill("cart", minute) else 0.02,
        }
        for minute in range(MINUTES)
        for service in ("shop", "cart", "mail")
    ]
    written(tmp_path / f"{SHOP}_metrics.csv.gz", metrics)
    written(
        tmp_path / f"topology_{DAY}.csv",
        [{"caller": a, "callee": b} for a, b in (("shop", "cart"), ("shop", "mail"), ("shop", "shop"))],
    )
    around = [minute for fault in FAULTS for minute in range(fault - 5, fault + 5)]
    edges = [
        {
            "minute_hh_mm": f"{at(minute):%H_%M}",
            "caller": "shop",
            "callee": "cart",
            "calls": 50,
            "client_p50_us": 12_000,
            "server_p50_us": 10_000,
        }
        for minute in around
    ]
    written(tmp_path / f"{SHOP}_edges.csv", edges)
    logs = [
        {
            "time": f"{at(minute + number / 10):%Y-%m-%dT%H:%M:%S.%f}",
            "service": service,
            "level": "ERROR" if text == "worker starved" else "INFO",
            "msg": text,
            "trace": "t",
        }
        for minute in around
        for service in ("shop", "cart")
        for text in ("took order 1", "paid 2", *(["worker starved"] if ill(service, minute) else []))
        for number in range(8)
    ]
    written(tmp_path / f"{SHOP}_logs.csv.gz", logs)
    ends = [
        {"time": f"{at(minute):%Y-%m-%d %H:%M:%S.%f}123 +0000 UTC m=+0.5", "timestamp": 1, "shop_mail": 0.004}
        for minute in range(0, MINUTES, 10)
    ]
    written(tmp_path / f"{SHOP}_source_50.csv", ends)
    written(tmp_path / f"{SHOP}_destination_50.csv", ends)
    return tmp_path


async def test_it_measures_every_case_and_every_signal_taken_away(folder: Path) -> None:
    found = await rca.measure(folder)
    shop = found["Shop"]
    assert isinstance(shop, dict)
    assert (shop["top1"], shop["top3"], shop["avg5"], shop["n"]) == (1.0, 1.0, 1.0, 2)
    without = found["without"]
    assert isinstance(without, dict)
    assert set(without) == {"metrics", "logs", "traces", "changes"}
    assert without["metrics"]["Shop"]["n"] == 2
    assert found["quiet_false_blame"] == 0
    assert isinstance(found["quiet_n"], int)
    assert found["quiet_n"] > 10
    assert isinstance(found["ece"], float)
    assert set(found) >= {"seconds_p95", "others", "by_kind", "blamed"}
    json.dumps(found)


@pytest.mark.parametrize("lacking", ["metrics.csv.gz", "logs.csv.gz", "edges.csv", "source_50.csv"])
async def test_a_file_that_is_missing_is_a_missing_signal(folder: Path, lacking: str) -> None:
    (folder / f"{SHOP}_{lacking}").unlink()
    found = await rca.measure(folder)
    assert isinstance(found["Shop"], dict)
    assert found["Shop"]["n"] == 2


async def test_a_folder_with_nothing_but_cases_is_measured(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "cases.jsonl":
            path.unlink()
    found = await rca.measure(folder)
    assert found["Shop"] == {"top1": 0.0, "top3": 0.0, "avg5": 0.0, "n": 2, "abstained": 2}
    assert (found["quiet_n"], found["quiet_false_blame"]) == (0, None)


async def test_nothing_after_the_moment_is_seen(folder: Path) -> None:
    known = faults.day(folder, DAY)
    whole = Window(at(0), at(MINUTES))
    until = at(63)
    metrics = await faults.Metrics(known, until).range("cpu:cart", whole, 60)
    assert isinstance(metrics, Found)
    assert max(when for one in metrics.data for when, _ in one.samples) == until
    logs = await faults.Logs(known, until).lines("cart", whole, 10_000)
    assert isinstance(logs, Found)
    assert logs.data[-1].at <= until
    traces = faults.Traces(known, until)
    calls = await traces.calls(["cart"], whole, 60)
    assert isinstance(calls, Found)
    assert max(one.at for one in calls.data) == at(62), "a minute that has not ended is not known"
    assert isinstance(await traces.work(["cart"], whole, 60), Empty)


async def test_what_the_engine_sees_are_no_labels(folder: Path) -> None:
    """The same day with other labels is answered alike."""
    before = await rca.ask(faults.day(folder, DAY), at(60), at(63), [at(120)])
    rows = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    jsonl(folder / "cases.jsonl", [{**row, "root_cause_service": "mail", "fault_type": "network"} for row in rows])
    after = await rca.ask(faults.day(folder, DAY), at(60), at(63), [at(120)])
    assert [(one.service, one.confidence) for one in before.hypotheses] == [
        (one.service, one.confidence) for one in after.hypotheses
    ]
    assert before.best
    assert before.best.service == "cart"


def test_a_day_is_read_with_its_topology_and_numbers_only(folder: Path) -> None:
    known = faults.day(folder, DAY)
    assert known.catalogue.services["shop"].calls == ("cart", "mail")
    assert "memory:cart" not in known.metrics
    assert {one.counted for one in known.calls} == {True, False}
    assert len(known.minutes) == MINUTES


def outcome(rank: int, sure: float = 0.9, verdict: Verdict = Verdict.LIKELY) -> rca.Outcome:
    services = tuple("x" * place or "cart" for place in range(1, 6))
    ordered = (*services[: max(rank - 1, 0)], *(["cart"] if rank else []))
    return rca.Outcome(faults.Fault("c", "Shop", DAY, at(0), "cart", "cpu"), ordered, sure, verdict, 0.1)


def test_places_make_scores() -> None:
    assert [outcome(rank).rank for rank in (0, 1, 3)] == [0, 1, 3]
    assert rca.scores([1, 2, 4, 0]) == {"top1": 0.25, "top3": 0.5, "avg5": 0.55, "n": 4}
    assert rca.scores([])["n"] == 0


def test_calibration_is_judged_in_bins() -> None:
    assert rca.calibration_error([(0.9, True)] * 9 + [(0.9, False)]) == pytest.approx(0)
    assert rca.calibration_error([(0.95, False), (0.05, True)]) == pytest.approx(0.95)
    assert rca.calibration_error([(1.0, True)]) == 0
    assert rca.calibration_error([]) == 0


def test_abstaining_is_counted() -> None:
    found = rca.per_system([outcome(1), outcome(1, verdict=Verdict.UNSURE)])
    assert found["Shop"]["abstained"] == 1


def test_quiet_moments_are_far_from_every_fault(folder: Path) -> None:
    known = faults.day(folder, DAY)
    times = [at(fault) for fault in FAULTS]
    quiet = rca.quiet_moments(known, times)
    assert quiet
    assert all(abs(one - time) > rca.QUIET_AWAY for one in quiet for time in times)


def test_without_data_it_says_where_to_find_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rca.main(["--data", str(tmp_path)]) == 2
    assert "--data" in capsys.readouterr().err


def test_its_last_line_is_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rca.main(["--data", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["Shop"]["n"] == 2
