"""The first tables, and the triggers that keep the audit log from being changed by a slip.

The triggers are a second line: whoever may drop them is still found out by the chain.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_REFUSAL = "the audit log is only ever added to"
_SQLITE = (
    f"CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER journal_head_no_delete BEFORE DELETE ON journal_head BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
)
_POSTGRESQL = (
    f"""CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$""",
    """CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
        FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()""",
    """CREATE TRIGGER journal_head_no_delete BEFORE DELETE OR TRUNCATE ON journal_head
        FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()""",
)


def text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=optional)


def moment(name: str, *, optional: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=optional)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("incident", sa.Integer(), autoincrement=False, nullable=False),
        text("fingerprint"),
        number("version"),
        flag("firing"),
        text("service"),
        text("name"),
        moment("since"),
        text("body"),
        sa.PrimaryKeyConstraint("incident", "fingerprint", name="pk_alerts"),
    )
    op.create_index("ix_alerts_fingerprint", "alerts", ["fingerprint"])
    op.create_table(
        "approvals",
        text("id"),
        number("version"),
        number("incident"),
        text("change"),
        text("state"),
        text("role"),
        moment("asked_at"),
        moment("expires_at"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_change", "approvals", ["change"])
    op.create_index("ix_approvals_incident", "approvals", ["incident"])
    op.create_index("ix_approvals_state_expires_at", "approvals", ["state", "expires_at"])
    op.create_table(
        "automation", text("id"), number("version"), text("body"), sa.PrimaryKeyConstraint("id", name="pk_automation")
    )
    op.create_table(
        "changes",
        text("id"),
        number("version"),
        number("incident"),
        text("state"),
        text("service"),
        text("action"),
        moment("planned_at"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_incident", "changes", ["incident"])
    op.create_index("ix_changes_planned_at", "changes", ["planned_at"])
    op.create_index("ix_changes_state_planned_at", "changes", ["state", "planned_at"])
    op.create_table(
        "searches",
        sa.Column("incident", sa.Integer(), autoincrement=False, nullable=False),
        number("version"),
        moment("started_at"),
        text("body"),
        sa.PrimaryKeyConstraint("incident", name="pk_searches"),
    )
    op.create_table(
        "documents",
        text("path"),
        text("digest"),
        flag("in_index"),
        moment("at"),
        text("body"),
        sa.PrimaryKeyConstraint("path", name="pk_documents"),
    )
    op.create_index(
        "ix_documents_waiting",
        "documents",
        ["at"],
        sqlite_where=sa.text("in_index = 0"),
        postgresql_where=sa.text("NOT in_index"),
    )
    op.create_table(
        "guide_runs",
        text("id"),
        number("version"),
        number("incident"),
        text("state"),
        moment("started_at"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_guide_runs"),
    )
    op.create_index("ix_guide_runs_incident", "guide_runs", ["incident"])
    op.create_index("ix_guide_runs_state_started_at", "guide_runs", ["state", "started_at"])
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        number("version"),
        text("state"),
        flag("closed"),
        text("service"),
        text("severity"),
        moment("opened_at"),
        moment("touched_at"),
        moment("closed_at", optional=True),
        flag("storm"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index(
        "ix_incidents_open",
        "incidents",
        ["touched_at"],
        sqlite_where=sa.text("closed = 0"),
        postgresql_where=sa.text("NOT closed"),
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])
    op.create_index("ix_incidents_service_opened_at", "incidents", ["service", "opened_at"])
    op.create_table(
        "journal",
        sa.Column("seq", _BIG, autoincrement=False, nullable=False),
        moment("at"),
        text("request_id"),
        text("thing"),
        text("verb"),
        text("actor"),
        text("before"),
        text("after"),
        text("reason"),
        sa.Column("incident", sa.Integer(), nullable=True),
        text("detail"),
        text("prev"),
        text("hash"),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
    )
    op.create_index("ix_journal_at", "journal", ["at"])
    op.create_index("ix_journal_incident_seq", "journal", ["incident", "seq"])
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        text("hash"),
        text("seal"),
        text("key_print"),
        sa.PrimaryKeyConstraint("id", name="pk_journal_head"),
    )
    op.create_table(
        "messages",
        text("key"),
        text("kind"),
        text("channel"),
        text("under"),
        text("origin", optional=True),
        text("text"),
        text("blocks"),
        flag("private"),
        number("revision"),
        number("posted_revision"),
        text("ts"),
        text("posted_channel"),
        text("permalink"),
        text("digest"),
        number("priority"),
        number("attempts"),
        moment("next_try_at"),
        text("claimed_by", optional=True),
        moment("claimed_until", optional=True),
        sa.Column("trying_revision", sa.Integer(), nullable=True),
        text("error"),
        text("dead_reason", optional=True),
        moment("created_at"),
        moment("changed_at"),
        sa.PrimaryKeyConstraint("key", name="pk_messages"),
    )
    op.create_index(
        "ix_messages_dead",
        "messages",
        ["changed_at"],
        sqlite_where=sa.text("dead_reason IS NOT NULL"),
        postgresql_where=sa.text("dead_reason IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_due",
        "messages",
        ["priority", "changed_at"],
        sqlite_where=sa.text("posted_revision < revision AND dead_reason IS NULL"),
        postgresql_where=sa.text("posted_revision < revision AND dead_reason IS NULL"),
    )
    op.create_index(
        "ix_messages_place",
        "messages",
        ["posted_channel", "ts"],
        sqlite_where=sa.text("ts != ''"),
        postgresql_where=sa.text("ts != ''"),
    )
    op.create_table(
        "mutes",
        text("id"),
        number("version"),
        text("service"),
        moment("until"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_mutes"),
    )
    op.create_index("ix_mutes_until", "mutes", ["until"])
    op.create_table(
        "pictures",
        text("id"),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        text("alt"),
        text("file_id"),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
    )
    op.create_table(
        "progress", text("key"), text("data"), moment("at"), sa.PrimaryKeyConstraint("key", name="pk_progress")
    )
    op.create_table(
        "signals",
        text("id"),
        text("kind"),
        text("source"),
        text("service"),
        text("name"),
        text("status"),
        text("fingerprint"),
        moment("at"),
        moment("received_at"),
        moment("placed_at", optional=True),
        number("seen"),
        text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_signals"),
    )
    op.create_index("ix_signals_fingerprint_at", "signals", ["fingerprint", "at"])
    op.create_index("ix_signals_service_kind_at", "signals", ["service", "kind", "at"])
    op.create_index(
        "ix_signals_waiting",
        "signals",
        ["received_at", "at", "id"],
        sqlite_where=sa.text("placed_at IS NULL"),
        postgresql_where=sa.text("placed_at IS NULL"),
    )
    op.create_table(
        "timers", text("key"), moment("due"), text("event"), sa.PrimaryKeyConstraint("key", name="pk_timers")
    )
    op.create_index("ix_timers_due", "timers", ["due"])

    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("There is nothing before the first revision. To begin anew, give Fettle another database.")
