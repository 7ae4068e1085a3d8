"""What is prepared of a chat for its insights, sealed under the key of the chat."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prepared_chats",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "prepared_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "chat_id"],
            ["chats.user_id", "chats.id"],
            name=op.f("fk_prepared_chats_user_id_chat_id_chats"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "chat_id", "version", "category", "part", name=op.f("pk_prepared_chats")
        ),
    )
    # Until then a worker prepares the chat; null when none does.
    op.add_column("chats", sa.Column("preparing_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("chats", "preparing_until")
    op.drop_table("prepared_chats")
