"""The invariants of the ledger and its jobs, each a query whose every row is a violation.

They read through one REPEATABLE READ snapshot, so that they hold at any moment of a running
system too, and they read the archive with the tables: what is proved is the same whether old
jobs have moved there or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.credits.sql import EVERY_ROW
from app.db import snapshot

SAMPLES_MAX = 20
"""Violations shown of each invariant; they are counted without a limit."""

OVERDUE_TOLERANCE_S = 600
"""Two cleanup sweeps."""


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """One invariant, how often it is violated, and the first rows that violate it."""

    name: str
    meaning: str
    violations: int
    samples: list[dict[str, Any]]


async def check_invariants() -> list[InvariantResult]:
    """Every invariant, I1 to I11; all have zero violations in a healthy system."""
    async with snapshot() as connection:
        results: list[InvariantResult] = []
        for name, (meaning, query) in INVARIANTS.items():
            counted = text(
                f"WITH {EVERY_ROW}, violation AS ({query})"
                f" SELECT v.*, count(*) OVER () AS violations FROM violation v LIMIT {SAMPLES_MAX}"
            )
            rows = [dict(row) for row in (await connection.execute(counted)).mappings()]
            violations = rows[0]["violations"] if rows else 0
            for row in rows:
                del row["violations"]
            results.append(InvariantResult(name, meaning, violations, rows))
        return results


# The effect of an entry on the two balances.
_AVAILABLE = (
    "CASE WHEN dst = 'available' THEN amount WHEN src = 'available' THEN -amount ELSE 0 END"
)
_HELD = "CASE WHEN dst = 'held' THEN amount WHEN src = 'held' THEN -amount ELSE 0 END"

INVARIANTS: Mapping[str, tuple[str, str]] = {
    "I1": (
        "a balance is the fold of its entries",
        f"""
        SELECT user_id, a.available, a.held, f.available AS folded_available,
               f.held AS folded_held
        FROM accounts a FULL JOIN (
            SELECT user_id, sum({_AVAILABLE}) AS available, sum({_HELD}) AS held
            FROM entries GROUP BY user_id
        ) f USING (user_id)
        WHERE a.available IS DISTINCT FROM f.available OR a.held IS DISTINCT FROM f.held
        """,
    ),
    "I2": (
        "the entries of an account are numbered from 1 without a gap",
        """
        SELECT user_id, a.seq, e.entries, e.last
        FROM accounts a FULL JOIN (
            SELECT user_id, count(*) AS entries, min(seq) AS first, max(seq) AS last
            FROM entries GROUP BY user_id
        ) e USING (user_id)
        WHERE (a.seq, a.seq, 1) IS DISTINCT FROM (e.entries, e.last, e.first)
        """,
    ),
    "I3": (
        "an entry's running balances are those of all entries up to it",
        f"""
        SELECT user_id, seq FROM (
            SELECT user_id, seq, available_after, held_after,
                   sum({_AVAILABLE}) OVER account AS available,
                   sum({_HELD}) OVER account AS held
            FROM entries WINDOW account AS (PARTITION BY user_id ORDER BY seq)
        ) running
        WHERE (available_after, held_after) IS DISTINCT FROM (available, held)
        """,
    ),
    "I4": (
        "held coins are the sum of the open reservations",
        """
        SELECT user_id, a.held, r.open FROM accounts a FULL JOIN (
            SELECT user_id, sum(amount) AS open FROM reservations
            WHERE state = 'held' GROUP BY user_id
        ) r USING (user_id)
        WHERE coalesce(a.held, 0) <> coalesce(r.open, 0)
        """,
    ),
    "I5": (
        "a reservation's entries add up to it, and a refund to what was captured",
        """
        SELECT r.user_id, r.id, r.state, e.reserved, e.captured, e.released, e.refunded
        FROM reservations r LEFT JOIN (
            SELECT user_id, reservation_id AS id,
                   sum(amount) FILTER (WHERE kind = 'reserve') AS reserved,
                   coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
                   coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS released,
                   coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
            FROM entries WHERE reservation_id IS NOT NULL GROUP BY 1, 2
        ) e ON e.user_id = r.user_id AND e.id = r.id
        WHERE e.reserved IS DISTINCT FROM r.amount OR e.captured <> r.captured
           OR e.refunded NOT IN (0, r.captured)
           OR e.released <> CASE r.state WHEN 'held' THEN 0 ELSE r.amount - r.captured END
        """,
    ),
    "I6": (
        "a job and its reservation have the same id and states that go together",
        """
        SELECT user_id, id, j.state AS job, r.state AS reservation
        FROM jobs j FULL JOIN reservations r USING (user_id, id)
        WHERE ((j.state IN ('queued', 'running', 'settling') AND r.state = 'held')
            OR (j.state = 'succeeded' AND r.state = 'captured')
            OR (j.state IN ('failed', 'cancelled') AND r.state = 'released')
            OR (j.state = 'expired' AND r.state = 'expired')) IS NOT TRUE
        """,
    ),
    "I7": (
        "a succeeded job has six insights, each completed or empty, and was charged for the"
        " completed ones: one at least, and a sixth of the price each, rounded down",
        """
        SELECT j.user_id, j.id, n.completed, n.empty, n.insights, r.captured
        FROM jobs j LEFT JOIN reservations r ON r.user_id = j.user_id AND r.id = j.id
        LEFT JOIN LATERAL (
            SELECT count(*) FILTER (WHERE n.state = 'completed') AS completed,
                   count(*) FILTER (WHERE n.state = 'empty') AS empty,
                   count(*) AS insights
            FROM insights n WHERE n.user_id = j.user_id AND n.job_id = j.id
        ) n ON true
        WHERE j.state = 'succeeded' AND (
            (n.completed + n.empty, n.insights) IS DISTINCT FROM (6, 6) OR n.completed < 1
            OR r.captured <> j.price_coins * n.completed / 6
        )
        """,
    ),
    "I8": (
        "no reservation is held longer than two sweeps after it expired, settling jobs aside",
        f"""
        SELECT r.user_id, r.id, r.expires_at FROM reservations r
        LEFT JOIN jobs j ON j.user_id = r.user_id AND j.id = r.id
        WHERE r.state = 'held' AND j.state IS DISTINCT FROM 'settling'
          AND r.expires_at < clock_timestamp() - make_interval(secs => {OVERDUE_TOLERANCE_S})
        """,
    ),
    "I9": (
        "a category of a chat has at most one active job",
        """
        SELECT user_id, chat_id, category, count(*) AS active FROM jobs
        WHERE state IN ('queued', 'running', 'settling')
        GROUP BY user_id, chat_id, category HAVING count(*) > 1
        """,
    ),
    "I10": (
        "every reserve entry has its job and its reservation",
        """
        SELECT e.user_id, e.seq, e.reservation_id FROM entries e
        LEFT JOIN jobs j ON j.user_id = e.user_id AND j.id = e.reservation_id
        LEFT JOIN reservations r ON r.user_id = e.user_id AND r.id = e.reservation_id
        WHERE e.kind = 'reserve' AND (j.id IS NULL OR r.id IS NULL)
        """,
    ),
    "I11": (
        "minted and adjusted coins are those that users have and those that were earned",
        """
        SELECT * FROM (
            SELECT coalesce(sum(amount) FILTER (WHERE src IN ('mint', 'adjust')), 0)
                   - coalesce(sum(amount) FILTER (WHERE dst = 'adjust'), 0) AS put_in,
                   coalesce(sum(amount) FILTER (WHERE dst = 'revenue'), 0)
                   - coalesce(sum(amount) FILTER (WHERE src = 'revenue'), 0) AS earned
            FROM entries
        ) moved CROSS JOIN (
            SELECT coalesce(sum(available + held), 0) AS owned FROM accounts
        ) balances
        WHERE put_in <> owned + earned
        """,
    ),
}
