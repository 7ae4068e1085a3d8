"""The tables of the ledger: accounts, their entries, and reservations.

Every primary key starts with `user_id`: all money moves inside one user. No foreign keys stand
between these tables and the jobs: one transaction writes all of them, they would cost a third
of the unlock rate, and `sixfold check` proves what they would (I6, I10).
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    DefaultClause,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from app.db import metadata


class EntryKind(StrEnum):
    GRANT = "grant"
    RESERVE = "reserve"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"
    ADJUST = "adjust"


class Bucket(StrEnum):
    """Where coins are.

    Only `available` and `held` have a balance: no row is written for all users.
    """

    MINT = "mint"
    AVAILABLE = "available"
    HELD = "held"
    REVENUE = "revenue"
    ADJUST = "adjust"


class ReservationState(StrEnum):
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


def one_of(column: str, states: type[StrEnum]) -> str:
    """The SQL condition that `column` holds one of `states`."""
    return f"{column} IN ({', '.join(repr(str(state)) for state in states)})"


accounts = Table(
    "accounts",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("available", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("available >= 0", name="available"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("seq >= 0", name="seq"),
    # Room for a new version of the row on its page: balance updates stay HOT.
    postgresql_with={"fillfactor": 50},
)

entries = Table(
    "entries",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("src", Text, nullable=False),
    Column("dst", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("available_after", BigInteger, nullable=False),
    Column("held_after", BigInteger, nullable=False),
    Column("op_key", Text, nullable=False),
    Column("reservation_id", Uuid),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    UniqueConstraint("user_id", "op_key"),
    # Entries come in order of time and never change: the coins of a day are found by the ranges
    # of pages that hold it, through an index of a few pages that costs a write next to nothing.
    Index("ix_entries_at", "at", postgresql_using="brin"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("available_after >= 0", name="available_after"),
    CheckConstraint("held_after >= 0", name="held_after"),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint(
        "(kind, src, dst) IN (('grant', 'mint', 'available'), ('reserve', 'available', 'held'),"
        " ('capture', 'held', 'revenue'), ('release', 'held', 'available'),"
        " ('refund', 'revenue', 'available'), ('adjust', 'adjust', 'available'),"
        " ('adjust', 'available', 'adjust'))",
        name="kind",
    ),
)

reservations = Table(
    "reservations",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("captured", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text("'held'")),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("captured BETWEEN 0 AND amount", name="captured"),
    CheckConstraint("captured = 0 OR state = 'captured'", name="captured_state"),
    CheckConstraint("(state = 'held') = (resolved_at IS NULL)", name="resolved"),
    CheckConstraint(one_of("state", ReservationState), name="state"),
    Index("ix_reservations_overdue", "expires_at", postgresql_where=text("state = 'held'")),
)


def archive_of(
    table: Table, *others: Index | UniqueConstraint, added: frozenset[str] = frozenset()
) -> Table:
    """The table that has rows of `table` when they are old: its columns and its primary key.

    Columns `added` since there is an archive have their default here, too: the release before
    writes none.
    """
    columns = [
        Column(
            one.name,
            one.type,
            primary_key=one.primary_key,
            nullable=one.nullable,
            server_default=_default_of(one) if one.name in added else None,
        )
        for one in table.columns
    ]
    for column in columns:
        column.autoincrement = False
    return Table(f"archived_{table.name}", metadata, *columns, *others)


def _default_of(column: Column[Any]) -> Any:
    default = column.server_default
    return default.arg if isinstance(default, DefaultClause) else None


archived_entries = archive_of(
    entries,
    UniqueConstraint("user_id", "op_key"),
    Index("ix_archived_entries_at", "at", postgresql_using="brin"),
)
archived_reservations = archive_of(reservations)

sweeps = Table(
    "sweeps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ran_at", DateTime(timezone=True), nullable=False),
)

# Users who were deleted, by a digest of their ids: it tells their tokens from a stranger's.
deleted_users = Table(
    "deleted_users",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_deleted_users_at", "at"),
)
