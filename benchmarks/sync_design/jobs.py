"""What the tasks read and write of a job: the effects of the product, one task at a time."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from app.catalog.categories import CATEGORIES, Category, InsightSpec
from app.catalog.content import NothingToSay
from app.crypto import ChatKey
from app.generation.protocol import Draft
from app.jobs.models import ATTEMPTS_MAX, DONE_SQL
from app.jobs.results import insight_binding
from benchmarks.sync_design.config import TIME_LIMIT_S
from benchmarks.sync_design.setup import keyring


@dataclass(frozen=True, slots=True)
class Job:
    """A running job with the key of its chat."""

    user_id: str
    id: UUID
    chat_id: UUID
    content_hmac: bytes
    category: Category
    message_count: int
    key: ChatKey = field(repr=False)


def start_job(connection: Connection, user_id: str, job_id: UUID) -> Job | None:
    """Marks the job as running; None if it has ended, so that a message too many does no harm."""
    started = connection.execute(_START, {"user_id": user_id, "id": job_id})
    if started.first() is None:
        return None
    connection.commit()
    return read_job(connection, user_id, job_id)


def read_job(connection: Connection, user_id: str, job_id: UUID) -> Job | None:
    """The job, None if it does not run."""
    found = connection.execute(_READ, {"user_id": user_id, "id": job_id})
    row = found.first()
    connection.commit()  # No transaction stays open while a context is built or a model asked.
    return None if row is None else _job(row)


def store_insight(
    connection: Connection, job: Job, spec: InsightSpec, draft: Draft, *, calls: int, ms: int
) -> None:
    """Stores what came of an insight, written or empty, and the job's progress; one stored before
    stays."""
    place = insight_binding(job.user_id, job.id, spec.key, job.category.prompt_version)
    where = {"user_id": job.user_id, "id": job.id}
    progressed = connection.execute(_PROGRESS, where)
    if progressed.first() is not None:
        connection.execute(
            _COMPLETE,
            where
            | {
                "ord": spec.ord,
                "state": "empty" if isinstance(draft.content, NothingToSay) else "completed",
                "attempts": calls,
                "duration_ms": ms,
                "sealed": job.key.seal(draft.content.model_dump_json().encode(), *place),
                "model": draft.model,
                "tokens_in": draft.tokens_in,
                "prompt_version": job.category.prompt_version,
                "tokens_cached": draft.tokens_cached,
                "tokens_out": draft.tokens_out,
                "cost_microusd": draft.cost_microusd,
            },
        )
    connection.commit()


def store_failure(
    connection: Connection, job: Job, spec: InsightSpec, *, calls: int, error_code: str
) -> None:
    """Stores that the insight could not be written."""
    where = {"user_id": job.user_id, "id": job.id}
    if connection.execute(_PROGRESS, where).first() is not None:
        connection.execute(
            _FAIL, where | {"ord": spec.ord, "attempts": calls, "error_code": error_code}
        )
    connection.commit()


def done_insights(connection: Connection, user_id: str, job_id: UUID) -> tuple[int, int]:
    """How many of the six are done, and how many of those are written."""
    row = connection.execute(_DONE, {"user_id": user_id, "id": job_id}).one()
    connection.commit()
    return row.done, row.completed


def _job(row: Row[Any]) -> Job:
    return Job(
        user_id=row.user_id,
        id=row.id,
        chat_id=row.chat_id,
        content_hmac=row.content_hmac,
        category=CATEGORIES[row.category],
        message_count=row.message_count,
        key=keyring().unwrap(row.key_id, row.sealed_key, row.user_id, row.chat_id),
    )


_START = text(f"""
    UPDATE jobs j
    SET state = 'running', fence = j.fence + 1, attempt = least(j.attempt + 1, {ATTEMPTS_MAX}),
        lease_until = clock_timestamp() + make_interval(secs => {TIME_LIMIT_S}),
        attempt_until = clock_timestamp() + make_interval(secs => {TIME_LIMIT_S}),
        next_run_at = NULL, started_at = coalesce(j.started_at, clock_timestamp()),
        version = j.version + 1, error_code = NULL
    FROM reservations r
    WHERE j.user_id = :user_id AND j.id = :id AND j.state IN ('queued', 'running')
      AND r.user_id = j.user_id AND r.id = j.id AND r.state = 'held'
      AND r.expires_at > clock_timestamp()
    RETURNING j.id
""")

_READ = text("""
    SELECT j.user_id, j.id, j.chat_id, j.category, j.content_hmac,
           c.message_count, k.key_id, k.sealed_key
    FROM jobs j JOIN chats c ON c.user_id = j.user_id AND c.id = j.chat_id
    JOIN chat_keys k ON k.user_id = c.user_id AND k.chat_id = c.id
    WHERE j.user_id = :user_id AND j.id = :id AND j.state = 'running'
""")

_PROGRESS = text("""
    UPDATE jobs SET version = version + 1
    WHERE user_id = :user_id AND id = :id AND state = 'running'
    RETURNING id
""")

_COMPLETE = text(f"""
    UPDATE insights
    SET state = :state, attempts = attempts + :attempts, duration_ms = :duration_ms,
        sealed = :sealed, model = :model, tokens_in = :tokens_in, tokens_cached = :tokens_cached,
        tokens_out = :tokens_out, cost_microusd = :cost_microusd,
        prompt_version = :prompt_version, error_code = NULL
    WHERE user_id = :user_id AND job_id = :id AND ord = :ord AND NOT {DONE_SQL}
""")

_FAIL = text(f"""
    UPDATE insights
    SET state = 'failed', attempts = attempts + :attempts, error_code = :error_code
    WHERE user_id = :user_id AND job_id = :id AND ord = :ord AND NOT {DONE_SQL}
""")

_DONE = text(f"""
    SELECT count(*) AS done, count(*) FILTER (WHERE state = 'completed') AS completed
    FROM insights WHERE user_id = :user_id AND job_id = :id AND {DONE_SQL}
""")
