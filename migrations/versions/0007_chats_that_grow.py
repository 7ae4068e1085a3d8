"""Chats that grow: blocks and jobs name the revision of the chat that they are of."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("chats", "chat_blocks", "jobs", "archived_jobs")


def upgrade() -> None:
    # A constant default is written to no row.
    for table in TABLES:
        op.add_column(
            table, sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False)
        )


def downgrade() -> None:
    # What is no first revision of a chat cannot be read without the column.
    op.execute("""
        DELETE FROM chat_blocks b USING chats c
        WHERE c.user_id = b.user_id AND c.id = b.chat_id AND b.revision < c.revision
    """)
    for table in reversed(TABLES):
        op.drop_column(table, "revision")
