"""Storing what the calls came to, under the fence, as each of them completes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.faults import Step
from app.group_commit import SKIPPED, Skipped
from app.jobs.leases import HeldLease, Locking, each_locking, held_ctes, write_held
from app.jobs.models import DONE_SQL, InsightState
from app.llm.prices import Price


@dataclass(frozen=True, slots=True)
class InsightResult:
    """One insight: completed or empty (`sealed` is its content, or why it has none) or failed.

    Tokens and cost are those of this attempt; they are added to those of earlier ones.
    `wasted_microusd`, a part of the cost, bought nothing. A `queued` result says what was spent
    on an insight that still has to be written.
    """

    lease: HeldLease
    ord: int
    state: InsightState
    attempts: int
    duration_ms: int
    sealed: bytes | None = field(default=None, repr=False)
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_microusd: int | None = None
    error_code: str | None = None
    adopted_from: UUID | None = None
    tokens_cached: int | None = None
    wasted_microusd: int = 0
    price: Price | None = None


def insight_binding(
    user_id: str, job_id: UUID, key: str, prompt_version: int
) -> tuple[str, str, UUID, str, int]:
    """What the seal of an insight's content is bound to."""
    return ("insight", user_id, job_id, key, prompt_version)


async def store_results(
    results: Sequence[InsightResult], *, locking: Locking = Locking.SKIP
) -> list[bool | Skipped]:
    """Stores each result whose lease is still held; False for a lost one.

    A repeat costs no coin: an insight that is done is never written again, and under the same fence
    it is the result that is there already. What a failed one has cost may be added twice, when
    the reply to the first statement was lost.
    """
    rows = await write_held(_STORE, bound(results), step=Step.STORE, locking=locking)
    free = {(row.user_id, row.id, row.ord) for row in rows}
    held = {(row.user_id, row.id) for row in rows}

    def outcome(lease: HeldLease, ord_: int) -> bool | Skipped:
        if (lease.user_id, lease.job_id) not in held:
            return False
        return (lease.user_id, lease.job_id, ord_) in free or SKIPPED

    return [outcome(one.lease, one.ord) for one in results]


def bound(results: Sequence[InsightResult]) -> dict[str, list[Any]]:
    """What `_STORE` is given: one array a column."""
    prices = [(None, None, None) if one.price is None else one.price.snapshot for one in results]
    return {
        "user_ids": [one.lease.user_id for one in results],
        "job_ids": [one.lease.job_id for one in results],
        "fences": [one.lease.fence for one in results],
        "ords": [one.ord for one in results],
        "states": [one.state.value for one in results],
        "attempts": [one.attempts for one in results],
        "durations": [one.duration_ms for one in results],
        "sealed": [one.sealed for one in results],
        "models": [one.model for one in results],
        "tokens_in": [one.tokens_in for one in results],
        "tokens_cached": [one.tokens_cached for one in results],
        "tokens_out": [one.tokens_out for one in results],
        "costs": [one.cost_microusd for one in results],
        "wasted": [one.wasted_microusd for one in results],
        "price_inputs": [price[0] for price in prices],
        "price_cached": [price[1] for price in prices],
        "price_outputs": [price[2] for price in prices],
        "error_codes": [one.error_code for one in results],
        "adopted_from": [one.adopted_from for one in results],
    }


_STORE = each_locking(
    lambda locking: (
        f"""
    WITH result AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:job_ids AS uuid[]), CAST(:fences AS bigint[]),
            CAST(:ords AS smallint[]), CAST(:states AS text[]), CAST(:attempts AS int[]),
            CAST(:durations AS int[]), CAST(:sealed AS bytea[]), CAST(:models AS text[]),
            CAST(:tokens_in AS int[]), CAST(:tokens_cached AS int[]), CAST(:tokens_out AS int[]),
            CAST(:costs AS bigint[]), CAST(:wasted AS bigint[]), CAST(:price_inputs AS bigint[]),
            CAST(:price_cached AS bigint[]), CAST(:price_outputs AS bigint[]),
            CAST(:error_codes AS text[]), CAST(:adopted_from AS uuid[])
        ) AS t (user_id, job_id, fence, ord, state, attempts, duration_ms, sealed, model,
                tokens_in, tokens_cached, tokens_out, cost_microusd, wasted_microusd,
                price_input, price_cached, price_output, error_code, adopted_from)
    ), asked AS (
        SELECT DISTINCT user_id, job_id AS id, fence FROM result
    ), {held_ctes(locking)}, free AS (
        SELECT r.*, h.prompt_version
        FROM insights n JOIN result r USING (user_id, job_id, ord)
        JOIN held h ON h.user_id = n.user_id AND h.id = n.job_id
        ORDER BY n.user_id, n.job_id, n.ord
        FOR NO KEY UPDATE OF n {locking}
    ), stored AS (
        UPDATE insights n
        SET state = r.state, attempts = n.attempts + r.attempts, duration_ms = r.duration_ms,
            sealed = r.sealed, model = coalesce(r.model, n.model),
            tokens_in = coalesce(n.tokens_in + r.tokens_in, r.tokens_in, n.tokens_in),
            tokens_cached = coalesce(
                n.tokens_cached + r.tokens_cached, r.tokens_cached, n.tokens_cached
            ),
            tokens_out = coalesce(n.tokens_out + r.tokens_out, r.tokens_out, n.tokens_out),
            cost_microusd = coalesce(
                n.cost_microusd + r.cost_microusd, r.cost_microusd, n.cost_microusd
            ),
            wasted_microusd = n.wasted_microusd + r.wasted_microusd,
            price_input = coalesce(r.price_input, n.price_input),
            price_cached = coalesce(r.price_cached, n.price_cached),
            price_output = coalesce(r.price_output, n.price_output),
            prompt_version = r.prompt_version,
            error_code = r.error_code, adopted_from = r.adopted_from
        FROM free r
        WHERE n.user_id = r.user_id AND n.job_id = r.job_id AND n.ord = r.ord
          AND NOT n.{DONE_SQL}
        RETURNING n.user_id, n.job_id
    ), changed AS (
        UPDATE jobs j SET version = j.version + s.results
        FROM (SELECT user_id, job_id, count(*) AS results FROM stored GROUP BY user_id, job_id) s
        WHERE j.user_id = s.user_id AND j.id = s.job_id
    )
    SELECT p.user_id, p.id, f.ord
    FROM present p LEFT JOIN free f ON f.user_id = p.user_id AND f.job_id = p.id
"""
    )
)
