"""Bringing documents into the index: only what changed, a group at a time, each group whole or not at all.

A group's order makes a kill harmless at any point: vectors are kept first (by digest, so that none is computed twice),
then its sections go into Chroma under names that belong to this version alone, then the ledger commits, then the former
version's sections leave Chroma. What a kill leaves over in Chroma is unknown to the ledger and so never shown; the
next run sweeps it out.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bot.domain.passage import Document
from bot.domain.reading import Reading
from bot.errors import KnowledgeError
from knowledge.chunks import Section, split
from knowledge.embedding import Embedding, Vectors
from knowledge.formats import Leaf, Page, Unreachable
from knowledge.ledger import Entry, Known, Ledger
from knowledge.sources import Sources
from knowledge.vectors import Labels, SectionVectors
from knowledge.words import spoken

# Raise it when sections or words come out differently: every document is then indexed anew.
FORMAT = 3
GROUP = 32
TOLD_EVERY = 100
ADDED_AT_ONCE = 1_000
# The source of documents that were put in one by one; every other source has a name.
PUT = ""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did, in documents; ``errors`` are sentences that begin with the source or the path they are about."""

    added: int
    changed: int
    removed: int
    unchanged: int
    seconds: float
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: ``done`` of ``total`` pages, whether they needed work or not."""

    done: int
    total: int


class Indexer:
    """Writes the ledger and Chroma; blocking, safe beside other writers in this process and in others."""

    def __init__(self, ledger: Ledger, vectors: SectionVectors, embedding: Embedding, copies: Path) -> None:
        self._copies = copies
        self._ledger = ledger
        self._vectors = vectors
        self._embedding = embedding
        self._form = f"{FORMAT} {embedding.name}"
        self._running = threading.Lock()
        self._closing = threading.Event()

    def close(self) -> None:
        """End a run that is going on, at its next group, and wait for it."""
        self._closing.set()
        with self._running:
            pass

    def index(
        self,
        readings: Sequence[Path | Reading],
        tell: Callable[[Progress], None],
        stop: threading.Event,
        *,
        others_stay: bool,
    ) -> IndexReport:
        """Make the index agree with these sources. When ``stop`` is set it ends early, and a later run goes on."""
        sources = Sources(readings, self._copies)
        with self._running:
            return self._index(sources, tell, lambda: stop.is_set() or self._closing.is_set(), others_stay=others_stay)

    def _index(
        self, sources: Sources, tell: Callable[[Progress], None], ended: Callable[[], bool], *, others_stay: bool
    ) -> IndexReport:
        started = time.perf_counter()
        self._mend()
        self._renew()
        known = self._ledger.known()
        tally = _Tally()
        leaves = self._leaves(sources, known, tally, ended)
        tally.total = len(leaves)
        waiting: list[Entry] = []
        for name, leaf in leaves:
            if ended():
                break
            entry = self._entered(name, leaf, known, tally)
            waiting += [entry] if entry else []
            if sum(len(each.sections) for each in waiting) >= GROUP:
                self._write(waiting)
                waiting = []
                tell(Progress(tally.done, tally.total))
            elif tally.done % TOLD_EVERY == 0:
                tell(Progress(tally.done, tally.total))
        self._write(waiting)
        mine = {each.source for each in known.values()} - {PUT}
        if others_stay:
            mine &= sources.names
        gone = [path for path, each in known.items() if each.source in mine and path not in tally.seen]
        if not ended():
            tally.removed = sum(self.remove(path) for path in gone)
            self._ledger.drop_unused_vectors()
            if not others_stay:
                sources.sweep()
        self._embedding.release()
        tell(Progress(tally.done, tally.total))
        return tally.report(time.perf_counter() - started)

    def put(self, document: Document) -> None:
        """Add or replace one document that comes from no source."""
        known = self._ledger.known_of(document.path)
        if known and known.source != PUT:
            raise KnowledgeError(
                f"{document.path} comes from the source {known.source!r}: change the page there, or choose "
                "another path."
            )
        if not self._known(document, PUT).agrees(known):
            self._write([self._entry(document, PUT)])

    def remove(self, path: str) -> bool:
        """Take a document out. False when there was none."""
        with self._ledger.writing():
            gone = self._ledger.forget(path)
            self._ledger.advance()
        self._sweep(gone)
        return bool(gone)

    def _leaves(
        self, sources: Sources, known: Mapping[str, Known], tally: _Tally, ended: Callable[[], bool]
    ) -> list[tuple[str, Leaf]]:
        """Every page of every source that can be reached; those of one that cannot be are counted as seen."""
        found: list[tuple[str, Leaf]] = []
        for source in sources.opened:
            mine = {path: each for path, each in known.items() if each.source == source.name}
            tokens = {path: each.token for path, each in mine.items() if each.form == self._form}
            try:
                found += [(source.name, leaf) for leaf in source.leaves(tokens, ended)]
            except Unreachable as error:
                tally.errors.append(f"{source.name}: {error}; what was indexed from it stays")
                tally.seen.update(mine)
        return found

    def _entered(self, name: str, leaf: Leaf, known: Mapping[str, Known], tally: _Tally) -> Entry | None:
        """What is to be written of a page, and its place in the tally."""
        before = known.get(leaf.path)
        foreign = before is not None and before.source != name
        page = Page(leaf.path, None, "not read: another document has this path") if foreign else leaf.read()
        tally.done += 1
        if page.problem:
            tally.errors.append(f"{page.path}: {page.problem}")
        if not page.gone:
            tally.seen.add(page.path)
        if page.same:
            tally.unchanged += 1
        if page.document is None:
            return None
        if self._known(page.document, name).agrees(before):
            tally.unchanged += 1
            self._ledger.note(page.path, page.token)
            return None
        tally.count(before is not None)
        return self._entry(page.document, name, page.token)

    def _entry(self, document: Document, source: str, token: str = "") -> Entry:
        sections = split(document)
        folder = PurePosixPath(document.path).parent.name
        title = " ".join(part for part in (document.service, folder, document.title) if part)
        return Entry(
            document,
            source,
            self._form,
            sections,
            tuple(self._digest(_embedded(document, section)) for section in sections),
            spoken(title),
            token,
        )

    def _digest(self, text: str) -> str:
        return hashlib.sha256(f"{self._form}\n{text}".encode()).hexdigest()

    def _known(self, document: Document, source: str) -> Known:
        return Known(document.version, self._form, source)

    def _write(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        vectors = self._embedded_vectors(entries)
        titles = self._embedding.embed([entry.title_text for entry in entries])
        with self._ledger.writing():
            before = self._ledger.generation()
            # Another writer may have been here since these were read.
            chosen = [
                index
                for index, entry in enumerate(entries)
                if not self._known(entry.document, entry.source).agrees(self._ledger.known_of(entry.document.path))
            ]
            if not chosen:
                return
            new = [(key, digest, entries[index]) for index in chosen for key, digest in entries[index].named()]
            self._vectors.add(
                [key for key, _, _ in new],
                [vectors[digest] for _, digest, _ in new],
                [_labels(entry.document) for _, _, entry in new],
                before,
            )
            gone = [key for index in chosen for key in self._ledger.save(entries[index], vectors, titles[index])]
            after = self._ledger.advance()
        self._vectors.mine(after)
        self._sweep(sorted(set(gone) - {key for key, _, _ in new}))

    def _sweep(self, keys: Sequence[str]) -> None:
        """Drop from Chroma what the ledger has already forgotten."""
        if not keys:
            return
        with self._ledger.writing():
            self._vectors.drop(keys, self._ledger.generation())
            after = self._ledger.advance()
        self._vectors.mine(after)

    def _embedded_vectors(self, entries: Sequence[Entry]) -> dict[str, Vectors]:
        texts = {
            digest: _embedded(entry.document, section)
            for entry in entries
            for digest, section in zip(entry.digests, entry.sections, strict=True)
        }
        vectors = self._ledger.vectors(texts)
        missing = [digest for digest in texts if digest not in vectors]
        for start in range(0, len(missing), GROUP):
            part = missing[start : start + GROUP]
            made = dict(zip(part, self._embedding.embed([texts[digest] for digest in part]), strict=True))
            self._ledger.keep_vectors(made)
            vectors |= made
        return vectors

    def _mend(self) -> None:
        """Make Chroma agree with the ledger after a kill, or after its folder was lost."""
        with self._ledger.writing():
            generation = self._ledger.generation()
            wanted, there = self._ledger.labels(), self._vectors.keys(generation)
            if wanted.keys() == there:
                return
            self._vectors.drop(sorted(there - wanted.keys()), generation)
            missing = sorted(wanted.keys() - there)
            for start in range(0, len(missing), ADDED_AT_ONCE):
                part = missing[start : start + ADDED_AT_ONCE]
                vectors = self._ledger.vectors(wanted[key].digest for key in part)
                self._vectors.add(
                    part,
                    [vectors[wanted[key].digest] for key in part],
                    [wanted[key].labels for key in part],
                    generation,
                )
            after = self._ledger.advance()
        self._vectors.mine(after)

    def _renew(self) -> None:
        """Index again what was put in under another embedding or format: no source will bring it."""
        stale = [path for path, each in self._ledger.known().items() if each.source == PUT and each.form != self._form]
        for path in stale:
            document = self._ledger.document(path)
            if document:
                self._write([self._entry(document, PUT)])


@dataclass(slots=True)
class _Tally:
    total: int = 0
    done: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    seen: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def count(self, was_known: bool) -> None:  # noqa: FBT001 - the only argument, and its name says it
        if was_known:
            self.changed += 1
        else:
            self.added += 1

    def report(self, seconds: float) -> IndexReport:
        return IndexReport(self.added, self.changed, self.removed, self.unchanged, seconds, tuple(self.errors))


def _labels(document: Document) -> Labels:
    return Labels(document.kind, document.service)


def _embedded(document: Document, section: Section) -> str:
    """The text whose meaning stands for the section: where it is, then what it says."""
    where = " > ".join(name for name in section.path if name)
    return spoken(f"{document.title}: {where}. {section.prose or section.code[:500]}")
