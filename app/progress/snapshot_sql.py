"""The statements that snapshots are read by: six rows for each job, all of one moment."""

from sqlalchemy import TextClause, text

from app.chats.key_storage import key_columns, key_join
from app.credits.sql import ARCHIVED_ROWS, EVERY_ROW
from app.jobs.models import NOTHING_TO_SAY

_SNAPSHOT = f"""
    SELECT j.*, r.state AS reservation, {key_columns()},
           ledger.charged, ledger.released, ledger.refunded,
           n.key AS insight_key, n.state AS insight_state, n.attempts AS insight_attempts,
           n.duration_ms, n.content_deleted,
           CASE WHEN ledger.refunded = 0
                 AND (j.state = 'succeeded'
                      OR (j.state = 'failed' AND j.error_code = '{NOTHING_TO_SAY}'))
                THEN n.sealed END AS sealed,
           given.findings, given.verdicts
    FROM picked j
    JOIN reservations r ON r.user_id = j.user_id AND r.id = j.id
    JOIN insights n ON n.user_id = j.user_id AND n.job_id = j.id
    LEFT JOIN chats c ON c.user_id = j.user_id AND c.id = j.chat_id {key_join()}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0)::bigint AS charged,
               coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0)::bigint AS released,
               coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded
        FROM entries e
        WHERE e.user_id = j.user_id
          AND e.op_key IN ('settle:' || j.id, 'settle-rest:' || j.id, 'refund:' || j.id)
    ) ledger
    CROSS JOIN LATERAL (
        SELECT array_agg(f.finding ORDER BY f.finding) AS findings,
               array_agg(f.verdict ORDER BY f.finding) AS verdicts
        FROM feedback f
        WHERE j.state = 'succeeded'
          AND f.user_id = n.user_id AND f.job_id = n.job_id AND f.ord = n.ord
    ) given
    ORDER BY j.created_at DESC, j.id DESC, j.user_id, n.ord
"""
"""Six rows for each job in `picked`, all from one statement and so from one moment."""


def _picking(condition: str, source: str = "") -> TextClause:
    return text(f"""
        WITH {source} picked AS MATERIALIZED (
            SELECT user_id, id, chat_id, revision, category, state, attempt, price_coins,
                   prompt_version, version, error_code, created_at, started_at, finished_at
            FROM jobs WHERE {condition}
        ) {_SNAPSHOT}
    """)


_PAGE = """
    (CAST(:after_at AS timestamptz) IS NULL
     OR (created_at, id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""

_IS_NAMED = """
    (user_id, id) IN (SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])))
"""
NAMED = _picking(_IS_NAMED)
NAMED_ARCHIVED = _picking(_IS_NAMED, f"{ARCHIVED_ROWS},")
NEWEST = _picking(f"user_id = :user_id AND {_PAGE}", f"{EVERY_ROW},")
OF_CHAT = _picking(f"user_id = :user_id AND chat_id = :chat_id AND state = 'succeeded' AND {_PAGE}")

CHAT_EXISTS = text("SELECT 1 FROM chats WHERE user_id = :user_id AND id = :chat_id")

POSITIONS = text("""
    SELECT id FROM waiting_jobs(CAST(:limit AS integer)) AS id
""")
