"""Connecting to PostgreSQL: one host after the other, directly or through a pooler.

A pooler in transaction mode (PgBouncer, and what imitates it) gives each transaction another
session of the server. So with a pooler in front nothing of a session is used: statements are
prepared without a name inside the transaction that runs them, and limits are set by `SET LOCAL`.
Session mode is not told apart; it takes the same.
"""

import socket
from typing import Any, ClassVar

import asyncpg

from app.acting import on_begin
from app.database_url import DatabaseAddress, Host

STATEMENT_TIMEOUT_S = 7
"""For a reply. Nothing else tells of a connection that stands open and leads nowhere."""
REASON_CHARS_MAX = 300

LIMITS = {
    "jit": "off",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "60s",
}
"""Of every session; through a pooler of every transaction."""


class CannotConnect(ConnectionError):
    """No server took the connection; the message says why, in one line, without a secret."""


_REFUSALS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.TargetServerAttributeNotMatched,
)
_CLIENT: Any = asyncpg  # It ships no types.


class Session(asyncpg.Connection):
    """Sets the limits of a transaction in the round trip that begins it."""

    limits: ClassVar[tuple[str, ...]] = ()
    """Statements after each BEGIN."""
    lock_timeout_ms: int | None = None
    """Of the next transaction, and of no other."""
    opened_at = 0.0
    taken_at: float | None = None
    """Monotonic; since when it is out of its pool."""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """As asyncpg's; `BEGIN` is followed by the limits, and by `on_begin`."""
        if query.startswith("BEGIN"):
            first = list(self.limits)
            if self.lock_timeout_ms is not None:
                first.append(f"SET LOCAL lock_timeout = {self.lock_timeout_ms}")
                self.lock_timeout_ms = None
            if told := on_begin.get():
                first.append(told)
            query = "; ".join([query.rstrip(";"), *first])
        done: str = await _CLIENT.Connection.execute(self, query, *args, **options)
        return done


async def connect(
    address: DatabaseAddress,
    *,
    pooled: bool,
    statement_timeout_s: float | None = STATEMENT_TIMEOUT_S,
) -> Any:
    """An asyncpg connection to the first host that takes one and is of the kind that is wanted.

    Each host has the whole connect timeout: one that swallows packets does not hide the next.
    Raises CannotConnect.
    """
    reasons: list[str] = []
    options = dict(address.options) | _session_options(address, pooled=pooled)
    for host in address.hosts:
        try:
            connection: Any = await _CLIENT.connect(
                **options,
                host=host.name,
                port=host.port,
                timeout=address.connect_timeout_s,
                command_timeout=statement_timeout_s,
            )
        except _REFUSALS as error:
            reasons.append(_reason(host, error, address.connect_timeout_s))
            if not _tries_the_next(error):
                raise CannotConnect("; ".join(reasons)) from error
        else:
            _keep_alive(connection, address)
            return connection
    raise CannotConnect("; ".join(reasons))


async def find_pooler(address: DatabaseAddress) -> bool:
    """Whether a pooler stands in front: the process it names is not the one that answers.

    Raises CannotConnect.
    """
    if address.is_pooled is not None:
        return address.is_pooled
    connection = await connect(address, pooled=True)
    try:
        async with connection.transaction():
            answering = await connection.fetchval("SELECT pg_backend_pid()")
        return answering != connection.get_server_pid()
    except _REFUSALS as error:
        raise CannotConnect(_reason(address.hosts[0], error, STATEMENT_TIMEOUT_S)) from error
    finally:
        connection.terminate()


def _session_options(address: DatabaseAddress, *, pooled: bool) -> dict[str, Any]:
    limits = {key: value for key, value in LIMITS.items() if key not in address.chosen_settings}
    settings = {"timezone": "UTC", **address.server_settings}
    if not pooled:
        # However long a statement is, and as long as the connection lives.
        kept = {"max_cacheable_statement_size": 0, "max_cached_statement_lifetime": 0}
        return {"connection_class": Session, "server_settings": settings | limits, **kept}
    each = tuple(f"SET LOCAL {name} = '{value}'" for name, value in limits.items())
    kind = type("Pooled", (Session,), {"limits": each})
    # A pooler refuses a session setting that it cannot follow; it follows these.
    return {"connection_class": kind, "statement_cache_size": 0, "server_settings": settings}


def _tries_the_next(error: BaseException) -> bool:
    """As libpq: a server that answers and refuses the login ends the search."""
    return isinstance(
        error, OSError | asyncpg.CannotConnectNowError | asyncpg.TargetServerAttributeNotMatched
    )


def _reason(host: Host, error: BaseException, timeout_s: float) -> str:
    match error:
        case TimeoutError() if not str(error):
            told = f"no answer within {timeout_s:g} s"
        case socket.gaierror():
            told = "its name cannot be resolved"
        case asyncpg.TargetServerAttributeNotMatched():
            told = "it does not match target_session_attrs"
        case asyncpg.PostgresError():
            told = f"{error} (SQLSTATE {getattr(error, 'sqlstate', None)})"
        case _:
            told = str(error) or type(error).__name__
    return f"{host}: {' '.join(told.split())}"[:REASON_CHARS_MAX]


def _keep_alive(connection: Any, address: DatabaseAddress) -> None:
    # asyncpg gives no other way to its socket.
    found: Any = connection._transport.get_extra_info("socket")
    if not address.keepalives or found is None or found.family == socket.AF_UNIX:
        return
    with socket.fromfd(found.fileno(), found.family, found.type) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in address.keepalives.items():
            option = getattr(socket, _TCP_OPTIONS.get(name, ""), None)
            if option is not None and value > 0:
                same.setsockopt(socket.IPPROTO_TCP, option, value)


_TCP_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}
