"""The product's guards, each as what it takes to remove it.

A patch names text that must be there exactly once: when the product is rewritten, it fails
loudly instead of proving nothing.
"""

from dataclasses import dataclass
from pathlib import Path


class PatchDoesNotApply(RuntimeError):
    """The text to replace is not there exactly once: the guard has moved."""


@dataclass(frozen=True, slots=True)
class Patch:
    file: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        path = tree / self.file
        content = path.read_text()
        if content.count(self.old) != 1:
            raise PatchDoesNotApply(f"{self.file} has {content.count(self.old)} times: {self.old}")
        path.write_text(content.replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    patches: tuple[Patch, ...] = ()
    statements: tuple[str, ...] = ()
    """Run on the migrated database, one by one."""


SETTLE, LEASES = (f"app/jobs/{name}.py" for name in ("settle", "leases"))
WRITER, ATTEMPT, ENGINE = (f"app/jobs/{name}.py" for name in ("job_writer", "attempt", "engine"))
LEDGER = "app/credits/sql.py"

JOB_STATE = Guard(
    "compare-and-set on the job's state",
    (
        Patch(SETTLE, "WHEN 'fence' THEN j.state = 'running' AND", "WHEN 'fence' THEN true AND"),
        Patch(SETTLE, "j.state = 'running' AND {LEASE_OVER} AND j.att", "{LEASE_OVER} AND j.att"),
        Patch(SETTLE, "'withdrawn' THEN j.state IN ('queued', 'running')", "'withdrawn' THEN true"),
        Patch(LEASES, "\"j.state = 'running' AND j.fence", '"true AND j.fence'),
    ),
)
FENCE = Guard(
    "the fence",
    (
        Patch(SETTLE, "AND j.fence = e.fence", "AND true"),
        Patch(LEASES, "AND j.fence = a.fence", "AND true"),
    ),
)
LEASE = Guard(
    "the lease check",
    (
        Patch(LEASES, "OR (j.state = 'running' AND {LEASE_OVER}))", "OR j.state = 'running')"),
        Patch(
            WRITER,
            "            raise LeaseLost\n        attempt.confirm",
            "            pass\n        attempt.confirm",
        ),
        Patch(ATTEMPT, "return time.monotonic() >= self.lease_deadline", "return False"),
        Patch(
            ENGINE,
            "            else:\n                attempt.stop(Stop.LEASE_LOST)",
            "            else:\n                pass",
        ),
    ),
)
RESERVATION_STATE = Guard(
    "compare-and-set on the reservation's state",
    (
        Patch(LEDGER, "        WHERE r.state = 'held'\n", "        WHERE true\n"),
        Patch(SETTLE, "if len(settled) != len(settlements):", "if False:"),
    ),
)
SETTLE_KEY = Guard(
    "the one `settle:` key",
    (
        Patch(
            LEDGER,
            "'settle:' || id AS op_key",
            "CASE state WHEN 'captured' THEN 'capture:' ELSE 'release:' END || id AS op_key",
        ),
    ),
)
CHECKS = Guard(
    "the CHECK constraints",
    statements=(
        """
        DO $$ DECLARE found record; BEGIN
            FOR found IN
                SELECT conrelid::regclass AS place, conname FROM pg_constraint
                WHERE contype = 'c' AND connamespace = 'public'::regnamespace
            LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.place, found.conname);
            END LOOP;
        END $$
        """,
    ),
)
SIX = Guard(
    "the check that six are done",
    (Patch(SETTLE, "< {INSIGHTS_PER_JOB} THEN e.otherwise", "< 0 THEN e.otherwise"),),
)
SYNCHRONOUS_COMMIT = Guard(
    "synchronous commit",
    statements=("ALTER DATABASE sixfold SET synchronous_commit = off",),
)
LOCK_ORDER = Guard(
    "the lock order",
    (
        Patch(
            SETTLE,
            "await CreditService(connection).lock_free_accounts(one.user_id for one in endings)",
            "{one.user_id for one in endings}",
        ),
    ),
)

ORDER = (
    JOB_STATE,
    FENCE,
    LEASE,
    RESERVATION_STATE,
    SETTLE_KEY,
    CHECKS,
    SIX,
    SYNCHRONOUS_COMMIT,
    LOCK_ORDER,
)
"""As they are removed, each on top of those before it."""
