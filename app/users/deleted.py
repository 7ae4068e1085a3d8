"""Users who were deleted: their tokens, which nothing takes back, are refused.

Each process reads who they are every POLL_S, a digest for each. What one that has not heard of it
yet lets through finds nothing: the database refuses to open an account or store a chat for them.
"""

import asyncio
import hashlib
from datetime import datetime

import structlog
from sqlalchemy import text

from app.db import lone_read
from app.errors import Unavailable

POLL_S = 5.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def digest_of(user_id: str) -> bytes:
    """What a deleted user is remembered by."""
    return hashlib.sha256(b"sixfold.user:" + user_id.encode()).digest()


class DeletedUsers:
    """Those that one process knows of."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._read_until: datetime | None = None

    def __contains__(self, user_id: str) -> bool:
        return bool(self._digests) and digest_of(user_id) in self._digests

    def add(self, user_id: str) -> None:
        """This process has just deleted the user."""
        self._digests.add(digest_of(user_id))

    async def read(self) -> None:
        """Those who were deleted since it was read last. Raises Unavailable."""
        async with lone_read() as connection:
            rows = (await connection.execute(_DELETED, {"after": self._read_until})).all()
        if rows:
            self._digests |= {bytes(row.digest) for row in rows}
            self._read_until = max(row.at for row in rows)

    async def keep_reading(self) -> None:
        """For as long as the process runs, also while the database is away."""
        while True:
            try:
                await self.read()
            except Unavailable:
                log.debug("deleted_users.database_away")
            await asyncio.sleep(POLL_S)


# Rows become visible when their transaction ends, which may be so much after their time.
_DELETED = text("""
    SELECT digest, at FROM deleted_users
    WHERE CAST(:after AS timestamptz) IS NULL
       OR at > CAST(:after AS timestamptz) - interval '5 minutes'
""")
