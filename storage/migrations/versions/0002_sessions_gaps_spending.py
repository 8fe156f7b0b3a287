"""Troubleshooting sessions, what nothing is written about, and what language models have cost."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "spending",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("billionths", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_spending"),
    )
    op.create_table(
        "troubleshooting",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_troubleshooting"),
    )
    op.create_index("ix_troubleshooting_by_touched_at", "troubleshooting", ["by", "touched_at"])
    op.create_table(
        "unanswered",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unanswered"),
    )
    op.create_index(
        "ix_unanswered_open",
        "unanswered",
        ["times", "last_at"],
        sqlite_where=sa.text("open = 1"),
        postgresql_where=sa.text("open"),
    )


def downgrade() -> None:
    for table in ("unanswered", "troubleshooting", "spending"):
        op.drop_table(table)
