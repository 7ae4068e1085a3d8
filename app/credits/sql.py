"""The statements of the ledger.

Each is safe to repeat only together with the checks of CreditService, which runs them; accounts
are locked before any of them that writes.
"""

from sqlalchemy import text

_ARCHIVED = ("jobs", "reservations", "insights", "entries")
"""Tables whose old rows are in `archived_…`, with the same columns in the same order."""
EVERY_ROW = ", ".join(
    f"{name} AS NOT MATERIALIZED (TABLE {name} UNION ALL TABLE archived_{name})"
    for name in _ARCHIVED
)
"""In a statement's WITH: its tables are read together with their archives."""
ARCHIVED_ROWS = ", ".join(
    f"{name} AS NOT MATERIALIZED (TABLE archived_{name})" for name in _ARCHIVED
)
"""In a statement's WITH: the archives are read in place of its tables."""

ENTRY_COLUMNS = (
    "seq, kind, src, dst, amount, available_after, held_after,"
    " op_key, reservation_id, actor, reason, at"
)

OPEN_ACCOUNT = text("""
    WITH account AS (
        INSERT INTO accounts (user_id, available, held, seq) VALUES (:user_id, :coins, 0, 1)
        ON CONFLICT DO NOTHING RETURNING user_id
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, 1, 'grant', 'mint', 'available', :coins, :coins, 0, 'signup', 'system', 'signup'
    FROM account
    RETURNING seq
""")

_LOCK_ACCOUNTS = """
    SELECT user_id FROM accounts WHERE user_id = ANY(CAST(:user_ids AS text[]))
    ORDER BY user_id FOR NO KEY UPDATE
"""
LOCK_ACCOUNTS = text(_LOCK_ACCOUNTS)
LOCK_FREE_ACCOUNTS = text(f"{_LOCK_ACCOUNTS} SKIP LOCKED")

BALANCE = text("SELECT available, held FROM accounts WHERE user_id = :user_id")

ENTRY = text(f"""
    WITH {EVERY_ROW}
    SELECT {ENTRY_COLUMNS} FROM entries WHERE user_id = :user_id AND op_key = :op_key
""")

STATEMENT = text(f"""
    WITH {EVERY_ROW}
    SELECT {ENTRY_COLUMNS} FROM entries
    WHERE user_id = :user_id AND seq < coalesce(CAST(:before_seq AS bigint), 9223372036854775807)
    ORDER BY seq DESC LIMIT :limit
""")

GRANT = text(f"""
    WITH account AS (
        UPDATE accounts SET available = available + :coins, seq = seq + 1
        WHERE user_id = :user_id RETURNING user_id, available, held, seq
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, seq, 'grant', 'mint', 'available', :coins, available, held,
           :op_key, :actor, :reason
    FROM account
    RETURNING {ENTRY_COLUMNS}
""")

REFUND = text(f"""
    WITH charged AS (
        SELECT user_id, id, captured FROM reservations
        WHERE user_id = :user_id AND id = :id AND captured > 0
        FOR NO KEY UPDATE
    ), account AS (
        UPDATE accounts a SET available = a.available + c.captured, seq = a.seq + 1
        FROM charged c WHERE a.user_id = c.user_id
        RETURNING a.user_id, a.available, a.held, a.seq, c.id, c.captured
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, reservation_id, actor, reason)
    SELECT user_id, seq, 'refund', 'revenue', 'available', captured, available, held,
           :op_key, id, :actor, :reason
    FROM account
    RETURNING {ENTRY_COLUMNS}
""")

ADJUST = text(f"""
    WITH account AS (
        UPDATE accounts SET available = available + CAST(:coins AS bigint), seq = seq + 1
        WHERE user_id = :user_id AND available + CAST(:coins AS bigint) >= 0
        RETURNING user_id, available, held, seq
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, seq, 'adjust',
           CASE WHEN CAST(:coins AS bigint) > 0 THEN 'adjust' ELSE 'available' END,
           CASE WHEN CAST(:coins AS bigint) > 0 THEN 'available' ELSE 'adjust' END,
           abs(CAST(:coins AS bigint)), available, held, :op_key, :actor, :reason
    FROM account
    RETURNING {ENTRY_COLUMNS}
""")

RESERVE_CTES = """
    turn AS (
        SELECT user_id, id, price, row_number() OVER run AS n, sum(price) OVER run AS reserved
        FROM opened
        WINDOW run AS (PARTITION BY user_id ORDER BY id)
    ), balance AS (
        UPDATE accounts a
        SET available = a.available - t.reserved, held = a.held + t.reserved, seq = a.seq + t.n
        FROM (SELECT user_id, max(n) AS n, max(reserved) AS reserved FROM turn GROUP BY user_id) t
        WHERE a.user_id = t.user_id
        RETURNING a.user_id, a.available + t.reserved AS available, a.held - t.reserved AS held,
                  a.seq - t.n AS seq
    ), money AS (
        SELECT t.user_id, t.id, t.price, b.seq + t.n AS seq,
               b.available - t.reserved AS available, b.held + t.reserved AS held
        FROM turn t JOIN balance b USING (user_id)
    ), reservation AS (
        INSERT INTO reservations (user_id, id, amount, expires_at)
        SELECT user_id, id, price, clock_timestamp() + make_interval(secs => :expires_s) FROM money
    ), entry AS (
        INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                             op_key, reservation_id, actor)
        SELECT user_id, seq, 'reserve', 'available', 'held', price, available, held,
               'reserve:' || id, id, user_id
        FROM money
    )
"""
"""The effects of reservations, for a statement whose CTE `opened` has a row `(user_id, id, price)`
for each, and whose accounts are locked and can pay for all of theirs. `money` has the balance
after each."""

RESERVE = text(f"""
    WITH opened AS (
        SELECT user_id, CAST(:id AS uuid) AS id, CAST(:price AS bigint) AS price
        FROM accounts WHERE user_id = :user_id AND available >= CAST(:price AS bigint)
    ), {RESERVE_CTES}
    SELECT available, held FROM money
""")

# The reason is that of coins that come back. A charge of nothing gives back all, by the same key.
SETTLE = text("""
    WITH input AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:states AS text[]),
            CAST(:captures AS bigint[]), CAST(:reasons AS text[])
        ) AS t (user_id, id, state, captured, reason)
    ), open AS (
        SELECT r.user_id, r.id, r.amount, i.state, i.reason,
               CASE WHEN i.state = 'captured' THEN coalesce(i.captured, r.amount) ELSE 0 END
                   AS captured
        FROM reservations r JOIN input i USING (user_id, id)
        WHERE r.state = 'held'
        ORDER BY r.user_id, r.id
        FOR NO KEY UPDATE OF r
    ), closed AS (
        UPDATE reservations r
        SET state = o.state, captured = o.captured, resolved_at = clock_timestamp()
        FROM open o WHERE r.user_id = o.user_id AND r.id = o.id
    ), move AS (
        SELECT user_id, id, 1 AS part, 'settle:' || id AS op_key,
               CASE WHEN captured > 0 THEN NULL ELSE reason END AS reason,
               CASE WHEN captured > 0 THEN 'capture' ELSE 'release' END AS kind,
               CASE WHEN captured > 0 THEN 'revenue' ELSE 'available' END AS dst,
               CASE WHEN captured > 0 THEN captured ELSE amount END AS amount
        FROM open
        UNION ALL
        SELECT user_id, id, 2, 'settle-rest:' || id, reason, 'release', 'available',
               amount - captured
        FROM open WHERE captured > 0 AND captured < amount
    ), numbered AS (
        SELECT *, row_number() OVER run AS n, sum(amount) OVER run AS unheld,
               sum(CASE dst WHEN 'available' THEN amount ELSE 0 END) OVER run AS returned
        FROM move
        WINDOW run AS (PARTITION BY user_id ORDER BY id, part)
    ), booked AS (
        INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                             op_key, reservation_id, actor, reason)
        SELECT n.user_id, a.seq + n.n, n.kind, 'held', n.dst, n.amount,
               a.available + n.returned, a.held - n.unheld, n.op_key, n.id, 'system', n.reason
        FROM numbered n JOIN accounts a USING (user_id)
    ), total AS (
        SELECT user_id, max(n) AS entries, max(unheld) AS unheld, max(returned) AS returned
        FROM numbered GROUP BY user_id
    ), balanced AS (
        UPDATE accounts a
        SET available = a.available + t.returned, held = a.held - t.unheld, seq = a.seq + t.entries
        FROM total t WHERE a.user_id = t.user_id
    )
    SELECT user_id, id, captured FROM open
""")
