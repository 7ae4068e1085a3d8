"""An insight may turn out empty, and a chat says what it holds: its messages with words, the people
who wrote several of them, and the days on which they did.

The columns are added to the catalog alone; for the constraints `insights` and `reservations` are
read once while all else waits for them, a second for some three million rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEW = {
    ("insights", "ck_insights_state"): "state IN ('queued', 'completed', 'empty', 'failed')",
    ("insights", "ck_insights_content"): (
        "(state IN ('completed', 'empty')) = (sealed IS NOT NULL OR content_deleted)"
    ),
    ("reservations", "ck_reservations_captured_state"): "captured = 0 OR state = 'captured'",
}
OLD = {
    ("insights", "ck_insights_state"): "state IN ('queued', 'completed', 'failed')",
    ("insights", "ck_insights_content"): (
        "(state = 'completed') = (sealed IS NOT NULL OR content_deleted)"
    ),
    ("reservations", "ck_reservations_captured_state"): "(captured > 0) = (state = 'captured')",
}
MEASURES = ("worded_count", "voice_count", "day_count")


def upgrade() -> None:
    _replace(NEW)
    for name in MEASURES:
        op.add_column("chats", sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    for name in reversed(MEASURES):
        op.drop_column("chats", name)
    for table in ("insights", "archived_insights"):
        op.execute(
            f"UPDATE {table} SET state = 'failed', sealed = NULL, content_deleted = false"
            " WHERE state = 'empty'"
        )
    _replace(OLD)


def _replace(constraints: dict[tuple[str, str], str]) -> None:
    for (table, name), condition in constraints.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})")
