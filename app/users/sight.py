"""Whether the database's role sees the rows of all users, as the operators' commands need."""

from sqlalchemy import text

from app.db import lone_read
from app.errors import DomainError


class SeesOneUser(DomainError):
    """The user of the database is that of the API, which sees one user's rows at a time; set
    SIXFOLD_DATABASE_URL to that of the workers."""

    code, http_status = "sees_one_user", 403


async def check_sight() -> None:
    """Raises SeesOneUser. What looks at all rows would find none, and call that healthy."""
    async with lone_read() as connection:
        if (await connection.execute(_IS_HELD_TO_USERS)).scalar_one():
            raise SeesOneUser


_IS_HELD_TO_USERS = text("""
    SELECT coalesce(row_security_active(to_regclass('accounts')), false) AND NOT EXISTS (
        SELECT FROM pg_roles WHERE rolname = 'sixfold_worker' AND pg_has_role(oid, 'USAGE')
    )
""")
