"""The one door to everything that is stored."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.domain.outcome import Outcome
from bot.domain.passage import Document
from bot.domain.signal import Signal
from storage import migrate, signals, things
from storage.chain import AuditReport
from storage.database import Database
from storage.documents import Documents
from storage.journal import Journal
from storage.outbox import Outbox
from storage.pictures import Pictures, note_progress
from storage.spending import Spending
from storage.state import SavedState
from storage.timers import Timers


class Storage:
    """Everything that is stored in one database. Opens nothing before its first use.

    ``url`` is ``sqlite:///<file>`` or ``postgresql://…``; ``audit_key`` seals the audit log (32 bytes or more, always
    the same for one database). Raises ``ConfigError`` when either cannot be right.
    """

    def __init__(self, url: str, audit_key: bytes) -> None:
        self._database = Database(url)
        self._address = self._database.url.render_as_string(hide_password=False)
        self.journal = Journal(self._database, audit_key)
        self.state = SavedState(self._database, self.journal)
        self.outbox = Outbox(self._database)
        self.timers = Timers(self._database)
        self.pictures = Pictures(self._database)
        self.documents = Documents(self._database)
        self.spending = Spending(self._database)

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for the durable engine to share."""
        return self._database.engine

    async def migrate(self) -> None:
        """Bring the tables up to date and begin the audit log. Several processes may do it at once.

        Raises ``ConfigError`` when the database cannot be used or the audit key is not the one that it was begun with.
        """
        await migrate.migrate(self._address)
        await self.journal.begin()

    async def check(self) -> None:
        """See that ``migrate`` was run by this version with this key: for processes that shall not migrate themselves.

        Raises ``ConfigError`` when not, ``AuditBroken`` when the audit log's head was tampered with.
        """
        await migrate.check(self._address)
        await self.journal.check()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A writing session: commits at the end, rolls back when something is raised.

        On SQLite it has the write lock from its beginning: do nothing slow inside. Raises ``Stale`` when PostgreSQL
        made it give way to another.
        """
        async with self._database.write() as session:
            yield session

    async def commit(
        self, session: AsyncSession, outcome: Outcome, *, actor: str, request_id: str, now: datetime
    ) -> None:
        """Save what a handler decided: things, places of signals, lines of the journal; its effects are not touched.

        ``actor`` stands in the journal where an entry names nobody. Raises ``Stale`` when a thing or a signal was
        changed by another since it was read: then nothing may be committed.
        """
        await things.save(session, outcome.save)
        await signals.mark_placed(session, outcome.placed, now)
        await self.journal.append(session, outcome.journal, actor=actor, request_id=request_id, now=now)

    async def take(self, session: AsyncSession, arrived: Sequence[Signal]) -> int:
        """Keep the signals that are not known yet and give their number; of the others, count that they came again."""
        return await signals.take(session, arrived)

    async def remember(self, session: AsyncSession, document: Document, now: datetime) -> None:
        """Keep a document that shall go into the knowledge index."""
        await self.documents.remember(session, document, now)

    async def note_progress(self, session: AsyncSession, key: str, data: Mapping[str, object], now: datetime) -> None:
        """Note what a living message shall show while its handler still works."""
        await note_progress(session, key, data, now)

    async def verify_audit(self) -> AuditReport:
        """Walk the whole audit log and name the first line that is not as it was written."""
        return await self.journal.verify()

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()
