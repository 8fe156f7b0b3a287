"""Messages as they shall be in Slack: each row is what should stand there, and how far that has come about.

A living message's revision grows with every change; several changes before a post become one post. A claim gives one
sender a row for a while. ``trying_revision`` is set before the post and taken away after it, so that whoever finds it
knows that an earlier post may have happened, and looks before posting.

Messages go in lanes. Posts into one channel are a lane: they stay in order. Updates in one channel are another, so
that they do not wait for posts. Everything else (an answer, a modal, a home tab) is a lane of its own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import NotFound
from storage.columns import clean
from storage.database import Database, insert
from storage.tables import buried, messages, standing, unposted

Kind = Literal["living", "note", "reply", "modal", "home"]
Place = tuple[str, str]
_RENDERED_WHEN_SENT = ("living", "home")
_IN_A_CHANNEL = ("living", "note")
_PAGE = 200
_PLAIN = [column.name for column in messages.c if column.name not in ("origin", "blocks")]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message.

    ``key`` names it, ``under`` is the key of the message in whose thread it goes, ``origin`` where in Slack somebody
    asked for it. ``posted_revision`` is the revision that stands in Slack (0: none), at ``posted_channel`` and ``ts``,
    with the ``permalink``; ``digest`` is of what was posted last. Smaller ``priority`` goes first. ``dead_reason`` is
    None unless it was given up.
    """

    key: str
    kind: Kind
    channel: str
    under: str
    origin: Mapping[str, Any] | None
    text: str
    blocks: tuple[Mapping[str, Any], ...]
    private: bool
    revision: int
    posted_revision: int
    ts: str
    posted_channel: str
    permalink: str
    digest: str
    priority: int
    attempts: int
    next_try_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    trying_revision: int | None
    error: str
    dead_reason: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """The message that is next in its lane: ``post:<channel>``, ``update:<channel>``, or the key itself.

    ``channel`` is where it goes as far as that is known, empty when it has to be rendered first.
    """

    key: str
    lane: str
    channel: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages wait (those being posted included) and were given up, and since when the oldest waits."""

    waiting: int
    dead: int
    oldest: datetime | None


class Outbox:
    """The table ``messages``. What takes a session happens in that session's transaction, the rest in its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(  # noqa: PLR0913  # the particulars of one message, all by name
        self,
        session: AsyncSession,
        key: str,
        kind: Kind,
        *,
        channel: str = "",
        under: str = "",
        origin: Mapping[str, Any] | None = None,
        text: str = "",
        blocks: Sequence[Mapping[str, Any]] = (),
        private: bool = False,
        priority: int = 5,
        now: datetime,
    ) -> None:
        """Ask for a message.

        A living one, or a home tab, that is there already becomes due again and comes back from the dead; what is
        given replaces what was known, what is left out stays. Any other kind is asked for once: the same key again is
        ignored. What one transaction asks for keeps its order.
        """
        fresh = insert(session, messages)
        nth: int = session.info.setdefault(_ASKED_FOR, 0)
        session.info[_ASKED_FOR] = nth + 1
        row = {
            "key": key,
            "kind": kind,
            "channel": channel,
            "under": under,
            "origin": None if origin is None else _json(origin),
            "text": text,
            "blocks": _json(list(blocks)),
            "private": private,
            "priority": priority,
            **_UNTRIED,
            "next_try_at": now,
            "created_at": now,
            "changed_at": now + timedelta(microseconds=nth),
        }
        if kind in _RENDERED_WHEN_SENT:
            await session.execute(fresh.on_conflict_do_update(index_elements=[messages.c.key], set_=_again(fresh)), row)
        else:
            await session.execute(fresh.on_conflict_do_nothing(index_elements=[messages.c.key]), row)

    async def due(
        self, now: datetime, *, without: Iterable[str] = (), orphaned: datetime | None = None, limit: int = 200
    ) -> tuple[Due, ...]:
        """What can be sent now: of every lane its first message, by priority and then by how long it has waited.

        Lanes in ``without``, and those in which a message is being sent, are left out. What belongs under another
        message waits until that one stands, or is settled without standing (given up, or nothing to show); when there
        is no such message at all, it waits if it was asked for after ``orphaned``.
        """
        passed, found = set(without), list[Due]()
        ready = sa.and_(unposted, messages.c.next_try_at <= now, _hangs_on_something(orphaned))
        claimed = sa.func.coalesce(messages.c.claimed_until > now, sa.false())
        line = sa.select(messages.c.key, _LANE.label("lane"), _PLACE.label("place"), claimed.label("claimed"))
        line = line.where(ready).order_by(messages.c.priority, messages.c.changed_at).limit(_PAGE)
        async with self._database.read() as connection:
            while True:
                ahead = line.where(_LANE.not_in(sorted(passed))) if passed else line
                rows = (await connection.execute(ahead)).all()
                for row in rows:
                    if row.lane not in passed and not row.claimed:
                        found.append(Due(row.key, row.lane, row.place))
                    passed.add(row.lane)
                if len(rows) < _PAGE or len(found) >= limit:
                    return tuple(found[:limit])

    async def claim(self, key: str, owner: str, until: datetime, now: datetime) -> Outgoing | None:
        """Reserve a due message for ``owner`` until then, and mark that posting it has begun.

        Gives the row as it was before: a ``trying_revision`` in it means that an earlier post was begun and nobody
        knows how it ended. None when the message is not due or somebody else has it.
        """
        async with self._database.write() as session:
            query = sa.select(messages).where(messages.c.key == key, unposted, *_free(now)).with_for_update()
            row = (await session.execute(query)).mappings().first()
            if row is None:
                return None
            await session.execute(
                sa.update(messages)
                .where(messages.c.key == key)
                .values(
                    claimed_by=owner,
                    claimed_until=until,
                    trying_revision=messages.c.revision,
                    attempts=messages.c.attempts + 1,
                )
            )
            return _outgoing(row)

    async def posted(
        self, key: str, revision: int, *, ts: str, channel: str, permalink: str, digest: str, now: datetime
    ) -> None:
        """Note that a revision stands in Slack. One that came about later than a newer revision changes nothing."""
        statement = (
            sa.update(messages)
            .where(messages.c.key == key, messages.c.posted_revision < revision)
            .values(
                posted_revision=revision,
                ts=ts,
                posted_channel=channel,
                permalink=permalink,
                digest=digest,
                attempts=0,
                next_try_at=now,
                changed_at=now,
                error="",
                **_RELEASED,
                trying_revision=None,
            )
        )
        async with self._database.write() as session:
            await session.execute(statement)

    async def renew(self, key: str, owner: str, until: datetime) -> bool:
        """Keep a claim for longer. False when it is not ours any more: then nothing may be posted."""
        mine = sa.and_(messages.c.key == key, messages.c.claimed_by == owner)
        async with self._database.write() as session:
            changed: sa.CursorResult[Any] = await session.execute(  # type: ignore[assignment]  # an update's result counts rows
                sa.update(messages).where(mine).values(claimed_until=until)
            )
            return changed.rowcount > 0

    async def retry(self, key: str, at: datetime, error: str, *, owner: str, counts: bool = True) -> None:
        """Give the claim back and try again at that time; nobody knows whether it was posted.

        Without ``counts`` the attempt is not one of those after which a message is given up.
        """
        less = {} if counts else {"attempts": _one_less()}
        await self._change(key, owner, next_try_at=at, error=error, **_RELEASED, **less)

    async def give_back(
        self, taken: Outgoing, at: datetime, error: str, *, owner: str, counts: bool = False, place: Place | None = None
    ) -> None:
        """Give the claim on ``taken`` back: this time nothing was posted, so the row's mark is what it was before.

        ``place`` is what has been learnt meanwhile: the channel and the key of the message that it belongs under.
        """
        known = {} if place is None else {"channel": place[0], "under": place[1]}
        less = {} if counts else {"attempts": _one_less()}
        mark = {"trying_revision": taken.trying_revision}
        await self._change(taken.key, owner, next_try_at=at, error=error, **_RELEASED, **known, **less, **mark)

    async def forget_place(self, key: str, now: datetime) -> None:
        """The message is gone from Slack: it is posted anew, at once."""
        await self._change(
            key,
            None,
            posted_revision=0,
            ts="",
            posted_channel="",
            permalink="",
            digest="",
            next_try_at=now,
            trying_revision=None,
            **_RELEASED,
        )

    async def bury(self, key: str, error: str, *, owner: str) -> None:
        """Give the message up, with the reason, until somebody revives it."""
        await self._change(key, owner, dead_reason=error or "given up", error=error, **_RELEASED)

    async def revive(self, key: str, now: datetime) -> None:
        """Try a message that was given up again, at once. Raises ``NotFound`` when there is no such dead message."""
        statement = sa.update(messages).where(messages.c.key == key, buried)
        values = {"dead_reason": None, "attempts": 0, "next_try_at": now, "changed_at": now}
        async with self._database.write() as session:
            result: sa.CursorResult[Any] = await session.execute(statement.values(values))  # type: ignore[assignment]  # an update's result counts rows
            if result.rowcount == 0:
                raise NotFound(f"There is no message {key} that was given up.")

    async def get(self, key: str) -> Outgoing | None:
        """The message with that key."""
        async with self._database.read() as connection:
            query = sa.select(messages).where(messages.c.key == key)
            row = (await connection.execute(query)).mappings().first()
            return None if row is None else _outgoing(row)

    async def key_at(self, channel: str, ts: str) -> str | None:
        """The key of the message that stands at that place in Slack."""
        query = sa.select(messages.c.key).where(messages.c.posted_channel == channel, messages.c.ts == ts, standing)
        async with self._database.read() as connection:
            return (await connection.execute(query.order_by(messages.c.changed_at.desc()).limit(1))).scalar()

    async def dead(self, limit: int) -> tuple[Outgoing, ...]:
        """Messages that were given up, the newest first."""
        query = sa.select(messages).where(buried).order_by(messages.c.changed_at.desc()).limit(limit)
        async with self._database.read() as connection:
            return tuple(_outgoing(row) for row in (await connection.execute(query)).mappings())

    async def counts(self) -> Counts:
        """How many wait and how many were given up."""
        waits = sa.select(sa.func.count(), sa.func.min(messages.c.changed_at)).where(unposted)
        given_up = sa.select(sa.func.count()).select_from(messages).where(buried)
        async with self._database.read() as connection:
            waiting, oldest = (await connection.execute(waits)).one()
            return Counts(waiting, (await connection.execute(given_up)).scalar_one(), oldest)

    async def _change(self, key: str, owner: str | None, **values: object) -> None:
        """Change a row; with an owner, only while the claim is that owner's: a late sender disturbs nobody."""
        mine = messages.c.claimed_by == owner if owner is not None else sa.true()
        async with self._database.write() as session:
            await session.execute(sa.update(messages).where(messages.c.key == key, mine).values(values))


_RELEASED: Mapping[str, None] = {"claimed_by": None, "claimed_until": None}
_UNTRIED: Mapping[str, object] = {
    "revision": 1,
    "posted_revision": 0,
    "ts": "",
    "posted_channel": "",
    "permalink": "",
    "digest": "",
    "attempts": 0,
    **_RELEASED,
    "trying_revision": None,
    "error": "",
    "dead_reason": None,
}


_ASKED_FOR = "messages asked for"
_PLACE = sa.case((messages.c.posted_channel != "", messages.c.posted_channel), else_=messages.c.channel)
_LANE = sa.case(
    (messages.c.kind.not_in(_IN_A_CHANNEL), messages.c.key),
    (messages.c.ts != "", sa.literal("update:").concat(_PLACE)),
    else_=sa.literal("post:").concat(_PLACE),
)


def _hangs_on_something(orphaned: datetime | None) -> sa.ColumnElement[bool]:
    """It stands already, belongs under nothing, or what it belongs under is where it will be."""
    above = messages.alias("above")
    there = sa.select(1).where(above.c.key == messages.c.under)
    settled = sa.or_(above.c.ts != "", above.c.posted_revision >= above.c.revision, above.c.dead_reason.is_not(None))
    hangs = sa.or_(messages.c.ts != "", messages.c.under == "", sa.exists(there.where(settled)))
    if orphaned is None:
        return hangs
    return sa.or_(hangs, sa.and_(messages.c.created_at <= orphaned, ~sa.exists(there)))


def _one_less() -> sa.ColumnElement[int]:
    return sa.case((messages.c.attempts > 0, messages.c.attempts - 1), else_=0)


def _free(now: datetime) -> list[sa.ColumnElement[bool]]:
    claim = messages.c.claimed_until
    return [messages.c.next_try_at <= now, sa.or_(claim.is_(None), claim <= now)]


def _again(fresh: Any) -> dict[str, Any]:  # noqa: ANN401  # either dialect's insert
    """What changes in a row that is asked for again. One that waits keeps its place in the line and its next try."""
    new = fresh.excluded
    rests = messages.c.posted_revision >= messages.c.revision
    anew = sa.or_(rests, buried)
    given = {
        name: sa.case((new[name] != "", new[name]), else_=messages.c[name]) for name in ("channel", "under", "text")
    }
    return {
        **given,
        "origin": sa.func.coalesce(new.origin, messages.c.origin),
        "blocks": sa.case((new.blocks != "[]", new.blocks), else_=messages.c.blocks),
        "private": new.private,
        "priority": new.priority,
        "revision": messages.c.revision + 1,
        "dead_reason": None,
        "attempts": sa.case((anew, 0), else_=messages.c.attempts),
        "next_try_at": sa.case((anew, new.next_try_at), else_=messages.c.next_try_at),
        "changed_at": sa.case((anew, new.changed_at), else_=messages.c.changed_at),
    }


def _json(value: object) -> str:
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _outgoing(row: sa.RowMapping) -> Outgoing:
    origin = None if row["origin"] is None else json.loads(row["origin"])
    return Outgoing(**{name: row[name] for name in _PLAIN}, origin=origin, blocks=tuple(json.loads(row["blocks"])))
