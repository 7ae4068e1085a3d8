"""The statements of an unlock (T1). `app.unlocks.unlock` says when each of them runs."""

from sqlalchemy import text

from app.credits.sql import RESERVE_CTES
from app.jobs.leases import each_locking


def unlocked_before(order: str, content_hmac: str) -> str:
    """A succeeded job of the same chat, content and category that was not refunded."""
    return f"""
        SELECT j.id FROM jobs j
        WHERE j.user_id = {order}.user_id AND j.chat_id = {order}.chat_id
          AND j.category = {order}.category
          AND j.state = 'succeeded' AND j.content_hmac = {content_hmac}
          AND NOT EXISTS (
              SELECT FROM entries e WHERE e.user_id = j.user_id AND e.op_key = 'refund:' || j.id
          )
    """


DAY = "interval '24 hours'"

# What a user has started and what it has cost in the last 24 hours, read only where there is a
# limit. Costs are known once an insight is stored: what runs just now is not counted yet. Not by
# clock_timestamp(), which is no condition for an index.
_JOBS_OF_DAY = f"""
    SELECT count(*) FROM (
        SELECT FROM jobs j
        WHERE j.user_id = o.user_id AND j.created_at > statement_timestamp() - {DAY}
        LIMIT CAST(:jobs_max AS bigint)
    ) d
"""
_COST_OF_DAY = f"""
    SELECT coalesce(sum(i.cost_microusd), 0)
    FROM jobs d JOIN insights i ON i.user_id = d.user_id AND i.job_id = d.id
    WHERE d.user_id = o.user_id AND d.created_at > statement_timestamp() - {DAY}
"""

# Orders of many users in one statement. `seen` is an account in the statement's snapshot,
# `account` the same one as it was locked. Every unlock, settlement and refund of a user moves
# `seq`: while the two are equal, the snapshot is still true of everything that is decided here.
# The chats are locked too, so that one deleted meanwhile is not found. An order whose account or
# chat is locked by another transaction is skipped: no user waits for another. Jobs that are there
# are looked for, and not left to ON CONFLICT, which would wait for a transaction that holds one of
# them; it only meets rows of this very statement. An archived job's key is used for good: its chat
# is gone, so nothing else of this looks into the archive. `needed` and `place` count the orders of
# one user before each, as if all of them were written. `decided` are the users whose orders were
# decided: what is not written of theirs has something against it, or its chat was locked. Those of
# others were not looked at: their account was locked by another transaction, moved just now, or
# is not there.
UNLOCK = each_locking(
    lambda locking: (
        f"""
    WITH o AS (
        SELECT asked.*, sold.price, sold.prompt_version,
               sold.worded_min, sold.voices_min, sold.days_min,
               sum(sold.price) OVER run AS needed, row_number() OVER run AS place
        FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:chat_ids AS uuid[]),
                    CAST(:categories AS text[]), CAST(:languages AS text[]))
             WITH ORDINALITY AS asked (user_id, id, chat_id, category, language, n)
        JOIN unnest(CAST(:sold AS text[]), CAST(:prices AS bigint[]),
                    CAST(:prompt_versions AS integer[]), CAST(:worded_mins AS integer[]),
                    CAST(:voices_mins AS integer[]), CAST(:days_mins AS integer[]))
             AS sold (category, price, prompt_version, worded_min, voices_min, days_min)
             USING (category)
        WINDOW run AS (PARTITION BY asked.user_id ORDER BY asked.n)
    ), seen AS (
        SELECT user_id, seq FROM accounts WHERE user_id = ANY(CAST(:user_ids AS text[]))
    ), account AS (
        SELECT user_id, available, seq FROM accounts
        WHERE user_id = ANY(CAST(:user_ids AS text[]))
        FOR NO KEY UPDATE {locking}
    ), sight AS (
        SELECT o.*, account.available, account.seq, c.content_hmac, c.revision,
               coalesce(c.worded_count, c.message_count) >= o.worded_min
               AND coalesce(c.voice_count >= o.voices_min, true)
               AND coalesce(c.day_count >= o.days_min, true) AS is_fit
        FROM o JOIN account USING (user_id)
        JOIN chats c ON c.user_id = o.user_id AND c.id = o.chat_id
        FOR NO KEY UPDATE OF c {locking}
    ), opened AS (
        INSERT INTO jobs (user_id, id, chat_id, category, language, next_run_at, price_coins,
                          content_hmac, revision, prompt_version)
        SELECT o.user_id, o.id, o.chat_id, o.category, o.language, clock_timestamp(), o.price,
               o.content_hmac, o.revision, o.prompt_version
        FROM sight o JOIN seen ON seen.user_id = o.user_id AND seen.seq = o.seq
        WHERE o.is_fit AND o.available >= o.needed
          AND (CAST(:jobs_max AS bigint) IS NULL OR ({_JOBS_OF_DAY}) + o.place
               <= CAST(:jobs_max AS bigint))
          AND (CAST(:cost_max AS bigint) IS NULL OR ({_COST_OF_DAY}) < CAST(:cost_max AS bigint))
          AND NOT EXISTS ({unlocked_before("o", "o.content_hmac")})
          AND NOT EXISTS (SELECT FROM jobs j WHERE j.user_id = o.user_id AND j.id = o.id)
          AND NOT EXISTS (SELECT FROM archived_jobs j WHERE j.user_id = o.user_id AND j.id = o.id)
          AND NOT EXISTS (
              SELECT FROM jobs j
              WHERE j.user_id = o.user_id AND j.chat_id = o.chat_id AND j.category = o.category
                AND j.state IN ('queued', 'running', 'settling')
          )
        ON CONFLICT DO NOTHING
        RETURNING user_id, id, price_coins AS price, chat_id, category
    ), {RESERVE_CTES}, six AS (
        INSERT INTO insights (user_id, job_id, ord, key)
        SELECT opened.user_id, opened.id, spec.ord, spec.key
        FROM opened
        JOIN unnest(CAST(:spec_categories AS text[]), CAST(:spec_ords AS smallint[]),
                    CAST(:spec_keys AS text[])) AS spec (category, ord, key) USING (category)
    ), used AS (
        UPDATE chats c SET used_at = clock_timestamp()
        FROM opened
        WHERE c.user_id = opened.user_id AND c.id = opened.chat_id
          AND c.used_at < clock_timestamp() - interval '1 day'
    )
    SELECT id, available, held, NULL AS decided FROM money
    UNION ALL
    SELECT NULL, NULL, NULL, user_id FROM account JOIN seen USING (user_id, seq)
"""
    )
)

# One order, its account locked before: all that decides what it is answered.
LOOK = text(f"""
    SELECT account.user_id AS account, account.available,
           replay.price_coins AS replay_price, replay.chat_id AS replay_chat_id,
           replay.category AS replay_category, replay.language AS replay_language,
           first.available_after AS replay_available, first.held_after AS replay_held,
           chat.id IS NOT NULL AS chat_exists,
           coalesce(chat.worded_count, chat.message_count) AS worded_count,
           chat.voice_count, chat.day_count,
           ({unlocked_before("o", "chat.content_hmac")} LIMIT 1) AS succeeded_job,
           (SELECT j.id FROM jobs j
            WHERE j.user_id = o.user_id AND j.chat_id = o.chat_id AND j.category = o.category
              AND j.state IN ('queued', 'running', 'settling')) AS active_job,
           CASE WHEN CAST(:jobs_max AS bigint) IS NOT NULL OR CAST(:cost_max AS bigint) IS NOT NULL
                THEN ({_JOBS_OF_DAY}) END AS jobs_of_day,
           CASE WHEN CAST(:cost_max AS bigint) IS NOT NULL THEN ({_COST_OF_DAY}) END AS cost_of_day
    FROM (SELECT CAST(:user_id AS text) AS user_id, CAST(:id AS uuid) AS id,
                 CAST(:chat_id AS uuid) AS chat_id, CAST(:category AS text) AS category) AS o
    LEFT JOIN accounts account ON account.user_id = o.user_id
    LEFT JOIN chats chat ON chat.user_id = o.user_id AND chat.id = o.chat_id
    LEFT JOIN (TABLE jobs UNION ALL TABLE archived_jobs) replay
         ON replay.user_id = o.user_id AND replay.id = o.id
    LEFT JOIN (TABLE entries UNION ALL TABLE archived_entries) first
         ON first.user_id = o.user_id AND first.op_key = 'reserve:' || o.id
""")

# When the user may start another job: 24 hours after the `jobs_max`-th newest was started; after
# the first one of the day where it is the cost that is too high.
WAIT_OF_DAY = text(f"""
    SELECT greatest(1, ceil(extract(epoch FROM created_at + {DAY} - statement_timestamp())))::int
    FROM jobs
    WHERE user_id = :user_id AND created_at > statement_timestamp() - {DAY}
    ORDER BY created_at DESC, id DESC
    OFFSET CAST(:newer AS bigint) LIMIT 1
""")
