"""The effects of one unlock as one statement: the ceiling's, which knows of a single order.

The product's own statement (`app.unlocks.sql`) carries many; written for one alone, this
is the faster of the two.
"""

from sqlalchemy import text

from benchmarks.bare.statements import Statement

UNLOCK_ONE = Statement(
    text("""
    WITH seen AS (
        SELECT seq FROM accounts WHERE user_id = :user_id
    ), account AS (
        SELECT user_id, available, seq FROM accounts WHERE user_id = :user_id FOR NO KEY UPDATE
    ), chat AS (
        SELECT c.id, c.content_hmac FROM chats c
        WHERE c.user_id = (SELECT user_id FROM account) AND c.id = :chat_id
        FOR KEY SHARE
    ), opened AS (
        INSERT INTO jobs (user_id, id, chat_id, category, language, next_run_at, price_coins,
                          content_hmac, prompt_version)
        SELECT account.user_id, :id, :chat_id, :category, CAST(:language AS text),
               clock_timestamp(), :price, chat.content_hmac, :prompt_version
        FROM account JOIN seen USING (seq) CROSS JOIN chat
        WHERE account.available >= :price AND NOT EXISTS (    SELECT j.id FROM jobs j
    WHERE j.user_id = :user_id AND j.chat_id = :chat_id AND j.category = :category
      AND j.state = 'succeeded' AND j.content_hmac = chat.content_hmac
      AND NOT EXISTS (
          SELECT FROM entries e WHERE e.user_id = j.user_id AND e.op_key = 'refund:' || j.id
      ))
        ON CONFLICT DO NOTHING
        RETURNING user_id, id, price_coins AS price
    ), money AS (
        UPDATE accounts a
        SET available = a.available - o.price, held = a.held + o.price, seq = a.seq + 1
        FROM opened o WHERE a.user_id = o.user_id
        RETURNING a.user_id, a.available, a.held, a.seq, o.id, o.price
    ), reservation AS (
        INSERT INTO reservations (user_id, id, amount, expires_at)
        SELECT user_id, id, price, clock_timestamp() + make_interval(secs => :expires_s) FROM money
    ), entry AS (
        INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                             op_key, reservation_id, actor)
        SELECT user_id, seq, 'reserve', 'available', 'held', price, available, held,
               'reserve:' || id, id, user_id
        FROM money
    ), six AS (
        INSERT INTO insights (user_id, job_id, ord, key)
        SELECT opened.user_id, opened.id, insight.ord, insight.key
        FROM opened CROSS JOIN unnest(CAST(:keys AS text[])) WITH ORDINALITY AS insight (key, ord)
    ), used AS (
        UPDATE chats c SET used_at = clock_timestamp()
        FROM opened
        WHERE c.user_id = opened.user_id AND c.id = :chat_id
          AND c.used_at < clock_timestamp() - interval '1 day'
    )
    SELECT available, held FROM money
""")
)
