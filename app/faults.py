"""Named points at which a test makes the engine fail; in production each is one comparison.

`hook` is None, always, outside of tests: nothing in the product sets it, no setting and no
variable of the environment does. Every transaction has three points, reached by `app.db`:
`<step>.begin` before its first statement, `<step>.before_commit`, and `<step>.after_commit`. A
statement that commits itself is sent after the second.
A test that sets `hook` may raise, wait, or end the process there. docs/faults.md shows what
comes of it, for every step.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """What a transaction is for. Every transaction of the product is one of these."""

    OPEN_ACCOUNT = "open_account"
    GRANT = "grant"
    ADJUST = "adjust"
    REFUND = "refund"
    SIGN_OUT = "sign_out"
    ISSUE_CODE = "issue_code"
    SIGN_IN = "sign_in"
    STORE_CHAT = "store_chat"
    UNLOCK = "unlock"
    PREPARE = "prepare"
    STORE_PREPARED = "store_prepared"
    CLAIM = "claim"
    RENEW = "renew"
    NOTE_SENT = "note_sent"
    STORE = "store"
    REQUEUE = "requeue"
    SETTLE = "settle"
    POSTPONE = "postpone"
    CLEANUP = "cleanup"
    RETRY_PAYMENT = "retry_payment"
    PUT_OFF = "put_off"
    ABANDON = "abandon"
    NOTE_SWEEP = "note_sweep"
    TAKE_SWEEP = "take_sweep"
    CANCEL = "cancel"
    FEEDBACK = "feedback"
    DELETE_CHAT = "delete_chat"
    START_NOW = "start_now"
    RELEASE = "release"
    ARCHIVE = "archive"
    ERASE_KEYS = "erase_keys"
    REWRAP = "rewrap"
    DELETE_USER = "delete_user"


class Moment(StrEnum):
    """Where inside its transaction a step is."""

    BEGIN = "begin"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"


class Spot(StrEnum):
    """Points outside of any transaction."""

    WAKE = "wake"
    CONTEXT = "context"
    CALL = "call"


POINTS = frozenset(
    [f"{step}.{moment}" for step in Step for moment in Moment] + [str(spot) for spot in Spot]
)

Hook = Callable[[str, Any], Awaitable[None]]
"""Gets the point, and the connection of its transaction (None outside of one)."""

hook: Hook | None = None


async def reach(spot: Spot) -> None:
    """The engine is at `spot`."""
    if hook is not None:
        await hook(spot, None)
