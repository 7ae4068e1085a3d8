"""What leaves the process for a model, written down word for word before it does.

It is sealed under the key of the chat, so it ends with the chat. The part that all calls of one
claim begin with is stored once. What stands here and was not sent after all is the call of a
worker that died in between; what was sent stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from app.crypto import ChatKey, Part
from app.faults import Step
from app.group_commit import Skipped
from app.jobs.attempt import Attempt
from app.jobs.leases import (
    HELD_OUTCOMES,
    HeldLease,
    Locking,
    each_locking,
    held_ctes,
    held_outcomes,
    write_held,
)
from app.llm.protocol import Message, Outgoing


@dataclass(frozen=True, slots=True)
class SentCall:
    """One call, sealed; with the first of a claim, the part that its calls share."""

    lease: HeldLease
    ord: int
    call: int
    sealed: bytes = field(repr=False)
    sealed_shared: bytes | None = field(default=None, repr=False)


class _Stored(BaseModel):
    """`shared_at` is the place of the message that begins with the shared part, left out here."""

    provider: str
    model: str
    shared_at: int | None
    messages: list[tuple[str, str]]


def sent_binding(lease: HeldLease, *, ord_: int, call: int) -> tuple[Part, ...]:
    """What the seal of a call, or of the shared part of a claim's calls, is bound to."""
    return ("sent", lease.user_id, lease.job_id, lease.fence, ord_, call)


def words_of(opened: bytes, shared: str) -> Outgoing:
    """The call that was sealed, whole again."""
    told = _Stored.model_validate_json(opened)
    return Outgoing(
        told.provider,
        told.model,
        tuple(
            Message(role, shared + content if at == told.shared_at else content)
            for at, (role, content) in enumerate(told.messages)
        ),
    )


async def store_sent(
    calls: Sequence[SentCall], *, locking: Locking = Locking.SKIP
) -> list[bool | Skipped]:
    """Stores each call whose lease is still held; False for a lost one. A repeat is harmless."""
    rows = await write_held(
        _STORE,
        {
            "user_ids": [one.lease.user_id for one in calls],
            "job_ids": [one.lease.job_id for one in calls],
            "fences": [one.lease.fence for one in calls],
            "ords": [one.ord for one in calls],
            "calls": [one.call for one in calls],
            "sealed": [one.sealed for one in calls],
            "shared": [one.sealed_shared for one in calls],
        },
        step=Step.NOTE_SENT,
        locking=locking,
    )
    return held_outcomes([one.lease for one in calls], rows)


def seal_call(
    attempt: Attempt, key: ChatKey, outgoing: Outgoing, shared: str, *, ord_: int, call: int
) -> SentCall:
    """The call as it is stored; the first of an attempt carries what all of its calls share.

    No await: that call must be the first in its batch too.
    """
    lease = attempt.claim.held
    is_first = attempt.noted_shared is None
    if is_first:
        attempt.noted_shared = shared
    shared_at = next(
        (at for at, one in enumerate(outgoing.messages) if one.content.startswith(shared)), None
    )
    if shared != attempt.noted_shared:
        shared_at = None
    told = _Stored(
        provider=outgoing.provider,
        model=outgoing.model,
        shared_at=shared_at,
        messages=[
            (one.role, one.content[len(shared) :] if at == shared_at else one.content)
            for at, one in enumerate(outgoing.messages)
        ],
    )
    return SentCall(
        lease,
        ord_,
        call,
        key.seal(told.model_dump_json().encode(), *sent_binding(lease, ord_=ord_, call=call)),
        key.seal(shared.encode(), *sent_binding(lease, ord_=0, call=0)) if is_first else None,
    )


# The lock makes the deletion of the chat come before, and then nothing is written, or after.
_STORE = each_locking(
    lambda locking: (
        f"""
    WITH told AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:job_ids AS uuid[]), CAST(:fences AS bigint[]),
            CAST(:ords AS smallint[]), CAST(:calls AS smallint[]), CAST(:sealed AS bytea[]),
            CAST(:shared AS bytea[])
        ) AS t (user_id, job_id, fence, ord, call, sealed, shared)
    ), asked AS (
        SELECT DISTINCT user_id, job_id AS id, fence FROM told
    ), {held_ctes(locking)}, stored AS (
        INSERT INTO sent_prompts (user_id, job_id, fence, ord, call, sealed)
        SELECT t.user_id, t.job_id, t.fence, part.ord, part.call, part.sealed
        FROM told t JOIN held h ON h.user_id = t.user_id AND h.id = t.job_id
        CROSS JOIN LATERAL (
            VALUES (t.ord, t.call, t.sealed), (0::smallint, 0::smallint, t.shared)
        ) AS part (ord, call, sealed)
        WHERE part.sealed IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    {HELD_OUTCOMES}
"""
    )
)
