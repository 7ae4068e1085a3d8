"""The keys of chats in a table of their own, from which they vanish; users who are forgotten.

`chat_keys` takes the place of two columns of `chats`, which stay for the release before: until
`sixfold rewrap` is run, which it is when no process of that release is left, a new chat has its key
there. A new database has no such release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A vacuum comes for a single dead row, and leaves the file as long as it is: a shorter one would
# need a lock that readers wait for, and what was cut off could not be written over.
CHAT_KEYS_STORAGE = """
ALTER TABLE chat_keys SET (
    autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, vacuum_truncate = off
)
"""

# The statistics tell whether a vacuum has left dead rows behind: they count these at once.
NOTE_ERASURE = """
CREATE FUNCTION note_key_erasure() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO key_erasures (id) SELECT gen_random_uuid() WHERE EXISTS (SELECT FROM gone);
    PERFORM pg_stat_force_next_flush();
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
    PERFORM pg_stat_force_next_flush();
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

# From one to the next larger, however many rows have it. With the owner's rights: whoever serves one
# user at a time may not see the rows of all, and is told of no more than names.
_NEXT = "SELECT key_id FROM {table} WHERE key_id > {after} ORDER BY key_id LIMIT 1"
KEY_IDS = (
    """
CREATE FUNCTION key_ids_in_use() RETURNS SETOF text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
"""
    + " UNION ".join(
        f"""
    SELECT key_id FROM (
        WITH RECURSIVE seen AS (
            SELECT ({_NEXT.format(table=table, after="''")}) AS key_id
            UNION ALL
            SELECT ({_NEXT.format(table=table, after="seen.key_id")})
            FROM seen WHERE seen.key_id IS NOT NULL
        ) SELECT key_id FROM seen
    ) ids WHERE key_id IS NOT NULL
"""
        for table in ("chat_keys", "chats")
    )
    + "$$"
)

# A user is told again by this alone: it is in no way tied to the pseudonym.
DIGEST = "sha256(convert_to('sixfold.user:' || {name}, 'UTF8'))"
TURN = "hashtextextended('sixfold.user:' || {name}, 0)"

# The lock, shared here and exclusive in forget_user, makes an upload or a first visit come before
# the deletion, which then deletes it, or after, and then it is refused. Rows in bulk are no user's.
REFUSE_DELETED = f"""
CREATE FUNCTION refuse_deleted_user() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM fresh LIMIT 101) f) <= 100 THEN
        PERFORM pg_advisory_xact_lock_shared({TURN.format(name="user_id")})
        FROM (SELECT DISTINCT user_id FROM fresh ORDER BY user_id) f;
    END IF;
    IF EXISTS (
        SELECT FROM fresh f JOIN deleted_users d ON d.digest = {DIGEST.format(name="f.user_id")}
    ) THEN
        RAISE EXCEPTION 'this user was deleted' USING ERRCODE = 'SX401';
    END IF;
    RETURN NULL;
END
$$
"""
REFUSE_DELETED_OF = """
CREATE TRIGGER {table}_of_no_deleted_user AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION refuse_deleted_user()
"""

PSEUDONYM = "deleted:"
RENAMED = ("reservations", "jobs", "insights")
RENAMES = "\n".join(
    f"    UPDATE {archive}{table} SET user_id = pseudonym WHERE user_id = forgotten;"
    for table in RENAMED
    for archive in ("", "archived_")
) + "".join(
    f"""
    UPDATE {archive}entries
    SET user_id = pseudonym,
        actor = CASE WHEN actor = forgotten THEN pseudonym ELSE actor END
    WHERE user_id = forgotten;"""
    for archive in ("", "archived_")
)

# False while there is something to delete before. It makes the pseudonym up by itself and tells
# nobody: whoever may call it can forget a user, and move no entry anywhere else.
FORGET = f"""
CREATE FUNCTION forget_user(forgotten text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE pseudonym text := '{PSEUDONYM}' || gen_random_uuid();
BEGIN
    PERFORM pg_advisory_xact_lock({TURN.format(name="forgotten")});
    IF forgotten LIKE '{PSEUDONYM}%' THEN
        RAISE EXCEPTION 'a pseudonym is no user' USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM chats WHERE user_id = forgotten) OR EXISTS (
        SELECT FROM jobs
        WHERE user_id = forgotten AND state IN ('queued', 'running', 'settling')
    ) THEN
        RETURN false;
    END IF;
    INSERT INTO deleted_users (digest) VALUES ({DIGEST.format(name="forgotten")})
    ON CONFLICT DO NOTHING;
    DELETE FROM sent_prompts WHERE user_id = forgotten;
    UPDATE accounts SET user_id = pseudonym WHERE user_id = forgotten;
{RENAMES}
    RETURN true;
END
$$
"""

# An entry may be renamed, and nothing else of it changed, when its account has just been.
ENTRIES_BEFORE = """
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
ENTRIES_NOW = ENTRIES_BEFORE.replace(
    "    RAISE",
    f"""    IF TG_OP = 'UPDATE' THEN
        IF NEW.user_id LIKE '{PSEUDONYM}%' AND OLD.user_id NOT LIKE '{PSEUDONYM}%'
           AND NEW.actor = (CASE WHEN OLD.actor = OLD.user_id THEN NEW.user_id ELSE OLD.actor END)
           AND to_jsonb(NEW) - 'user_id' - 'actor' = to_jsonb(OLD) - 'user_id' - 'actor'
           AND EXISTS (
               SELECT FROM accounts WHERE user_id = NEW.user_id
                 AND CAST(CAST(xmin AS text) AS xid) = CAST(pg_current_xact_id() AS xid)
           )
           AND NOT EXISTS (SELECT FROM accounts WHERE user_id = OLD.user_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE""",
    1,
)


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
    op.create_table(
        "deleted_users",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_deleted_users")),
    )
    op.create_index("ix_deleted_users_at", "deleted_users", ["at"])
    for statement in (
        *(NOTE_ERASURE, NOTE_DELETED_KEYS, NOTE_CHANGED_KEYS),
        *(SHRED, SHRED_WITH_CHAT, OVERWRITE, KEY_IDS, REFUSE_DELETED),
        *(REFUSE_DELETED_OF.format(table=table) for table in ("accounts", "chats")),
        *(FORGET, ENTRIES_NOW, "REVOKE EXECUTE ON FUNCTION forget_user FROM PUBLIC"),
    ):
        op.execute(statement.replace("search_path FROM CURRENT", f"search_path = {_path()}"))


def _path() -> str:
    """Where functions with the owner's rights look: never first among a caller's own temporary
    tables, as they would by default."""
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    return f"{schema}, pg_temp"


def downgrade() -> None:
    """Only while no key stands apart: none could be brought back without the master key."""
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM chat_keys) THEN
                RAISE EXCEPTION 'chat_keys holds the keys of chats: they would be lost';
            END IF;
        END $$
    """)
    op.execute(ENTRIES_BEFORE)
    op.execute("DROP TRIGGER shred_key_of_chat ON chats")
    for table in ("accounts", "chats"):
        op.execute(f"DROP TRIGGER {table}_of_no_deleted_user ON {table}")
    op.drop_index("ix_chats_key_id", table_name="chats")
    for table in ("chat_keys", "key_erasures", "contractions", "deleted_users"):
        op.drop_table(table)
    for function in (
        *("shred_chat_key", "note_key_erasure", "overwrite_erased_keys"),
        *("key_ids_in_use", "refuse_deleted_user", "forget_user"),
    ):
        op.execute(f"DROP FUNCTION {function}")
