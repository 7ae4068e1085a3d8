"""How a command of operators runs its work: an engine of its own, a refusal in one line."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import orjson
import typer
from sqlalchemy.exc import DBAPIError

from app.db import close_engine, open_engine
from app.errors import DomainError, Locked, TooSlow
from app.logging import configure_logging
from app.reachability import one_line
from app.settings import load_settings
from app.users.sight import check_sight

TTL_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Result = TypeVar("Result")


def refuse(error: DomainError) -> NoReturn:
    """Prints the refusal in one line and exits 1."""
    cause = None if isinstance(error, Locked | TooSlow) else error.__cause__
    detail = error.detail if cause is None else explained(cause)
    typer.echo(f"{error.code}: {detail}", err=True)
    raise typer.Exit(1) from error


def explained(error: BaseException) -> str:
    """Why, on one line. A statement and its values, which SQLAlchemy adds, are left out."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return one_line(cause)


async def with_engine(work: Callable[[], Awaitable[Result]], *, as_owner: bool) -> Result:
    """The result of `work`, with an engine of its own that is closed afterwards."""
    settings = load_settings()
    configure_logging(json=settings.log_json, level="ERROR")  # The last line tells the rest.
    # A whole ledger is read for as long as it takes: Ctrl-C ends it.
    url = settings.owner_url if as_owner else settings.database_url
    await open_engine(url, pool_size=2, statement_timeout_s=None)
    try:
        await check_sight()
        return await work()
    finally:
        await close_engine()


def print_json(value: Any) -> None:
    """Prints `value` as JSON, indented."""
    # asyncpg's UUID is a subclass, which orjson does not know.
    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2))


def seconds_of(duration: str) -> float:
    """The seconds of a duration such as 12h. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", duration)
    if match is None:
        raise ValueError("a duration is a number and one of s, m, h, d: 12h")
    return int(match[1]) * TTL_UNITS_S[match[2]]
