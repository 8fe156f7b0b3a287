"""How often the right runbook is found for a real alert, by the product's own indexing and search.

    python -m tests.benchmarks.retrieval --data DIR

reads ``DIR/docs`` (Markdown) and ``DIR/queries.jsonl`` (alertname, summary, description, expr,
expected_runbook_path) and prints one line of JSON last: recall at 1 and 3 and mean reciprocal rank, with the alert's
name and without it. Pages are often named after alerts, so the score without the name is the honest one. A rule's
``runbook_url`` is never read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge import Knowledge, Progress

LIMIT = 10


@dataclass(frozen=True, slots=True)
class Case:
    """An alert and the page that belongs to it."""

    name: str
    text: str
    expression: str
    expected: str


def cases(file: Path) -> list[Case]:
    """The alerts in a file of JSON lines."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            text = "\n".join(row.get(part) or "" for part in ("summary", "description"))
            found.append(Case(row["alertname"], text, row.get("expr") or "", row["expected_runbook_path"]))
    return found


async def ranks(
    knowledge: Knowledge, asked: Sequence[Case], root: str, *, named: bool
) -> tuple[list[int], list[float]]:
    """For each case the place of its page (0: not among the first ten), and how many milliseconds it took."""
    places, taken = [], []
    for case in asked:
        query = f"{case.name}\n{case.text}" if named else case.text
        started = time.perf_counter()
        answer = await knowledge.search(query, expression=case.expression, limit=LIMIT)
        taken.append((time.perf_counter() - started) * 1000)
        order = [passage.document for passage in answer.passages]
        expected = f"{root}/{case.expected}"
        places.append(order.index(expected) + 1 if expected in order else 0)
    return places, taken


def scores(places: Sequence[int]) -> dict[str, float]:
    """Recall at 1 and 3, and the mean reciprocal rank."""
    return {
        "r1": round(sum(place == 1 for place in places) / len(places), 3),
        "r3": round(sum(1 <= place <= 3 for place in places) / len(places), 3),
        "mrr": round(sum(1 / place for place in places if place) / len(places), 3),
    }


async def measure(data: Path) -> dict[str, object]:
    """Index ``data/docs`` into a fresh folder and ask every question twice."""
    asked = cases(data / "queries.jsonl")
    docs = data / "docs"
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(Path(folder))
        try:
            report = await knowledge.index([docs], _show)
            for error in report.errors:
                print(error, file=sys.stderr)
            print(f"{report.added} documents indexed in {report.seconds:.1f} s", file=sys.stderr)
            with_name, _ = await ranks(knowledge, asked, docs.resolve().name, named=True)
            without_name, taken = await ranks(knowledge, asked, docs.resolve().name, named=False)
        finally:
            await knowledge.close()
    return {
        "with_name": scores(with_name),
        "without_name": scores(without_name),
        "query_p50_ms": round(statistics.median(taken), 1),
        "n": len(asked),
    }


def _show(progress: Progress) -> None:
    print(f"\r{progress.done} of {progress.total} files", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the right runbook is found for a real alert.")
    usual = Path(os.environ.get("FETTLE_DATA", "../shared/data")) / "runbooks"
    parser.add_argument("--data", type=Path, default=usual, help="a folder with docs/ and queries.jsonl")
    data = parser.parse_args().data
    if (data / "queries.jsonl").is_file():
        print(json.dumps(asyncio.run(measure(data))))
    else:
        print(json.dumps({"skipped": f"no queries.jsonl in {data}"}))


if __name__ == "__main__":
    main()
