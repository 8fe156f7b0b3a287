"""Keeps a workspace in one SQLite file, so that it can be stopped and started again."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from bot.errors import ConfigError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    content BLOB,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""


class Storage:
    """Records by kind and key, written through at once. Without a ``path`` nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            # Surviving the end of the process is what is wanted here; a power cut may take the last moments.
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise ConfigError(
                f"workspace state {path}: cannot be used as the workspace's file: {error}. "
                "Give another path, or remove the file to start afresh."
            ) from error

    def put(self, kind: str, key: str, body: dict[str, Any], content: bytes | None = None) -> None:
        if self._db is not None:
            row = (kind, key, json.dumps(body, separators=(",", ":")), content)
            self._db.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", row)

    def remove(self, kind: str, key: str) -> None:
        if self._db is not None:
            self._db.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))

    def load(self, kind: str) -> list[tuple[dict[str, Any], bytes | None]]:
        """Every record of a kind, in the order of their keys."""
        if self._db is None:
            return []
        rows = self._db.execute("SELECT body, content FROM record WHERE kind = ? ORDER BY key", (kind,))
        return [(json.loads(body), content) for body, content in rows]

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
