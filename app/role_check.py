"""Whether the database's role of this process may more than it needs: said at its start."""

import asyncio

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import telemetry
from app.db import lone_read
from app.errors import Unavailable

AGAIN_S = 5.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def check_role() -> None:
    """Warns once, in one line and a metric, if triggers or row-level security do not bind the role.

    Waits for a database that is away; a role that may not even ask is not warned of.
    """
    while True:
        try:
            async with lone_read() as connection:
                found = (await connection.execute(_ROLE)).one()
        except Unavailable:
            await asyncio.sleep(AGAIN_S)
            continue
        except DBAPIError:
            return
        reasons = [name for name in _REASONS if getattr(found, name)]
        telemetry.database_role_unbound.set(bool(reasons))
        if reasons:
            log.warning("database.role_unbound", role=found.role, reasons=reasons)
        return


_REASONS = ("is_superuser", "bypasses_row_security", "owns_tables")

# A role that this one may become counts as well.
_ROLE = text("""
    SELECT current_user AS role, bool_or(rolsuper) AS is_superuser,
           bool_or(rolbypassrls) AS bypasses_row_security,
           bool_or(EXISTS (
               SELECT FROM pg_class c JOIN pg_class known ON known.relnamespace = c.relnamespace
               WHERE known.oid = to_regclass('entries') AND c.relkind IN ('r', 'p')
                 AND c.relowner = pg_roles.oid
           )) AS owns_tables
    FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')
""")
