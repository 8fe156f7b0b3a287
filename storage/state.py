"""What skills may read of everything that was saved: ``bot.domain.ports.State`` over the tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from bot.domain.evidence import Window
from bot.domain.incident import Alert
from bot.domain.journal import Line
from bot.domain.policy import Automation
from bot.domain.ports import Json
from bot.domain.signal import Signal
from bot.errors import NotFound
from storage import signals, tables
from storage.codec import decode
from storage.database import Database
from storage.journal import Journal
from storage.things import Spec, spec_of

T = TypeVar("T")

_AT_ONCE = 500


class SavedState:
    """Each call sees one consistent moment: that of the last commit before it."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def get(self, kind: type[T], thing_id: str | int) -> T:
        """The thing with that id; an alert's is ``<incident>:<fingerprint>``. Raises ``NotFound``.

        The automation switch is there before anybody has touched it.
        """
        spec = spec_of(kind)
        query = sa.select(spec.table.c.body).where(*_identified(spec, thing_id))
        async with self._database.read() as connection:
            body = (await connection.execute(query)).scalar()
        if body is not None:
            return decode(kind, body)
        if issubclass(kind, Automation) and thing_id == Automation().id:
            return kind()
        raise NotFound(f"There is no {spec.word} {thing_id}.")

    async def find(self, kind: type[T], /, *, limit: int = 100, newest: bool = True, **where: object) -> tuple[T, ...]:
        """Things by indexed columns, newest or oldest first.

        A tuple, list or set as value means any of them, None that there is none. ``<column>__before`` is the end of a
        span of time (not included), ``<column>__after`` its beginning (included). Raises ``ValueError`` for a column
        that there is not.
        """
        spec = spec_of(kind)
        conditions = [_condition(spec, name, value) for name, value in where.items()]
        order = [spec.table.c[spec.order], *spec.table.primary_key]
        query = sa.select(spec.table.c.body).where(*conditions).limit(limit)
        query = query.order_by(*(column.desc() if newest else column.asc() for column in order))
        async with self._database.read() as connection:
            return tuple(decode(kind, body) for body in await connection.scalars(query))

    async def next_incident(self) -> int:
        """One more than the highest number so far; saving a second incident with it is ``Stale``."""
        async with self._database.read() as connection:
            return ((await connection.execute(sa.select(sa.func.max(tables.incidents.c.id)))).scalar() or 0) + 1

    async def waiting_signals(self, limit: int) -> tuple[Signal, ...]:
        """Signals that have no place yet, oldest first."""
        async with self._database.read() as connection:
            return await signals.waiting(connection, limit)

    async def holders(self, fingerprints: Sequence[str]) -> Mapping[str, Alert]:
        """For each fingerprint the alert that an open incident holds under it; the newest incident's, if several do."""
        held: dict[str, Alert] = {}
        alerts, incidents = tables.alerts, tables.incidents
        wanted = list(dict.fromkeys(fingerprints))
        async with self._database.read() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                query = (
                    sa.select(alerts.c.body)
                    .join(incidents, incidents.c.id == alerts.c.incident)
                    .where(alerts.c.fingerprint.in_(wanted[start : start + _AT_ONCE]), ~incidents.c.closed)
                    .order_by(alerts.c.incident)
                )
                for body in await connection.scalars(query):
                    alert = decode(Alert, body)
                    held[alert.fingerprint] = alert
        return held

    async def changes(self, services: Sequence[str], window: Window) -> tuple[Signal, ...]:
        """Change signals of those services in the window, both ends included, newest first."""
        async with self._database.read() as connection:
            return await signals.changes(connection, services, window)

    async def journal(self, incident: int, limit: int = 200) -> tuple[Line, ...]:
        """The newest lines of the journal about an incident, the oldest of them first."""
        return await self._journal.about(incident, limit)

    async def progress(self, key: str) -> Json | None:
        """What ``Context.progress`` noted last under that key."""
        query = sa.select(tables.progress.c.data).where(tables.progress.c.key == key)
        async with self._database.read() as connection:
            data = (await connection.execute(query)).scalar()
        return None if data is None else json.loads(data)

    async def permalink(self, key: str) -> str:
        """The address of the message with that key, empty when it has not been posted."""
        query = sa.select(tables.messages.c.permalink).where(tables.messages.c.key == key)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar() or ""


def _identified(spec: Spec, thing_id: str | int) -> list[sa.ColumnElement[bool]]:
    parts = str(thing_id).split(":", len(spec.keys) - 1) if len(spec.keys) > 1 else [thing_id]
    if len(parts) < len(spec.keys):
        raise NotFound(f"There is no {spec.word} {thing_id}.")
    return [_same(spec.table.c[name], part) for name, part in zip(spec.keys, parts, strict=True)]


def _same(column: sa.Column[Any], value: str | int) -> sa.ColumnElement[bool]:
    if not isinstance(column.type, sa.Integer):
        return column == str(value)
    # What a person typed as an incident's number need not be one, nor one that the database can hold.
    number = int(value) if str(value).isdecimal() and len(str(value)) < 10 else None  # noqa: PLR2004  # digits of 2**31
    return sa.false() if number is None else column == number


def _condition(spec: Spec, name: str, value: object) -> sa.ColumnElement[bool]:
    plain, _, bound = name.partition("__")
    column = spec.column(plain)
    if bound in ("before", "after"):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ValueError(f"{name} needs a time with its time zone, not {value!r}.")
        return column < value if bound == "before" else column >= value
    if bound:
        raise ValueError(f"{name}: a column can be searched by itself, with __before or with __after.")
    if value is None:
        return column.is_(None)
    if isinstance(value, tuple | list | set | frozenset):
        return column.in_(list(value))
    return column == value
