"""What users think of findings: given and withdrawn by the owner of a job, counted by operators.

Kept beside a verdict is what wrote the insight, so that prompts can be compared; no text is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.crypto import KeyRing
from app.db import in_turn, lone_read
from app.errors import DomainError
from app.faults import Step
from app.jobs.models import Verdict
from app.progress.snapshots import WHOLE_INSIGHT, InsightPart, QueuePositions, load_snapshot
from app.terminal_table import shown_name, table


class UnknownInsight(DomainError):
    """The job has no such insight."""

    code, http_status = "unknown_insight", 404


class UnknownFinding(DomainError):
    """The insight has no finding of this number; they count from 0."""

    code, http_status = "unknown_finding", 404


class NotRatable(DomainError):
    """This insight is not there to be judged: it was not written, or is not shown any more."""

    code, http_status = "not_ratable", 409


@dataclass(frozen=True, slots=True)
class FeedbackCount:
    """So many verdicts of one kind, on insights and findings of one writer and prompt."""

    category: str
    insight: str
    prompt_version: int
    writer: str
    verdict: Verdict
    count: int


async def give_feedback(
    user_id: str,
    job_id: UUID,
    *,
    insight: str,
    finding: int | None,
    verdict: Verdict | None,
    keyring: KeyRing,
    positions: QueuePositions,
) -> None:
    """Keeps the verdict in place of an earlier one on the same; None withdraws it.

    Raises NotFound, UnknownInsight; and NotRatable, UnknownFinding for what cannot be seen, except
    of what is withdrawn. Raises Locked.
    """
    job = await load_snapshot(user_id, job_id, keyring, positions)
    ord_, part = next(
        ((ord_, one) for ord_, one in enumerate(job.insights, start=1) if one.key == insight),
        (0, None),
    )
    if part is None:
        raise UnknownInsight
    if verdict is not None:
        _check_finding(part, finding)
    place: dict[str, Any] = {
        "user_id": user_id,
        "job_id": job_id,
        "ord": ord_,
        "finding": WHOLE_INSIGHT if finding is None else finding,
    }

    async def change(connection: AsyncConnection) -> None:
        # A deletion of the chat has this lock too: nothing is kept of one that is gone.
        await CreditService(connection).lock_accounts([user_id])
        if verdict is None:
            await connection.execute(_WITHDRAW, place)
        else:
            kept = await connection.execute(_GIVE, place | {"verdict": verdict.value})
            if not kept.scalar_one():
                raise NotRatable

    await in_turn(user_id, change, step=Step.FEEDBACK)


def _check_finding(part: InsightPart, finding: int | None) -> None:
    if part.content is None:
        raise NotRatable
    if finding is not None and finding >= len(part.content.findings):
        raise UnknownFinding(findings=len(part.content.findings))


async def count_feedback() -> list[FeedbackCount]:
    """All verdicts there are, counted; ordered by category, insight, prompt and writer."""
    async with lone_read() as connection:
        rows = (await connection.execute(_COUNTS)).all()
    return [FeedbackCount(*row) for row in rows]


def feedback_text(counts: Sequence[FeedbackCount]) -> str:
    """The counts as a table, verdicts side by side."""
    by_writer: defaultdict[tuple[str, ...], dict[Verdict, int]] = defaultdict(dict)
    for one in counts:
        writer = shown_name(one.writer)
        by_writer[one.category, one.insight, str(one.prompt_version), writer][one.verdict] = (
            one.count
        )
    head = ("category", "insight", "prompt", "writer")
    rows = [(*head, *Verdict)] + [
        (*place, *(f"{given.get(verdict, 0):,}" for verdict in Verdict))
        for place, given in by_writer.items()
    ]
    return table(rows, texts=len(head))


_CHANGES_JOB = """
    UPDATE jobs SET version = version + 1
    WHERE user_id = :user_id AND id IN (SELECT job_id FROM changed)
"""
"""The snapshot shows it, so its version grows; not by a repeat, which changes nothing."""

# Whether it is kept: written now, or before, as the same.
_GIVE = text(f"""
    WITH there AS (
        SELECT n.ord, coalesce(n.prompt_version, j.prompt_version) AS prompt_version,
               coalesce(n.model, 'unknown') AS writer
        FROM jobs j JOIN insights n ON n.user_id = j.user_id AND n.job_id = j.id
        WHERE j.user_id = :user_id AND j.id = :job_id AND j.state = 'succeeded'
          AND n.ord = :ord AND n.state = 'completed' AND n.sealed IS NOT NULL
    ), changed AS (
        INSERT INTO feedback AS f
            (user_id, job_id, ord, finding, verdict, prompt_version, writer)
        SELECT :user_id, :job_id, ord, CAST(:finding AS smallint), CAST(:verdict AS text),
               prompt_version, writer
        FROM there
        ON CONFLICT (user_id, job_id, ord, finding) DO UPDATE
            SET verdict = excluded.verdict, given_at = excluded.given_at
            WHERE f.verdict <> excluded.verdict
        RETURNING job_id
    ), shown AS ({_CHANGES_JOB})
    SELECT EXISTS (SELECT FROM there)
""")

_WITHDRAW = text(f"""
    WITH changed AS (
        DELETE FROM feedback
        WHERE user_id = :user_id AND job_id = :job_id AND ord = :ord AND finding = :finding
        RETURNING job_id
    ) {_CHANGES_JOB}
""")

_COUNTS = text("""
    SELECT j.category, n.key, f.prompt_version, f.writer, f.verdict, count(*)
    FROM feedback f
    JOIN jobs j ON j.user_id = f.user_id AND j.id = f.job_id
    JOIN insights n ON n.user_id = f.user_id AND n.job_id = f.job_id AND n.ord = f.ord
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
""")
