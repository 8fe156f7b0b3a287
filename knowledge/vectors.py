"""Sections by meaning: a Chroma collection in this process, which never decides what exists."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from bot.domain.passage import DocumentKind
from bot.errors import KnowledgeError
from knowledge.embedding import Vectors

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api.client import Client

COLLECTION = "sections"
BATCH = 1_000
ANY_SERVICE = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a section can be filtered by."""

    kind: DocumentKind
    service: str | None


class SectionVectors:
    """Vectors by section key, kept in ``folder``; safe to use from several threads, blocking.

    A process holds part of Chroma's index in memory and does not see what another process has written since. So each
    call says which generation of the ledger it wants to see, and the client is opened anew when somebody else has
    moved on. Writes happen inside the ledger's ``writing``, which keeps the processes apart.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._client: Client | None = None
        self._opened: Collection | None = None
        self._generation = -1
        # Counting takes as long as searching.
        self._size: int | None = None

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._opened = None

    def nearest(
        self,
        vector: Vectors,
        count: int,
        generation: int,
        kind: DocumentKind | None = None,
        service: str | None = None,
    ) -> dict[str, float]:
        """Keys of the nearest sections with their cosine, best first."""
        filters: list[dict[str, object]] = []
        if kind is not None:
            filters.append({"kind": kind.value})
        if service is not None:
            filters.append({"service": {"$in": [ANY_SERVICE, service]}})
        where = {"$and": filters} if len(filters) > 1 else (filters[0] if filters else None)
        with self._lock, _explained("searched"):
            collection = self._collection(generation)
            if self._size is None:
                self._size = collection.count()
            if not self._size:
                return {}
            found = collection.query(
                query_embeddings=vector[None, :],
                n_results=min(count, self._size),
                where=where,  # type: ignore[arg-type] # Chroma's filters are TypedDicts of one literal key each
                include=["distances"],
            )
        distances = (found["distances"] or [[]])[0]
        return {key: 1 - distance for key, distance in zip(found["ids"][0], distances, strict=True)}

    def add(self, keys: Sequence[str], vectors: Sequence[Vectors], labels: Sequence[Labels], generation: int) -> None:
        """Add sections; ones that are there already stay as they are in effect."""
        metadata = [{"kind": each.kind.value, "service": each.service or ANY_SERVICE} for each in labels]
        with self._lock, _explained("written"):
            collection = self._collection(generation)
            self._size = None
            for start in range(0, len(keys), BATCH):
                part = slice(start, start + BATCH)
                collection.upsert(
                    ids=list(keys[part]),
                    embeddings=np.stack(vectors[part]),
                    metadatas=list(metadata[part]),
                )

    def drop(self, keys: Sequence[str], generation: int) -> None:
        with self._lock, _explained("written"):
            collection = self._collection(generation)
            self._size = None
            for start in range(0, len(keys), BATCH):
                collection.delete(ids=list(keys[start : start + BATCH]))

    def keys(self, generation: int) -> set[str]:
        with self._lock, _explained("read"):
            return set(self._collection(generation).get(include=[])["ids"])

    def mine(self, generation: int) -> None:
        """Note that this process itself made ``generation`` out of the one before it."""
        with self._lock:
            self._generation = generation

    def _collection(self, generation: int) -> Collection:
        if self._opened is not None and generation <= self._generation:
            return self._opened
        import chromadb
        from chromadb.config import Settings

        self.close()
        # PersistentClient is declared to give the abstract API, which has no close.
        self._client = cast("Client", chromadb.PersistentClient(self._folder, Settings(anonymized_telemetry=False)))
        # The vectors come from our own embedding, so Chroma gets none that it might want to download.
        self._opened = self._client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        self._generation, self._size = generation, None
        return self._opened


@contextmanager
def _explained(done: str) -> Iterator[None]:
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, OSError) as error:
        raise KnowledgeError(
            f"The vector index cannot be {done}: {error}. Check the knowledge folder's permissions and free space; "
            "if it is damaged, delete its folder 'chroma' and index again: nothing needs to be embedded anew."
        ) from error
