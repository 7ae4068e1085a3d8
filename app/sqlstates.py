"""What follows from an error of PostgreSQL, by its SQLSTATE (manual, appendix A).

A code that has a row of its own goes before its class.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import DBAPIError


class Follows(StrEnum):
    """What becomes of the transaction."""

    AGAIN = "the transaction is tried again at once; in the end 503"
    AWAY = "the server cannot do it now: tried again; in the end 503, the attempt given back"
    SLOW = "503 at once: a second try would take as long; the attempt given back"
    BUG = "an error of this program: 500, logged, the attempt counted"


ROWS: Mapping[str, tuple[str, Follows]] = {
    "00": ("successful completion", Follows.BUG),
    "01": ("warning", Follows.BUG),
    "02": ("no data", Follows.BUG),
    "03": ("SQL statement not yet complete", Follows.BUG),
    "08": ("connection exception", Follows.AWAY),
    "09": ("triggered action exception", Follows.BUG),
    "0A": ("feature not supported", Follows.BUG),
    "0A000": ("a plan from before a migration", Follows.AGAIN),
    "0B": ("invalid transaction initiation", Follows.BUG),
    "0F": ("locator exception", Follows.BUG),
    "0L": ("invalid grantor", Follows.BUG),
    "0P": ("invalid role specification", Follows.BUG),
    "0Z": ("diagnostics exception", Follows.BUG),
    "10": ("XQuery error", Follows.BUG),
    "20": ("case not found", Follows.BUG),
    "21": ("cardinality violation", Follows.BUG),
    "22": ("data exception", Follows.BUG),
    "23": ("integrity constraint violation", Follows.BUG),
    "24": ("invalid cursor state", Follows.BUG),
    "25": ("invalid transaction state", Follows.BUG),
    "25006": ("read-only: a standby, or a server after its failover", Follows.AWAY),
    "25P03": ("idle in a transaction for too long", Follows.AWAY),
    "25P04": ("transaction timeout", Follows.SLOW),
    "26": ("invalid SQL statement name", Follows.BUG),
    "26000": ("a pooler has forgotten the statement", Follows.AGAIN),
    "27": ("triggered data change violation", Follows.BUG),
    "28": ("invalid authorization specification", Follows.AWAY),
    "2B": ("dependent privilege descriptors still exist", Follows.BUG),
    "2D": ("invalid transaction termination", Follows.BUG),
    "2F": ("SQL routine exception", Follows.BUG),
    "34": ("invalid cursor name", Follows.BUG),
    "38": ("external routine exception", Follows.BUG),
    "39": ("external routine invocation exception", Follows.BUG),
    "3B": ("savepoint exception", Follows.BUG),
    "3D": ("invalid catalog name", Follows.AWAY),
    "3F": ("invalid schema name", Follows.BUG),
    "40": ("transaction rollback", Follows.AGAIN),
    "40002": ("a constraint that is checked at the end", Follows.BUG),
    "42": ("syntax error or access rule violation", Follows.BUG),
    "44": ("WITH CHECK OPTION violation", Follows.BUG),
    "53": ("insufficient resources: disk full, out of memory, too many connections", Follows.AWAY),
    "54": ("program limit exceeded", Follows.BUG),
    "55": ("object not in prerequisite state", Follows.BUG),
    "55P03": ("lock not available in time", Follows.AGAIN),
    "57": ("operator intervention: the server ends, or starts", Follows.AWAY),
    "57014": ("statement timeout, or cancelled", Follows.SLOW),
    "58": ("system error: the server's disk", Follows.AWAY),
    "72": ("snapshot failure", Follows.AGAIN),
    "F0": ("configuration file error", Follows.AWAY),
    "HV": ("foreign data wrapper error", Follows.BUG),
    "P0": ("PL/pgSQL error", Follows.BUG),
    "XX": ("internal error", Follows.BUG),
}

ENDS_CONNECTIONS = frozenset({"25006"})
"""All connections are replaced, too: they may lead to the server from before a failover."""


def follows(state: str) -> Follows:
    """What follows from this SQLSTATE; one of an unknown class is a bug."""
    row = ROWS.get(state) or ROWS.get(state[:2])
    return row[1] if row else Follows.BUG


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error; None for anything else."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None


def to_markdown() -> str:
    """The table of docs/faults.md."""
    rows = (
        f"| `{state}` | {name} | {then}{_and_more(state)} |" for state, (name, then) in ROWS.items()
    )
    return "\n".join(["| SQLSTATE | What | What follows |", "|---|---|---|", *rows])


def _and_more(state: str) -> str:
    return "; every connection is replaced" if state in ENDS_CONNECTIONS else ""
