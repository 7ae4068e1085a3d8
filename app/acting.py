"""For whom the database is asked: row-level security holds a transaction to the users it names.

Said anew for each transaction, in the round trip that begins it: behind a pooler the next one may
be another's. What a task of a request starts inherits it (migrations/rights.py has the policies).
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

on_begin: ContextVar[str] = ContextVar("on_begin", default="")
"""What a transaction of this context does first: SQL."""

BETWEEN_USERS = "\x1f"
"""No user id has it."""
AS_ROLE = "SET LOCAL ROLE "
"""Begins what tests set, to act as another role: `for_users` leaves it."""

_is_held = False


def hold_to_users(is_held: bool) -> None:
    """Whether this process names the users of its transactions; one that names none has none."""
    global _is_held
    _is_held = is_held


@contextmanager
def for_users(*user_ids: str) -> Generator[None]:
    """What is done in the database meanwhile is done for these users, and sees their rows alone.

    Nothing in a process that is not held to that.
    """
    if not _is_held or on_begin.get().startswith(AS_ROLE):
        yield
        return
    # In hexadecimal: whatever a user id is, it is no SQL.
    named = BETWEEN_USERS.join(user_ids).encode().hex()
    users = f"convert_from(decode('{named}', 'hex'), 'UTF8')"
    before = on_begin.set(f"SELECT set_config('sixfold.user_ids', {users}, true)")
    try:
        yield
    finally:
        on_begin.reset(before)
