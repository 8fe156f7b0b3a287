"""Exact words: what the ledger's full-text tables answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.domain.passage import DocumentKind
from knowledge.embedding import Vectors
from knowledge.ledger import Ledger

# How much a word counts in each field, in the order of the tables' columns.
PAGE_FIELDS = "4.0, 3.0, 2.0, 1.0, 0.3"
SECTION_FIELDS = "2.0, 1.0, 0.3"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents may answer. A service's question may be answered by a document of no service in particular."""

    service: str | None = None
    kind: DocumentKind | None = None

    def condition(self) -> tuple[str, list[str]]:
        """An SQL condition on ``documents`` with its parameters."""
        conditions, given = ["1"], []
        if self.service is not None:
            conditions.append("(documents.service IS NULL OR documents.service = ?)")
            given.append(self.service)
        if self.kind is not None:
            conditions.append("documents.kind = ?")
            given.append(self.kind.value)
        return " AND ".join(conditions), given


@dataclass(frozen=True, slots=True)
class Candidate:
    """What ranking needs to know of a document."""

    id: int
    path: str
    version: str
    title: str
    kind: DocumentKind
    service: str | None
    url: str | None
    title_words: frozenset[str]
    place_words: frozenset[str]
    title_vector: Vectors
    owner: str | None
    revision: str


def best_pages(ledger: Ledger, phrases: Sequence[str], chosen: Filter, count: int) -> dict[int, float]:
    """Documents with BM25 over their fields, best first."""
    condition, given = chosen.condition()
    joined = "JOIN documents ON documents.id = page_words.rowid" if given else ""
    query = (
        f"SELECT page_words.rowid, bm25(page_words, {PAGE_FIELDS}) AS score FROM page_words {joined} "  # noqa: S608 - constants; values are bound
        f"WHERE page_words MATCH ? AND {condition} ORDER BY score LIMIT ?"
    )
    with ledger.reading() as db:
        rows = db.execute(query, (_any(phrases), *given, count)).fetchall() if phrases else []
    return {document: -score for document, score in rows}


def best_sections(ledger: Ledger, words: Sequence[str], chosen: Filter, count: int) -> dict[int, float]:
    """Documents with their best section's BM25, best first, from the best ``count`` sections."""
    condition, given = chosen.condition()
    joined = (
        "JOIN sections ON sections.id = section_words.rowid JOIN documents ON documents.id = sections.document"
        if given
        else ""
    )
    # The best are chosen before anything more is joined: joining every section that matches takes twice as long.
    query = (
        f"SELECT sections.document, best.score FROM (SELECT section_words.rowid AS id, "  # noqa: S608 - constants; values are bound
        f"bm25(section_words, {SECTION_FIELDS}) AS score FROM section_words {joined} "
        f"WHERE section_words MATCH ? AND {condition} ORDER BY score LIMIT ?) AS best "
        "JOIN sections ON sections.id = best.id ORDER BY best.score"
    )
    with ledger.reading() as db:
        rows = db.execute(query, (_any(words), *given, count)).fetchall() if words else []
    best: dict[int, float] = {}
    for document, score in rows:
        best.setdefault(document, -score)
    return best


def best_of(ledger: Ledger, keys: Mapping[str, float], chosen: Filter) -> dict[int, float]:
    """Documents with the score of their best section, by the sections' names in Chroma and in their order.

    Sections that the ledger does not know, and documents that may not answer, are left out.
    """
    condition, given = chosen.condition()
    with ledger.reading() as db:
        rows = db.execute(
            "SELECT key, document FROM sections JOIN documents ON documents.id = sections.document "  # noqa: S608 - constants and question marks
            f"WHERE key IN ({_marks(list(keys))}) AND {condition}",
            [*keys, *given],
        )
        documents = dict(rows.fetchall())
    best: dict[int, float] = {}
    for key, score in keys.items():
        if key in documents:
            best.setdefault(documents[key], score)
    return best


def candidates(ledger: Ledger, ids: Iterable[int]) -> dict[int, Candidate]:
    """The documents that still exist, by number."""
    wanted = list(ids)
    with ledger.reading() as db:
        rows = db.execute(
            "SELECT id, path, version, title, kind, service, url, title_words, place_words, title_vector, "  # noqa: S608 - only question marks
            f"owner, revision FROM documents WHERE id IN ({_marks(wanted)})",
            wanted,
        ).fetchall()
    return {row[0]: _candidate(row) for row in rows}


def words_within(ledger: Ledger, document: int, words: Iterable[str]) -> set[str]:
    """Those of ``words`` that stand anywhere in the document."""
    with ledger.reading() as db:
        row = db.execute(
            "SELECT title, place, headings, prose, code FROM page_words WHERE rowid = ?", (document,)
        ).fetchone()
    held = set(" ".join(row or ()).split())
    return held.intersection(words)


def _candidate(row: Sequence[Any]) -> Candidate:
    number, path, version, title, kind, service, url, title_words, place_words, title_vector, owner, revision = row
    return Candidate(
        number,
        path,
        version,
        title,
        DocumentKind(kind),
        service,
        url,
        frozenset(title_words.split()),
        frozenset(place_words.split()),
        np.frombuffer(title_vector, dtype=np.float32),
        owner,
        revision,
    )


def _any(phrases: Iterable[str]) -> str:
    return " OR ".join(f'"{phrase}"' for phrase in phrases)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
