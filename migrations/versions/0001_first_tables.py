"""First tables, and the trigger that keeps the ledger append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


REFUSE = """
CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP USING ERRCODE = '23001';
END
$$
"""
REFUSE_ROWS = """
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only()
"""
REFUSE_TRUNCATE = """
CREATE TRIGGER entries_not_truncated BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("available >= 0", name=op.f("ck_accounts_available")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_accounts_held")),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_accounts_seq")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_accounts")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "chats",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_meta", sa.LargeBinary(), nullable=False),
        sa.Column("content_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "used_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("message_count > 0", name=op.f("ck_chats_message_count")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_chats")),
    )
    op.create_index("ix_chats_newest", "chats", ["user_id", "created_at", "id"], unique=False)
    op.create_index("ix_chats_used_at", "chats", ["used_at"], unique=False)
    op.create_table(
        "entries",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("src", sa.Text(), nullable=False),
        sa.Column("dst", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("available_after", sa.BigInteger(), nullable=False),
        sa.Column("held_after", sa.BigInteger(), nullable=False),
        sa.Column("op_key", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind, src, dst) IN (('grant', 'mint', 'available'), ('reserve', 'available', 'held'), ('capture', 'held', 'revenue'), ('release', 'held', 'available'), ('refund', 'revenue', 'available'), ('adjust', 'adjust', 'available'), ('adjust', 'available', 'adjust'))",
            name=op.f("ck_entries_kind"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_entries_amount")),
        sa.CheckConstraint("available_after >= 0", name=op.f("ck_entries_available_after")),
        sa.CheckConstraint("held_after >= 0", name=op.f("ck_entries_held_after")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_entries_seq")),
        sa.PrimaryKeyConstraint("user_id", "seq", name=op.f("pk_entries")),
        sa.UniqueConstraint("user_id", "op_key", name=op.f("uq_entries_user_id_op_key")),
    )
    op.create_table(
        "insights",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("ord", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("cost_microusd", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("adopted_from", sa.Uuid(), nullable=True),
        sa.Column("content_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(state = 'completed') = (sealed IS NOT NULL OR content_deleted)",
            name=op.f("ck_insights_content"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'completed', 'failed')", name=op.f("ck_insights_state")
        ),
        sa.CheckConstraint("ord BETWEEN 1 AND 6", name=op.f("ck_insights_ord")),
        sa.PrimaryKeyConstraint("user_id", "job_id", "ord", name=op.f("pk_insights")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "jobs",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price_coins", sa.BigInteger(), nullable=False),
        sa.Column("content_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("prompt_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_jobs_lease")
        ),
        sa.CheckConstraint(
            "(state IN ('queued', 'running', 'settling')) = (finished_at IS NULL)",
            name=op.f("ck_jobs_finished"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'settling', 'succeeded', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('queued', 'settling') OR next_run_at IS NOT NULL",
            name=op.f("ck_jobs_next_run"),
        ),
        sa.CheckConstraint("attempt BETWEEN 0 AND 3", name=op.f("ck_jobs_attempt")),
        sa.CheckConstraint("price_coins > 0", name=op.f("ck_jobs_price_coins")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_jobs")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["next_run_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_jobs_leased",
        "jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index("ix_jobs_newest", "jobs", ["user_id", "created_at", "id"], unique=False)
    op.create_index("ix_jobs_of_chat", "jobs", ["user_id", "chat_id", "category"], unique=False)
    op.create_index(
        "ix_jobs_settling",
        "jobs",
        ["next_run_at"],
        unique=False,
        postgresql_where=sa.text("state = 'settling'"),
    )
    op.create_index(
        "uq_jobs_active",
        "jobs",
        ["user_id", "chat_id", "category"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running', 'settling')"),
    )
    op.create_table(
        "reservations",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'held'"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(captured > 0) = (state = 'captured')", name=op.f("ck_reservations_captured_state")
        ),
        sa.CheckConstraint(
            "(state = 'held') = (resolved_at IS NULL)", name=op.f("ck_reservations_resolved")
        ),
        sa.CheckConstraint(
            "state IN ('held', 'captured', 'released', 'expired')",
            name=op.f("ck_reservations_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_reservations_amount")),
        sa.CheckConstraint("captured BETWEEN 0 AND amount", name=op.f("ck_reservations_captured")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_reservations")),
    )
    op.create_index(
        "ix_reservations_overdue",
        "reservations",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "sweeps",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweeps")),
    )
    op.create_table(
        "chat_blocks",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("ord", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_message", sa.BigInteger(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("message_count > 0", name=op.f("ck_chat_blocks_message_count")),
        sa.ForeignKeyConstraint(
            ["user_id", "chat_id"],
            ["chats.user_id", "chats.id"],
            name=op.f("fk_chat_blocks_user_id_chat_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "chat_id", "ord", name=op.f("pk_chat_blocks")),
    )
    for statement in (REFUSE, REFUSE_ROWS, REFUSE_TRUNCATE):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("chat_blocks")
    op.drop_table("sweeps")
    op.drop_index(
        "ix_reservations_overdue",
        table_name="reservations",
        postgresql_where=sa.text("state = 'held'"),
    )
    op.drop_table("reservations")
    op.drop_index(
        "uq_jobs_active",
        table_name="jobs",
        postgresql_where=sa.text("state IN ('queued', 'running', 'settling')"),
    )
    op.drop_index(
        "ix_jobs_settling", table_name="jobs", postgresql_where=sa.text("state = 'settling'")
    )
    op.drop_index("ix_jobs_of_chat", table_name="jobs")
    op.drop_index("ix_jobs_newest", table_name="jobs")
    op.drop_index(
        "ix_jobs_leased", table_name="jobs", postgresql_where=sa.text("lease_until IS NOT NULL")
    )
    op.drop_index("ix_jobs_due", table_name="jobs", postgresql_where=sa.text("state = 'queued'"))
    op.drop_table("jobs")
    op.drop_table("insights")
    op.drop_table("entries")
    op.drop_index("ix_chats_used_at", table_name="chats")
    op.drop_index("ix_chats_newest", table_name="chats")
    op.drop_table("chats")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION entries_are_append_only")
