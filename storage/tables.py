"""Every table. A change here needs a revision in ``migrations/versions`` (a test compares the two).

A thing's table has its key, its version, the columns that it is searched by, and the whole thing as JSON in ``body``.
"""

from datetime import datetime

import sqlalchemy as sa

from storage.columns import Moment, Words

metadata = sa.MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)


def _words(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, Words(), primary_key=key, nullable=False)


def _moment(name: str, *, optional: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=optional)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    _number("version"),
    _words("state"),
    _flag("closed"),
    _words("service"),
    _words("severity"),
    _moment("opened_at"),
    _moment("touched_at"),
    _moment("closed_at", optional=True),
    _flag("storm"),
    _text("body"),
)
sa.Index(
    "ix_incidents_open", incidents.c.touched_at, sqlite_where=~incidents.c.closed, postgresql_where=~incidents.c.closed
)
sa.Index(None, incidents.c.service, incidents.c.opened_at)
sa.Index(None, incidents.c.opened_at)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("incident", sa.Integer(), primary_key=True, autoincrement=False),
    _words("fingerprint", key=True),
    _number("version"),
    _flag("firing"),
    _words("service"),
    _words("name"),
    _moment("since"),
    _text("body"),
)
sa.Index(None, alerts.c.fingerprint)

mutes = sa.Table(
    "mutes", metadata, _words("id", key=True), _number("version"), _words("service"), _moment("until"), _text("body")
)
sa.Index(None, mutes.c.until)

searches = sa.Table(
    "searches",
    metadata,
    sa.Column("incident", sa.Integer(), primary_key=True, autoincrement=False),
    _number("version"),
    _moment("started_at"),
    _text("body"),
)

guide_runs = sa.Table(
    "guide_runs",
    metadata,
    _words("id", key=True),
    _number("version"),
    _number("incident"),
    _words("state"),
    _moment("started_at"),
    _text("body"),
)
sa.Index(None, guide_runs.c.incident)
sa.Index(None, guide_runs.c.state, guide_runs.c.started_at)

changes = sa.Table(
    "changes",
    metadata,
    _words("id", key=True),
    _number("version"),
    _number("incident"),
    _words("state"),
    _words("service"),
    _words("action"),
    _moment("planned_at"),
    _text("body"),
)
sa.Index(None, changes.c.incident)
sa.Index(None, changes.c.state, changes.c.planned_at)
sa.Index(None, changes.c.planned_at)

approvals = sa.Table(
    "approvals",
    metadata,
    _words("id", key=True),
    _number("version"),
    _number("incident"),
    _words("change"),
    _words("state"),
    _words("role"),
    _moment("asked_at"),
    _moment("expires_at"),
    _text("body"),
)
sa.Index(None, approvals.c.incident)
sa.Index(None, approvals.c.change)
sa.Index(None, approvals.c.state, approvals.c.expires_at)

troubleshooting = sa.Table(
    "troubleshooting",
    metadata,
    _words("id", key=True),
    _number("version"),
    _words("by"),
    _moment("touched_at"),
    _text("body"),
)
sa.Index(None, troubleshooting.c.by, troubleshooting.c.touched_at)

unanswered = sa.Table(
    "unanswered",
    metadata,
    _words("id", key=True),
    _number("version"),
    _words("kind"),
    _words("service"),
    _words("owner"),
    _flag("open"),
    _number("times"),
    _moment("last_at"),
    _text("body"),
)
# SQLite takes this index only for a query with the very same words, and a query says "open = 1".
sa.Index(
    "ix_unanswered_open",
    unanswered.c.times,
    unanswered.c.last_at,
    sqlite_where=unanswered.c.open == sa.true(),
    postgresql_where=unanswered.c.open,
)

automation = sa.Table("automation", metadata, _words("id", key=True), _number("version"), _text("body"))

signals = sa.Table(
    "signals",
    metadata,
    _words("id", key=True),
    _words("kind"),
    _words("source"),
    _words("service"),
    _words("name"),
    _words("status"),
    _words("fingerprint"),
    _moment("at"),
    _moment("received_at"),
    _moment("placed_at", optional=True),
    _number("seen"),
    _text("body"),
)
_unplaced = signals.c.placed_at.is_(None)
sa.Index(
    "ix_signals_waiting",
    signals.c.received_at,
    signals.c.at,
    signals.c.id,
    sqlite_where=_unplaced,
    postgresql_where=_unplaced,
)
sa.Index(None, signals.c.service, signals.c.kind, signals.c.at)
sa.Index(None, signals.c.fingerprint, signals.c.at)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    _moment("at"),
    _words("request_id"),
    _words("thing"),
    _words("verb"),
    _words("actor"),
    _words("before"),
    _words("after"),
    _words("reason"),
    sa.Column("incident", sa.Integer(), nullable=True),
    _text("detail"),
    _text("prev"),
    _text("hash"),
)
sa.Index(None, journal.c.incident, journal.c.seq)
sa.Index(None, journal.c.at)

journal_head = sa.Table(
    "journal_head",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    _text("hash"),
    _text("seal"),
    _text("key_print"),
)

messages = sa.Table(
    "messages",
    metadata,
    _words("key", key=True),
    _words("kind"),
    _words("channel"),
    _words("under"),
    sa.Column("origin", sa.Text(), nullable=True),
    _words("text"),
    _text("blocks"),
    _flag("private"),
    _number("revision"),
    _number("posted_revision"),
    _words("ts"),
    _words("posted_channel"),
    _words("permalink"),
    _words("digest"),
    _number("priority"),
    _number("attempts"),
    _moment("next_try_at"),
    sa.Column("claimed_by", Words(), nullable=True),
    _moment("claimed_until", optional=True),
    sa.Column("trying_revision", sa.Integer(), nullable=True),
    _words("error"),
    sa.Column("dead_reason", Words(), nullable=True),
    _moment("created_at"),
    _moment("changed_at"),
)
unposted = sa.and_(messages.c.posted_revision < messages.c.revision, messages.c.dead_reason.is_(None))
buried = messages.c.dead_reason.is_not(None)
sa.Index(
    "ix_messages_due",
    messages.c.priority,
    messages.c.changed_at,
    sqlite_where=unposted,
    postgresql_where=unposted,
)
sa.Index("ix_messages_dead", messages.c.changed_at, sqlite_where=buried, postgresql_where=buried)
# A partial index serves a query that has the very same words, so the empty text is not a bound value.
standing = messages.c.ts != sa.literal_column("''")
sa.Index(
    "ix_messages_place", messages.c.posted_channel, messages.c.ts, sqlite_where=standing, postgresql_where=standing
)

timers = sa.Table("timers", metadata, _words("key", key=True), _moment("due"), _text("event"))
sa.Index(None, timers.c.due)

pictures = sa.Table(
    "pictures",
    metadata,
    _words("id", key=True),
    sa.Column("png", sa.LargeBinary(), nullable=False),
    _words("alt"),
    _words("file_id"),
)

documents = sa.Table(
    "documents", metadata, _words("path", key=True), _words("digest"), _flag("in_index"), _moment("at"), _text("body")
)
_not_indexed = ~documents.c.in_index
sa.Index("ix_documents_waiting", documents.c.at, sqlite_where=_not_indexed, postgresql_where=_not_indexed)

spending = sa.Table(
    "spending", metadata, _words("scope", key=True), sa.Column("billionths", sa.BigInteger(), nullable=False)
)

progress = sa.Table("progress", metadata, _words("key", key=True), _text("data"), _moment("at"))
