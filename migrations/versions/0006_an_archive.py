"""An archive for old jobs, and room in which an insight grows on its page.

The archive has the same tables with their keys alone. An entry may be deleted from `entries` when
the archive has the same one, column by column.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS = {
    "jobs": ["user_id", "id"],
    "reservations": ["user_id", "id"],
    "insights": ["user_id", "job_id", "ord"],
    "entries": ["user_id", "seq"],
}
REFUSE = """
CREATE OR REPLACE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP USING ERRCODE = '23001';
END
$$
"""
REFUSE_UNLESS_ARCHIVED = """
CREATE OR REPLACE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'entries' THEN
        PERFORM FROM archived_entries a
        WHERE a.user_id = OLD.user_id AND a.seq = OLD.seq
          AND ROW(a.*) IS NOT DISTINCT FROM ROW(OLD.*);
        IF FOUND THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP USING ERRCODE = '23001';
END
$$
"""
REFUSE_ROWS = """
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON archived_entries
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only()
"""
REFUSE_TRUNCATE = """
CREATE TRIGGER entries_not_truncated BEFORE TRUNCATE ON archived_entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only()
"""


def upgrade() -> None:
    for table, key in KEYS.items():
        # The columns in the same order: rows are compared and moved as they are.
        op.execute(f"CREATE TABLE archived_{table} (LIKE {table})")
        op.create_primary_key(op.f(f"pk_archived_{table}"), f"archived_{table}", key)
    op.create_unique_constraint(
        op.f("uq_archived_entries_user_id_op_key"), "archived_entries", ["user_id", "op_key"]
    )
    op.create_index("ix_archived_jobs_newest", "archived_jobs", ["user_id", "created_at", "id"])
    for table, column in (("archived_jobs", "finished_at"), ("archived_entries", "at")):
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin")
    for statement in (REFUSE_UNLESS_ARCHIVED, REFUSE_ROWS, REFUSE_TRUNCATE):
        op.execute(statement)
    # An insight grows eightfold, from a queued row to a completed one. A page takes the rows of a
    # job or two and has room for what they become: all their updates are HOT (31 % with 70), and
    # the table is a tenth larger. Rows that must move fill another page to this mark only, so with
    # a little less room (16) the table is a third larger, and with 20 twice as large.
    op.execute("ALTER TABLE insights SET (fillfactor = 12)")


def downgrade() -> None:
    """What is in the archive goes back to where it was."""
    op.execute("ALTER TABLE insights SET (fillfactor = 70)")
    op.execute(REFUSE)
    for table in KEYS:
        op.execute(f"INSERT INTO {table} SELECT * FROM archived_{table}")
        op.drop_table(f"archived_{table}")
