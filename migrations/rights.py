"""Who may do what in the database: two roles that own nothing, and rows that are a user's own.

Applied after every migration, to whatever tables there are then, and only where it differs. The
API's role sees and writes rows of the users that its transaction names (`app.db`), the worker's
role those of all. Neither can change or delete an entry of the ledger, nor empty a table, nor
switch a trigger off, nor make anything. docs/adr/0019 says why.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, text

API, WORKER = "sixfold_api", "sixfold_worker"
ROLES = (API, WORKER)

READ, ADD, CHANGE, REMOVE = "SELECT", "INSERT", "UPDATE", "DELETE"
ALL = frozenset({READ, ADD, CHANGE, REMOVE})

RIGHTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    API: {
        "accounts": ALL - {REMOVE},
        "entries": frozenset({READ, ADD}),
        "reservations": ALL - {REMOVE},
        "jobs": ALL - {REMOVE},
        "insights": ALL - {REMOVE},
        "sweeps": frozenset(),
        "sent_prompts": frozenset({READ, REMOVE}),
        "key_erasures": frozenset({READ, REMOVE}),
        "deleted_users": frozenset({READ}),
        "contractions": frozenset({READ}),
        "alembic_version": frozenset({READ}),
    },
    WORKER: {
        "accounts": ALL - {REMOVE},
        "entries": frozenset({READ, ADD}),
        "reservations": ALL - {REMOVE},
        "jobs": ALL - {REMOVE},
        "insights": ALL - {REMOVE},
        "sent_prompts": ALL - {CHANGE},
        "key_erasures": frozenset({READ, REMOVE}),
        "deleted_users": frozenset({READ}),
        "contractions": frozenset({READ, ADD}),
        "feedback": frozenset({READ}),
        "alembic_version": frozenset({READ}),
    },
}
"""What a role may do with a table; with one that is not named here, everything that writes rows,
and with an archive, to read."""

FOUND_BEFORE_ITS_USER = frozenset({"sign_in_codes"})
"""Tables of users whose rows are found by what only they can know."""

OF_USERS = (
    "user_id IN (SELECT unnest(string_to_array("
    "current_setting('sixfold.user_ids', true), chr(31))))"
)
"""Named by the transaction, with a character between them that no user id has. A hash table, made
once for a statement: `= ANY` of an array compares each row with each user."""

POLICIES: Mapping[str, tuple[str, str]] = {
    "of_named_users": (API, OF_USERS),
    "of_all_users": (WORKER, "true"),
}
"""Of each table of users: the role, and which rows it has. Another rule needs another name: that
is how it replaces the one before."""

WAITING_JOBS = """
CREATE OR REPLACE FUNCTION waiting_jobs(at_most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id FROM public.jobs WHERE state = 'queued' ORDER BY next_run_at, id LIMIT at_most
$$
"""
"""The ids of waiting jobs of all users, the next one first: a user's place among them."""


class CannotMakeRoles(RuntimeError):
    """The roles are missing, and whoever migrates may not make them."""


def apply_rights(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Makes the roles, with a login where there is a password, and gives each its rights."""
    for role in ROLES:
        _make_role(connection, role, passwords.get(role))
    _close_database(connection)
    if _has_table(connection, "jobs"):
        _offer_waiting_jobs(connection)
    _offer_key_erasure(connection)
    for statement in _changes(connection):
        connection.execute(text(statement))


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803): the server need not see the password."""
    salt, rounds = os.urandom(16), 4_096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _make_role(connection: Connection, role: str, password: str | None) -> None:
    exists = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    if connection.execute(exists, {"role": role}).first() is None:
        may = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        if not connection.execute(text(may)).scalar_one():
            raise CannotMakeRoles(
                f"there is no role {role}, and this user may not make it: have an administrator"
                f" run CREATE ROLE {role} LOGIN PASSWORD '…'"
            )
        # Two databases of one server may be migrated at once.
        connection.execute(
            text(f"""
            DO $$ BEGIN CREATE ROLE {role} NOLOGIN;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
        """)
        )
    if password is not None:
        connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD '{scram_verifier(password)}'")


def _close_database(connection: Connection) -> None:
    """Nobody makes tables here, not even temporary ones, but their owner."""
    found = connection.execute(
        text("""
        SELECT current_database() AS name,
               pg_has_role(d.datdba, 'USAGE')
                   AND has_database_privilege('sixfold_api', d.oid, 'TEMP') AS closes_database,
               pg_has_role(n.nspowner, 'USAGE')
                   AND has_schema_privilege('sixfold_api', n.oid, 'CREATE') AS closes_schema,
               pg_has_role(n.nspowner, 'USAGE')
                   AND NOT has_schema_privilege('sixfold_api', n.oid, 'USAGE') AS opens_schema
        FROM pg_database d, pg_namespace n
        WHERE d.datname = current_database() AND n.nspname = 'public'
    """)
    ).one()
    if found.closes_database:
        quoted = found.name.replace('"', '""')
        connection.exec_driver_sql(f'REVOKE TEMPORARY ON DATABASE "{quoted}" FROM PUBLIC')
    if found.closes_schema:
        connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    if found.opens_schema:
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {', '.join(ROLES)}"))


def _has_table(connection: Connection, name: str) -> bool:
    found = connection.execute(text("SELECT to_regclass(:name)"), {"name": f"public.{name}"})
    return found.scalar_one() is not None


def _offer_waiting_jobs(connection: Connection) -> None:
    connection.execute(text(WAITING_JOBS))
    connection.execute(text("REVOKE ALL ON FUNCTION waiting_jobs(integer) FROM PUBLIC"))
    connection.execute(
        text(f"GRANT EXECUTE ON FUNCTION waiting_jobs(integer) TO {', '.join(ROLES)}")
    )


def _offer_key_erasure(connection: Connection) -> None:
    """Deleted keys are overwritten by whoever deletes them; from PostgreSQL 17 on vacuumed too."""
    roles = ", ".join(ROLES)
    if connection.execute(text("SELECT to_regproc('forget_user')")).scalar_one() is not None:
        connection.execute(text(f"GRANT EXECUTE ON FUNCTION forget_user(text) TO {roles}"))
    version = connection.execute(text("SELECT current_setting('server_version_num')")).scalar_one()
    if _has_table(connection, "chat_keys") and int(version) >= 170_000:
        connection.execute(text(f"GRANT MAINTAIN ON chat_keys TO {roles}"))


def _changes(connection: Connection) -> Iterator[str]:
    """The statements that bring rights and policies of all tables to what they should be."""
    granted: dict[tuple[str, str], set[str]] = {}
    for row in connection.execute(text(_GRANTED)):
        if row.privilege != "MAINTAIN":
            granted.setdefault((row.role, row.name), set()).add(row.privilege)
    for table in connection.execute(text(_TABLES)).all():
        for role in ROLES:
            wanted = rights_of(role, table.name)
            has = granted.get((role, table.name), set())
            if excess := sorted(has - wanted):
                yield f"REVOKE {', '.join(excess)} ON {table.name} FROM {role}"
            if missing := sorted(wanted - has):
                yield f"GRANT {', '.join(missing)} ON {table.name} TO {role}"
        if not table.is_of_users or table.name in FOUND_BEFORE_ITS_USER:
            continue
        for name, (role, rule) in POLICIES.items():
            if name not in table.policies:
                yield f"CREATE POLICY {name} ON {table.name} TO {role} USING ({rule})"
        for name in sorted(set(table.policies) - set(POLICIES)):
            yield f'DROP POLICY "{name}" ON {table.name}'
        if not table.is_closed:
            yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"


def rights_of(role: str, table: str) -> frozenset[str]:
    """What a role may do with the rows of a table."""
    if table.startswith("archived_"):
        return frozenset({READ})
    return RIGHTS[role].get(table, ALL)


_TABLES = """
    SELECT c.relname AS name, c.relrowsecurity AS is_closed,
           EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
               AS is_of_users,
           ARRAY(SELECT CAST(p.polname AS text) FROM pg_policy p WHERE p.polrelid = c.oid)
               AS policies
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname
"""
_GRANTED = """
    SELECT r.rolname AS role, c.relname AS name, a.privilege_type AS privilege
    FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.relnamespace = 'public'::regnamespace AND r.rolname IN ('sixfold_api', 'sixfold_worker')
"""
