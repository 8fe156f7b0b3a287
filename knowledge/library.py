"""Fettle's knowledge, as the rest of Fettle uses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.domain.passage import Answer, Document, DocumentKind
from bot.domain.reading import Reading
from knowledge.embedding import Embedding, MiniLM
from knowledge.index import Indexer, IndexReport, Progress
from knowledge.ledger import Ledger
from knowledge.lexical import Filter
from knowledge.search import Search
from knowledge.vectors import SectionVectors


class Knowledge:
    """Documents in, cited passages out; everything is kept in ``folder``, which any number of processes may share.

    Nothing is opened or loaded before the first call, and nothing blocks the event loop. Every method raises
    KnowledgeError when the index, or the embedding model, cannot be used.
    """

    def __init__(self, folder: Path, *, embedding: Embedding | None = None) -> None:
        self._folder = folder
        self._embedding = embedding or MiniLM()
        self._lock = threading.Lock()
        self._parts: _Parts | None = None

    async def index(
        self,
        readings: Sequence[Path | Reading],
        progress: Callable[[Progress], None] | None = None,
        *,
        others_stay: bool = False,
    ) -> IndexReport:
        """Make the index agree with its sources: what is new, changed and gone. A bare path is a folder, or a file.

        A source is known by its name: documents are cited as ``name/below/page.md``. The documents of a source that is
        not named any more go with it, unless ``others_stay``; those of one that is named but cannot be reached stay,
        with an error in the report that begins with its name. ``progress`` is called in the event loop. Cancelling
        leaves a sound index that the next call completes.
        """
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def tell(done: Progress) -> None:
            if progress and not stop.is_set():
                loop.call_soon_threadsafe(progress, done)

        try:
            return await asyncio.to_thread(
                lambda: self._open().indexer.index(readings, tell, stop, others_stay=others_stay)
            )
        finally:
            stop.set()

    async def put(self, document: Document) -> None:
        """Add or replace a document that comes from no source, such as a past incident."""
        await asyncio.to_thread(lambda: self._open().indexer.put(document))

    async def remove(self, path: str) -> bool:
        """Take a document out. False when there was none."""
        return await asyncio.to_thread(lambda: self._open().indexer.remove(path))

    async def document(self, path: str) -> Document | None:
        """A whole document, by the path under which passages cite it."""
        return await asyncio.to_thread(lambda: self._open().reader.document(path))

    async def search(
        self,
        query: str,
        *,
        expression: str = "",
        service: str | None = None,
        kind: DocumentKind | None = None,
        limit: int = 5,
    ) -> Answer:
        """The passages that speak to a question or an alert's text, at most ``limit``, one per document.

        Template placeholders in ``query`` are ignored, and of it the first 2,000 characters are read. ``expression`` is
        the alert's PromQL, of which the metrics' names help. With ``service``, documents of other services are left out
        and those of no service in particular stay.
        """
        chosen = Filter(service, kind)
        return await asyncio.to_thread(lambda: self._open().search.answer(query, expression, chosen, limit))

    async def close(self) -> None:
        """Let go of files and memory; a run of ``index`` that is still going is waited for."""
        await asyncio.to_thread(self._close)

    def _open(self) -> _Parts:
        with self._lock:
            if self._parts is None:
                self._parts = _Parts(self._folder, self._embedding)
            return self._parts

    def _close(self) -> None:
        with self._lock:
            if self._parts is not None:
                self._parts.close()
            self._parts = None


class _Parts:
    """Two connections to one ledger, so that a search never waits for a run of the indexer."""

    def __init__(self, folder: Path, embedding: Embedding) -> None:
        self.reader = Ledger(folder)
        self.writer = Ledger(folder)
        self.vectors = SectionVectors(folder / "chroma")
        self.indexer = Indexer(self.writer, self.vectors, embedding, folder / "repositories")
        self.search = Search(self.reader, self.vectors, embedding)

    def close(self) -> None:
        self.indexer.close()
        self.vectors.close()
        self.writer.close()
        self.reader.close()
