"""What users think of findings: a verdict of three, and no word of the chat."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A trigger, so that a process of the release before, which does not know the table, leaves nothing
# in it either. A user is deleted chat by chat.
FORGET = """
CREATE FUNCTION forget_feedback() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = {path} AS $$
BEGIN
    DELETE FROM feedback f USING jobs j
    WHERE j.user_id = OLD.user_id AND j.chat_id = OLD.id
      AND f.user_id = j.user_id AND f.job_id = j.id;
    RETURN NULL;
END
$$
"""
FORGET_WITH_CHAT = """
CREATE TRIGGER forget_feedback_of_chat AFTER DELETE ON chats
    FOR EACH ROW EXECUTE FUNCTION forget_feedback()
"""


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("ord", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("finding", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column(
            "given_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("ord BETWEEN 1 AND 6", name=op.f("ck_feedback_ord")),
        sa.CheckConstraint("finding >= -1", name=op.f("ck_feedback_finding")),
        sa.CheckConstraint(
            "verdict IN ('right', 'wrong', 'unkind')", name=op.f("ck_feedback_verdict")
        ),
        sa.PrimaryKeyConstraint("user_id", "job_id", "ord", "finding", name=op.f("pk_feedback")),
    )
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(FORGET.format(path=f"{schema}, pg_temp"))
    op.execute(FORGET_WITH_CHAT)


def downgrade() -> None:
    op.execute("DROP TRIGGER forget_feedback_of_chat ON chats")
    op.execute("DROP FUNCTION forget_feedback()")
    op.drop_table("feedback")
