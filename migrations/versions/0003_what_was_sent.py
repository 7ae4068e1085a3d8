"""What was sent to a provider of models, sealed under the key of its chat."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_prompts",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("call", sa.SmallInteger(), nullable=False),
        sa.Column("ord", sa.SmallInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("ord BETWEEN 0 AND 6", name=op.f("ck_sent_prompts_ord")),
        sa.CheckConstraint("(ord = 0) = (call = 0)", name=op.f("ck_sent_prompts_shared")),
        sa.CheckConstraint("call BETWEEN 0 AND 9", name=op.f("ck_sent_prompts_call")),
        sa.PrimaryKeyConstraint(
            "user_id", "job_id", "fence", "call", "ord", name=op.f("pk_sent_prompts")
        ),
    )


def downgrade() -> None:
    op.drop_table("sent_prompts")
