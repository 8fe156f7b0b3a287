"""Signals as they came in: each once, however often it was delivered, until somebody gives it its place."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.domain.evidence import Window
from bot.domain.signal import Signal, SignalKind
from bot.errors import NotFound, Stale
from storage.codec import decode, encode
from storage.database import insert
from storage.tables import signals

_SEARCHED = ("id", "kind", "source", "service", "name", "status", "fingerprint", "at", "received_at")
_AT_ONCE = 500


async def take(session: AsyncSession, arrived: Sequence[Signal]) -> int:
    """Keep the signals that are not known yet and give their number; of the others, count that they came again."""
    times = Counter(signal.id for signal in arrived)
    by_id = {signal.id: signal for signal in arrived}
    rows = [{**_columns(by_id[one]), "seen": times[one]} for one in sorted(by_id)]
    if not rows:
        return 0
    fresh = insert(session, signals)
    statement = fresh.on_conflict_do_update(
        index_elements=[signals.c.id], set_={"seen": signals.c.seen + fresh.excluded.seen}
    ).returning(signals.c.id, signals.c.seen)
    stored = (await session.execute(statement, rows)).all()
    return sum(seen == times[signal_id] for signal_id, seen in stored)


async def mark_placed(session: AsyncSession, ids: Sequence[str], now: datetime) -> None:
    """Note that the signals have their place.

    Raises ``Stale`` when another placed one of them first, ``NotFound`` when one was never taken in.
    """
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        statement = (
            sa.update(signals).where(signals.c.id.in_(some), signals.c.placed_at.is_(None)).values(placed_at=now)
        )
        result: sa.CursorResult[Any] = await session.execute(statement)  # type: ignore[assignment]  # an update's result counts rows
        if result.rowcount == len(some):
            continue
        known = set(await session.scalars(sa.select(signals.c.id).where(signals.c.id.in_(some))))
        missing = [one for one in some if one not in known]
        if missing:
            raise NotFound(f"There is no signal {missing[0]}, so it cannot be placed.")
        raise Stale(f"Somebody else has placed {len(some) - result.rowcount} of the {len(some)} signals meanwhile.")


async def waiting(connection: AsyncConnection, limit: int) -> tuple[Signal, ...]:
    """Signals that have no place yet, oldest first."""
    query = sa.select(signals.c.body).where(signals.c.placed_at.is_(None))
    query = query.order_by(signals.c.received_at, signals.c.at, signals.c.id).limit(limit)
    return tuple(decode(Signal, body) for body in await connection.scalars(query))


async def changes(connection: AsyncConnection, services: Sequence[str], window: Window) -> tuple[Signal, ...]:
    """Change signals of those services in the window, newest first."""
    query = sa.select(signals.c.body).where(
        signals.c.service.in_(services),
        signals.c.kind == SignalKind.CHANGE,
        signals.c.at.between(window.start, window.end),
    )
    return tuple(
        decode(Signal, body) for body in await connection.scalars(query.order_by(signals.c.at.desc(), signals.c.id))
    )


def _columns(signal: Signal) -> dict[str, object]:
    return {**{name: getattr(signal, name) for name in _SEARCHED}, "placed_at": None, "body": encode(signal)}
