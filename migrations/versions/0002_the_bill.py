"""What an insight was billed at, what was wasted on it, and ways to find a day's bill.

The columns are added to the catalog alone, whatever the size of the table. The two indexes read
`jobs` and `entries` once while writes to them wait. Where that takes too long, make them
beforehand with CREATE INDEX CONCURRENTLY, by the same names: then they are left as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NULLABLE = {
    "prompt_version": sa.Integer(),
    "tokens_cached": sa.Integer(),
    "price_input": sa.BigInteger(),
    "price_cached": sa.BigInteger(),
    "price_output": sa.BigInteger(),
}


def upgrade() -> None:
    for name, kind in NULLABLE.items():
        op.add_column("insights", sa.Column(name, kind, nullable=True))
    op.add_column(
        "insights",
        sa.Column("wasted_microusd", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_entries_at",
        "entries",
        ["at"],
        unique=False,
        postgresql_using="brin",
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index("ix_entries_at", table_name="entries")
    op.drop_index(
        "ix_jobs_finished",
        table_name="jobs",
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    for name in ("wasted_microusd", *reversed(NULLABLE)):
        op.drop_column("insights", name)
