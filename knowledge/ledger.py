"""The ledger: what is indexed, word for word, in one SQLite file with full-text tables beside the rows.

The ledger decides what exists; Chroma only answers which sections are near in meaning, and can be rebuilt from here.
Words are searched with SQLite's FTS5 rather than an index held in memory, because it commits together with the rows,
costs no memory, needs no loading, and is seen at once by every process that shares the folder. Texts go in as trimmed
words (``knowledge.words.stems``), so FTS5's own tokenizer has nothing left to decide.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from bot.domain.passage import Document, DocumentKind
from bot.errors import KnowledgeError
from knowledge.chunks import Heading, Section
from knowledge.embedding import Vectors
from knowledge.vectors import Labels
from knowledge.words import stems

BUSY_SECONDS = 30
MOST_COUNTS = 20_000
MAPPED = 512 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, source TEXT NOT NULL, version TEXT NOT NULL, form TEXT NOT NULL,
    title TEXT NOT NULL, kind TEXT NOT NULL, service TEXT, url TEXT, meta TEXT NOT NULL, text TEXT NOT NULL,
    title_words TEXT NOT NULL, place_words TEXT NOT NULL, title_vector BLOB NOT NULL, owner TEXT,
    revision TEXT NOT NULL DEFAULT '', token TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS documents_by_source ON documents (source);
CREATE TABLE IF NOT EXISTS sections (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, key TEXT NOT NULL UNIQUE,
    ordinal INTEGER NOT NULL, path TEXT NOT NULL, text TEXT NOT NULL, prose TEXT NOT NULL, code TEXT NOT NULL,
    headings TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sections_by_document ON sections (document);
CREATE INDEX IF NOT EXISTS sections_by_digest ON sections (digest);
CREATE TABLE IF NOT EXISTS vectors (digest TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS page_words USING fts5 (title, place, headings, prose, code, tokenize = 'ascii');
CREATE VIRTUAL TABLE IF NOT EXISTS section_words USING fts5 (title, prose, code, tokenize = 'ascii');
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (page_words, row);
"""
# Columns that came later, for ledgers from before.
_LATER = {"owner": "TEXT", "revision": "TEXT NOT NULL DEFAULT ''", "token": "TEXT NOT NULL DEFAULT ''"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A document made ready: its sections, each with the digest of the text that its vector stands for.

    ``form`` is how it was made ready (format and embedding), ``title_text`` what its title's vector stands for,
    ``token`` what its source will know it by.
    """

    document: Document
    source: str
    form: str
    sections: tuple[Section, ...]
    digests: tuple[str, ...]
    title_text: str
    token: str = ""

    def named(self) -> list[tuple[str, str]]:
        """Each section's name in Chroma, and its digest.

        A name is never the same for two versions, so a half-done change harms nothing.
        """
        made = hashlib.sha256(f"{self.form} {self.document.version}".encode()).hexdigest()[:12]
        return [
            (f"{self.document.path} {made} {section.ordinal}", digest)
            for section, digest in zip(self.sections, self.digests, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says about a document without reading its text."""

    version: str
    form: str
    source: str
    token: str = ""

    def agrees(self, other: Known | None) -> bool:
        """Whether the same words are indexed in the same way, whatever their source knows them by."""
        return other is not None and replace(self, token="") == replace(other, token="")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A section's digest and its labels in Chroma."""

    digest: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Outline:
    """A section without its text: its number, its vector, and its prose's words."""

    number: int
    vector: Vectors
    words: frozenset[str]


def _unusable(folder: Path, error: Exception) -> KnowledgeError:
    return KnowledgeError(
        f"The knowledge index in {folder} cannot be opened: {error}. Check the folder's permissions and free space; if "
        "the file is damaged, delete the folder and index again."
    )


class Ledger:
    """One SQLite connection to the ledger, used by one thread at a time; a second one may write meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.RLock()
        self._counts: dict[str, int] = {}
        self._counted_at = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                folder / "ledger.sqlite", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable(folder, error) from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute(f"PRAGMA mmap_size = {MAPPED}")
            self._db.executescript(_SCHEMA)
            self._add_columns()
        except sqlite3.Error as error:
            self._db.close()
            raise _unusable(folder, error) from error

    def _add_columns(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        there = {row[1] for row in self._db.execute("PRAGMA table_info(documents)")}
        for name, kind in _LATER.items():
            if name not in there:
                self._db.execute(f"ALTER TABLE documents ADD COLUMN {name} {kind}")
        self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone among all writers, of any process, until the block ends; a raised error takes everything back."""
        with self.reading():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside belongs to one moment, whatever others write meanwhile."""
        with self.reading() as db:
            db.execute("BEGIN")
            try:
                yield
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread. Raises KnowledgeError for whatever SQLite cannot do."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise KnowledgeError(
                    f"The knowledge index cannot be used: {error}. If another process is indexing, try again; if the "
                    "disk is full, make room; if the file is damaged, delete the folder and index again."
                ) from error

    def generation(self) -> int:
        """A number that grows with every change by anybody."""
        with self.reading() as db:
            row = db.execute("SELECT value FROM state WHERE name = 'generation'").fetchone()
        return int(row[0]) if row else 0

    def advance(self) -> int:
        """The next generation; inside ``writing``."""
        with self.reading() as db:
            row = db.execute(
                "INSERT INTO state VALUES ('generation', '1') "
                "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value"
            ).fetchall()
        return int(row[0][0])

    def known(self) -> dict[str, Known]:
        """Every document's path and what is known of it."""
        with self.reading() as db:
            return {
                row[0]: Known(*row[1:])
                for row in db.execute("SELECT path, version, form, source, token FROM documents")
            }

    def known_of(self, path: str) -> Known | None:
        """What is known of one document."""
        with self.reading() as db:
            row = db.execute("SELECT version, form, source, token FROM documents WHERE path = ?", (path,)).fetchone()
        return Known(*row) if row else None

    def labels(self) -> dict[str, Labelled]:
        """Every section's name in Chroma, with what belongs to it there."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT key, digest, kind, service FROM sections JOIN documents ON documents.id = sections.document"
            )
            return {key: Labelled(digest, Labels(DocumentKind(kind), service)) for key, digest, kind, service in rows}

    def document(self, path: str) -> Document | None:
        with self.reading() as db:
            row = db.execute(
                "SELECT path, title, text, kind, service, url, meta, owner, revision FROM documents WHERE path = ?",
                (path,),
            ).fetchone()
        if row is None:
            return None
        return Document(row[0], row[1], row[2], DocumentKind(row[3]), row[4], row[5], json.loads(row[6]), *row[7:])

    def note(self, path: str, token: str) -> None:
        """What the document's source will know it by from now on; its words are the same."""
        with self.writing():
            self._db.execute("UPDATE documents SET token = ? WHERE path = ?", (token, path))

    def outlines(self, documents: Sequence[int]) -> dict[int, list[Outline]]:
        """Each document's sections in order, without their text."""
        marks = ", ".join("?" * len(documents))
        with self.reading() as db:
            rows = db.execute(
                "SELECT sections.document, sections.id, vectors.vector, section_words.prose FROM sections "  # noqa: S608 - only question marks
                "JOIN section_words ON section_words.rowid = sections.id JOIN vectors USING (digest) "
                f"WHERE sections.document IN ({marks}) ORDER BY sections.document, sections.ordinal",
                documents,
            ).fetchall()
        found: dict[int, list[Outline]] = {document: [] for document in documents}
        for document, number, vector, words in rows:
            found[document].append(Outline(number, np.frombuffer(vector, dtype=np.float32), frozenset(words.split())))
        return found

    def section(self, number: int) -> Section:
        """A section that an outline named."""
        with self.reading() as db:
            row = db.execute(
                "SELECT ordinal, path, text, prose, code, headings FROM sections WHERE id = ?", (number,)
            ).fetchone()
        ordinal, path, text, prose, code, headings = row
        return Section(
            ordinal, tuple(json.loads(path)), text, prose, code, tuple(Heading(*each) for each in json.loads(headings))
        )

    def vectors(self, digests: Iterable[str]) -> dict[str, Vectors]:
        """The vectors that are kept for these digests; the others are simply absent."""
        wanted = list(dict.fromkeys(digests))
        found: dict[str, Vectors] = {}
        with self.reading() as db:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ", ".join("?" * len(part))
                rows = db.execute(f"SELECT digest, vector FROM vectors WHERE digest IN ({marks})", part)  # noqa: S608 - only question marks
                found |= {digest: np.frombuffer(vector, dtype=np.float32) for digest, vector in rows}
        return found

    def keep_vectors(self, vectors: Mapping[str, Vectors]) -> None:
        """Keep vectors by digest: what was once embedded is not embedded again, not even after a kill."""
        with self.writing():
            self._keep(vectors)

    def _keep(self, vectors: Mapping[str, Vectors]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?)",
            [(digest, vector.astype(np.float32).tobytes()) for digest, vector in vectors.items()],
        )

    def drop_unused_vectors(self) -> None:
        with self.writing():
            self._db.execute("DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM sections)")

    def save(self, entry: Entry, vectors: Mapping[str, Vectors], title_vector: Vectors) -> list[str]:
        """Put a document in its former version's place, inside ``writing``; gives that version's section keys.

        ``vectors`` holds at least its sections' by digest: a run elsewhere may have dropped them as unused meanwhile.
        """
        document = entry.document
        self._keep({digest: vectors[digest] for digest in entry.digests})
        gone = self.forget(document.path)
        place = PurePosixPath(document.path)
        title_words = " ".join(stems(f"{document.title} {place.stem}"))
        place_words = " ".join(stems(" ".join([*place.parts[:-1], document.service or ""])))
        with self.reading() as db:
            row = db.execute(
                "INSERT INTO documents (path, source, version, form, title, kind, service, url, meta, text, "
                "title_words, place_words, title_vector, owner, revision, token) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(document.path, entry.source, document.version, entry.form, document.title, document.kind),
                    *(document.service, document.url, json.dumps(dict(document.meta)), document.text),
                    *(title_words, place_words, title_vector.astype(np.float32).tobytes()),
                    *(document.owner, document.revision, entry.token),
                ),
            ).lastrowid
            headings = " ".join({each.text for section in entry.sections for each in section.headings})
            db.execute(
                "INSERT INTO page_words (rowid, title, place, headings, prose, code) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(row, title_words, place_words, " ".join(stems(headings))),
                    " ".join(stems("\n".join(section.prose for section in entry.sections))),
                    " ".join(stems("\n".join(section.code for section in entry.sections))),
                ),
            )
            for (key, digest), section in zip(entry.named(), entry.sections, strict=True):
                self._save_section(row, key, digest, section, document.title)
        return gone

    def _save_section(self, document: int | None, key: str, digest: str, section: Section, title: str) -> None:
        headings = json.dumps([[each.text, each.anchor, each.start] for each in section.headings])
        row = self._db.execute(
            "INSERT INTO sections (document, key, ordinal, path, text, prose, code, headings, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(document, key, section.ordinal, json.dumps(section.path), section.text, section.prose),
                *(section.code, headings, digest),
            ),
        ).lastrowid
        self._db.execute(
            "INSERT INTO section_words (rowid, title, prose, code) VALUES (?, ?, ?, ?)",
            (
                *(row, " ".join(stems(" ".join([title, *section.path])))),
                *(" ".join(stems(section.prose)), " ".join(stems(section.code))),
            ),
        )

    def forget(self, path: str) -> list[str]:
        """Take a document out, inside ``writing``; gives its sections' keys, empty when it was not there."""
        with self.reading() as db:
            row = db.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
            if row is None:
                return []
            sections = db.execute("SELECT id, key FROM sections WHERE document = ?", row).fetchall()
            db.executemany("DELETE FROM section_words WHERE rowid = ?", [(each[0],) for each in sections])
            db.execute("DELETE FROM page_words WHERE rowid = ?", row)
            db.execute("DELETE FROM documents WHERE id = ?", row)
        return [key for _, key in sections]

    def frequencies(self, words: Iterable[str]) -> tuple[dict[str, int], int]:
        """In how many documents each word stands, and how many documents there are."""
        generation = self.generation()
        with self.reading() as db:
            if generation != self._counted_at or len(self._counts) > MOST_COUNTS:
                self._counts, self._counted_at = {}, generation
            wanted = set(words)
            for word in wanted - self._counts.keys():
                row = db.execute("SELECT doc FROM vocabulary WHERE term = ?", (word,)).fetchone()
                self._counts[word] = row[0] if row else 0
            total = db.execute("SELECT count(*) FROM documents").fetchone()[0]
            return {word: self._counts[word] for word in wanted}, total
