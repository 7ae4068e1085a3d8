"""The keys of chats in a table of their own, from which they vanish; users who are forgotten.

`chat_keys` takes the place of two columns of `chats`, which stay for the release before: until
`sixfold rewrap` is run, which it is when no process of that release is left, a new chat has its key
there. A new database has no such release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

# A vacuum comes for a single dead row, and leaves the file as long as it is: a shorter one would
# need a lock that readers wait for, and what was cut off could not be written over.
CHAT_KEYS_STORAGE = """
ALTER TABLE chat_keys SET (
    autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off
)
"""

NOTE_ERASURE = """
CREATE FUNCTION note_key_erasure() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO key_erasures (id) SELECT gen_random_uuid() WHERE EXISTS (SELECT FROM gone);
    RETURN NULL;
END
$$
"""
NOTE_DELETED_KEYS = """
CREATE TRIGGER keys_to_erase_deleted AFTER DELETE ON chat_keys
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_key_erasure()
"""
NOTE_CHANGED_KEYS = """
CREATE TRIGGER keys_to_erase_changed AFTER UPDATE ON chat_keys
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_key_erasure()
"""

# No foreign key: the rows that are written over what is left of others belong to no chat.
SHRED = """
CREATE FUNCTION shred_chat_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM chat_keys WHERE user_id = OLD.user_id AND chat_id = OLD.id;
    RETURN NULL;
END
$$
"""
SHRED_WITH_CHAT = """
CREATE TRIGGER shred_key_of_chat AFTER DELETE ON chats
    FOR EACH ROW EXECUTE FUNCTION shred_chat_key()
"""

# What a vacuum frees keeps its bytes until something is written there. Rows are inserted, the
# smallest that there can be, until one needs a new page: then every page that the vacuum has told
# the free space map of is full. They never were: the inner block is rolled back.
OVERWRITE = """
CREATE FUNCTION overwrite_erased_keys() RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    pages bigint := pg_relation_size('chat_keys') / current_setting('block_size')::bigint;
    written bigint := 0;
    page bigint;
BEGIN
    BEGIN
        LOOP
            INSERT INTO chat_keys (user_id, chat_id, key_id, sealed_key)
            VALUES ('', gen_random_uuid(), '', decode(repeat('00', 20), 'hex'))
            RETURNING (CAST(CAST(ctid AS text) AS point))[0] INTO page;
            EXIT WHEN page >= pages;
            written := written + 1;
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'SX000';
    EXCEPTION WHEN SQLSTATE 'SX000' THEN
        RETURN written;
    END;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "chat_keys",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "chat_id", name=op.f("pk_chat_keys")),
    )
    op.create_index("ix_chat_keys_key_id", "chat_keys", ["key_id"])
    op.execute(CHAT_KEYS_STORAGE)
    op.create_table(
        "key_erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_erasures")),
    )
    op.create_table(
        "contractions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_contractions")),
    )
    op.create_index(
        "ix_chats_key_id", "chats", ["key_id"], postgresql_where=sa.text("key_id <> ''")
    )
    op.execute(
        "INSERT INTO contractions (name) SELECT 'keys_apart' WHERE NOT EXISTS (SELECT FROM chats)"
    )
    for statement in (
        *(NOTE_ERASURE, NOTE_DELETED_KEYS, NOTE_CHANGED_KEYS),
        *(SHRED, SHRED_WITH_CHAT, OVERWRITE),
    ):
        op.execute(statement)


def downgrade() -> None:
    """Only while no key stands apart: none could be brought back without the master key."""
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM chat_keys) THEN
                RAISE EXCEPTION 'chat_keys holds the keys of chats: they would be lost';
            END IF;
        END $$
    """)
    op.execute("DROP TRIGGER shred_key_of_chat ON chats")
    op.drop_index("ix_chats_key_id", table_name="chats")
    for table in ("chat_keys", "key_erasures", "contractions"):
        op.drop_table(table)
    for function in ("shred_chat_key", "note_key_erasure", "overwrite_erased_keys"):
        op.execute(f"DROP FUNCTION {function}")
