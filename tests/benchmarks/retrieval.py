"""How often the right runbook is found for a real alert, by the product's own indexing and search, and how fast.

    python -m tests.benchmarks.retrieval --data DIR [--left-out]
    python -m tests.benchmarks.retrieval --chunks 20000

The first reads ``DIR/docs`` (Markdown) and ``DIR/queries.jsonl`` (alertname, summary, description, expr,
expected_runbook_path) and prints one line of JSON last: recall at 1 and 3 and mean reciprocal rank, with the alert's
name and without it. Pages are often named after alerts, so the score without the name is the honest one. A rule's
``runbook_url`` is never read. ``--left-out`` adds how much of that was learnt from these very alerts: for each page the
ranking's weights are learnt anew from the other pages' alerts, and its own are asked with them (medians of three
strengths with which the weights are held together).

The second makes that many sections of generated text (embedding so many takes minutes, so their vectors are random unit
vectors, and so are the questions') and measures what a question costs beyond its embedding.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.domain.passage import DocumentKind
from knowledge import Knowledge, Progress
from knowledge.embedding import WIDTH, MiniLM, Vectors
from knowledge.ledger import Ledger
from knowledge.lexical import Filter
from knowledge.ranking import WEIGHTS, scaled
from knowledge.search import Search
from knowledge.vectors import SectionVectors

LIMIT = 10
SECTIONS_OF_A_PAGE = 8
QUESTIONS = 200
STRENGTHS = (0.003, 0.01, 0.03)
STEPS = 120


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


async def measure(data: Path, *, left_out: bool = False) -> dict[str, object]:
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
        extra = {"left_out": learnt_elsewhere(Path(folder), asked, docs.resolve().name)} if left_out else {}
    return {
        "with_name": scores(with_name),
        "without_name": scores(without_name),
        **extra,
        "query_p50_ms": round(statistics.median(taken), 1),
        "n": len(asked),
    }


@dataclass(frozen=True, slots=True)
class Scaled:
    """An alert without its name: each signal's z-scores (signals by candidates), and which candidate is its page."""

    page: str
    values: npt.NDArray[np.float64]
    right: int | None

    def place(self, weights: npt.NDArray[np.float64]) -> int:
        """The page's place with these weights, 0 when no signal brought it."""
        if self.right is None:
            return 0
        joined = weights @ self.values
        return 1 + int((joined > joined[self.right]).sum())


def learnt_elsewhere(index: Path, asked: Sequence[Case], root: str) -> dict[str, float]:
    """Recall and rank where the weights for a page's alerts were learnt from the alerts of all other pages."""
    ledger, vectors = Ledger(index), SectionVectors(index / "chroma")
    search = Search(ledger, vectors, MiniLM())
    alerts = []
    for case in asked:
        paths, signals = search.signals(case.text, case.expression, Filter())
        order = sorted(paths)
        found = scaled(order, signals)
        rows = [found.get(name, np.zeros(len(order))) for name in WEIGHTS]
        names = [paths[number] for number in order]
        expected = f"{root}/{case.expected}"
        right = names.index(expected) if expected in names else None
        alerts.append(Scaled(case.expected, np.array(rows), right))
    vectors.close()
    ledger.close()
    results = []
    for strength in STRENGTHS:
        learnt = {page: learn([each for each in alerts if each.page != page], strength) for page in _pages(alerts)}
        results.append(scores([each.place(learnt[each.page]) for each in alerts]))
    return {name: statistics.median(each[name] for each in results) for name in results[0]}


def learn(alerts: Sequence[Scaled], strength: float) -> npt.NDArray[np.float64]:
    """Weights under which the right pages are likeliest (softmax over candidates), held near equal ones (Adam)."""
    known = [(each.values, each.right) for each in alerts if each.right is not None]
    weights = np.ones(len(WEIGHTS))
    mean, spread = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        slope = strength * (weights - 1)
        for values, right in known:
            joined = weights @ values
            chance = np.exp(joined - joined.max())
            slope += (values @ (chance / chance.sum()) - values[:, right]) / len(known)
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        weights = weights - 0.1 * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
    return weights


def _pages(alerts: Sequence[Scaled]) -> list[str]:
    return sorted({each.page for each in alerts})


class RandomVectors:
    """In the embedding's place where only its speed would be measured: each text's own random direction."""

    name = "random unit vectors"

    def embed(self, texts: Sequence[str]) -> Vectors:
        made = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=WIDTH) for text in texts]
        rows = np.array(made, dtype=np.float32).reshape(len(texts), WIDTH)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
        return rows

    def release(self) -> None:
        """There is nothing to give back."""


class Words:
    """Sentences whose words are as unevenly common as in real ones (Zipf's law), of a made-up vocabulary."""

    def __init__(self, seed: int, size: int = 20_000) -> None:
        self._random = random.Random(seed)
        syllables = [first + vowel for first in "bcdfghjklmnprstvz" for vowel in "aeiou"]
        words = {"".join(self._random.choices(syllables, k=self._random.randint(2, 4))) for _ in range(size)}
        self._words = sorted(words)
        self._random.shuffle(self._words)
        self._totals = list(np.cumsum(1 / np.arange(1, len(self._words) + 1)))

    def some(self, count: int) -> str:
        """So many words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._totals, k=count))


def write_pages(folder: Path, chunks: int, words: Words) -> None:
    """Pages with about ``chunks`` sections in all, a tenth of them with a service, in four kinds."""
    for number in range(chunks // SECTIONS_OF_A_PAGE):
        kind = tuple(DocumentKind)[number % 4]
        service = f"service: service-{number % 200}\n" if number % 10 == 0 else ""
        parts = [f"---\nkind: {kind}\n{service}---\n# {words.some(4)}\n"]
        parts += [
            f"## {words.some(3)}\n\n{words.some(60)}.\n\n```\n{words.some(10)}\n```\n"
            for _ in range(SECTIONS_OF_A_PAGE)
        ]
        (folder / f"{number // 1000}").mkdir(exist_ok=True)
        (folder / f"{number // 1000}" / f"{number}.md").write_text("\n".join(parts), encoding="utf-8")


async def measure_scale(chunks: int, asked: int = QUESTIONS) -> dict[str, object]:
    """Index generated pages with random vectors, and ask questions with and without filters."""
    words = Words(1)
    with tempfile.TemporaryDirectory() as folder:
        docs = Path(folder) / "docs"
        docs.mkdir()
        write_pages(docs, chunks, words)
        knowledge = Knowledge(Path(folder) / "index", embedding=RandomVectors())
        try:
            report = await knowledge.index([docs], _show)
            print(f"{report.added} documents indexed in {report.seconds:.1f} s", file=sys.stderr)
            questions = [words.some(25) for _ in range(asked)]
            filters: Mapping[str, dict[str, object]] = {
                "query": {},
                "with_service": {"service": "service-40"},
                "with_kind": {"kind": DocumentKind.VENDOR},
                "with_both": {"service": "service-40", "kind": DocumentKind.RUNBOOK},
            }
            taken = {name: await _asked(knowledge, questions, chosen) for name, chosen in filters.items()}
        finally:
            await knowledge.close()
    return {
        "chunks": chunks,
        "vectors": RandomVectors.name,
        "index_seconds": round(report.seconds, 1),
        **{f"{name}_{figure}_ms": value for name, figures in taken.items() for figure, value in figures.items()},
        "n": len(questions),
    }


async def _asked(knowledge: Knowledge, questions: Sequence[str], chosen: Mapping[str, object]) -> dict[str, float]:
    """Milliseconds per question: median and 95th percentile on the clock, and the median of the processor's time."""
    clock, processor = [], []
    for question in questions:
        started, used = time.perf_counter(), time.process_time()
        await knowledge.search(question, limit=5, **chosen)  # type: ignore[arg-type] # its keywords are named above
        clock.append((time.perf_counter() - started) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return {
        "p50": round(statistics.median(clock), 1),
        "p95": round(statistics.quantiles(clock, n=20)[-1], 1),
        "cpu_p50": round(statistics.median(processor), 1),
    }


def _show(progress: Progress) -> None:
    print(f"\r{progress.done} of {progress.total} pages", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the right runbook is found for a real alert.")
    usual = Path(os.environ.get("FETTLE_DATA", "../shared/data")) / "runbooks"
    parser.add_argument("--data", type=Path, default=usual, help="a folder with docs/ and queries.jsonl")
    parser.add_argument("--chunks", type=int, help="measure speed on so many sections of generated text instead")
    parser.add_argument("--left-out", action="store_true", help="also learn the weights without each page's own alerts")
    given = parser.parse_args()
    if given.chunks:
        print(json.dumps(asyncio.run(measure_scale(given.chunks))))
    elif (given.data / "queries.jsonl").is_file():
        print(json.dumps(asyncio.run(measure(given.data, left_out=given.left_out))))
    else:
        print(json.dumps({"skipped": f"no queries.jsonl in {given.data}"}))


if __name__ == "__main__":
    main()
