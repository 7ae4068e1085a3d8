"""What is promised of every step under every fault: the data of the matrix and of its table."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from app.faults import Spot, Step
from tests.faults.scenarios import SCENARIOS, Caller


class Fault(StrEnum):
    """How a step is disturbed; the value heads its column."""

    RAISE = "raises before COMMIT"
    RAISE_AFTER = "raises after COMMIT"
    KILL_BEGIN = "kill -9 at BEGIN"
    KILL = "kill -9 before COMMIT"
    KILL_AFTER = "kill -9 after COMMIT"
    HANG = "hangs, holding its locks"
    CUT = "cut, COMMIT lost"
    CUT_AFTER = "cut, reply to COMMIT lost"
    DEADLOCK = "40P01"
    SERIALIZATION = "40001"
    LOCK_TIMEOUT = "55P03"
    READ_ONLY = "25006"
    DISK_FULL = "53100"
    FULL = "cut, then 53300"
    CUT_SHORT = "57014"
    AWAY = "database away"


AT_SPOTS = (Fault.RAISE, Fault.KILL, Fault.HANG)
"""What can happen where there is no transaction."""


class Reply(Enum):
    DONE = "done"
    UNAVAILABLE = "503"
    ERROR = "error"
    GIVEN_UP = "given up"
    KILLED = "killed"


@dataclass(frozen=True)
class _Promise:
    words: str
    left: str
    """`before`, `after`, `done` or `end` of the scenario, or the very state that is seen."""
    reply: Reply | None = None
    """What the client is told; None where nobody is: a log line says it."""


class Outcome(Enum):
    """What is seen right after the fault, before anything heals."""

    ONCE = _Promise("retried, applied once", "done", Reply.DONE)
    REFUSED = _Promise("503, nothing changed", "before", Reply.UNAVAILABLE)
    FAILED = _Promise("error, nothing changed", "before", Reply.ERROR)
    FAILED_APPLIED = _Promise("error, yet applied; a repeat finds it", "after", Reply.ERROR)
    GIVEN_UP = _Promise("client gives up, nothing changed", "before", Reply.GIVEN_UP)
    GIVEN_UP_APPLIED = _Promise("client gives up, yet applied", "after", Reply.GIVEN_UP)
    KILLED = _Promise("nothing changed", "before", Reply.KILLED)
    KILLED_APPLIED = _Promise("applied", "after", Reply.KILLED)
    LEFT = _Promise("nothing changed; rescue starts it", "before")
    HELD = _Promise("its lease ends, then another attempt", "running")
    ANOTHER = _Promise("another attempt", "queued")
    QUEUED = _Promise("logged, yet queued again", "queued")
    POSTPONED = _Promise("settling; charged later", "settling")
    FROZEN = _Promise("another finishes; it writes nothing", "end")
    NEXT = _Promise("nothing changed; the next sweep does it", "before")
    NOTED = _Promise("applied; the sweep ends early", "after")


def expected(step: Step | Spot, fault: Fault) -> Outcome:
    """What is promised of `step` under `fault`."""
    special = _SPECIAL.get(step, {})
    if fault in special:
        return special[fault]
    return _USUAL[SCENARIOS[step].caller][fault]


def faults_of(step: Step | Spot) -> tuple[Fault, ...]:
    """The faults that can happen to `step`."""
    return tuple(Fault) if isinstance(step, Step) else AT_SPOTS


_RETRIED = dict.fromkeys(
    (
        Fault.CUT,
        Fault.CUT_AFTER,
        Fault.DEADLOCK,
        Fault.SERIALIZATION,
        Fault.LOCK_TIMEOUT,
        Fault.READ_ONLY,
        Fault.DISK_FULL,
        Fault.FULL,
    ),
    Outcome.ONCE,
)

_KILLED = {
    Fault.KILL_BEGIN: Outcome.KILLED,
    Fault.KILL: Outcome.KILLED,
    Fault.KILL_AFTER: Outcome.KILLED_APPLIED,
}

_USUAL: dict[Caller, dict[Fault, Outcome]] = {
    Caller.CLIENT: _RETRIED
    | _KILLED
    | {
        Fault.RAISE: Outcome.FAILED,
        Fault.RAISE_AFTER: Outcome.FAILED_APPLIED,
        Fault.HANG: Outcome.GIVEN_UP,
        Fault.CUT_SHORT: Outcome.REFUSED,
        Fault.AWAY: Outcome.REFUSED,
    },
    Caller.WORKER: _RETRIED
    | _KILLED
    | {
        Fault.RAISE: Outcome.ANOTHER,
        Fault.RAISE_AFTER: Outcome.ANOTHER,
        Fault.HANG: Outcome.FROZEN,
        Fault.CUT_SHORT: Outcome.ONCE,
        Fault.AWAY: Outcome.ONCE,
    },
    Caller.SWEEP: _RETRIED
    | _KILLED
    | {
        Fault.RAISE: Outcome.NEXT,
        Fault.RAISE_AFTER: Outcome.NOTED,
        Fault.HANG: Outcome.FROZEN,
        Fault.CUT_SHORT: Outcome.NEXT,
        Fault.AWAY: Outcome.NEXT,
    },
}

_SPECIAL: dict[Step | Spot, dict[Fault, Outcome]] = {
    # The wake-up comes after the commit: whatever happens to it, the job is there.
    Spot.WAKE: {Fault.RAISE: Outcome.FAILED_APPLIED, Fault.HANG: Outcome.GIVEN_UP_APPLIED},
    # The attempt's time runs out.
    Spot.CONTEXT: {Fault.HANG: Outcome.ANOTHER},
    Spot.CALL: {Fault.HANG: Outcome.ANOTHER},
    # The job has no lease yet.
    Step.PREPARE: {
        Fault.RAISE: Outcome.LEFT,
        Fault.RAISE_AFTER: Outcome.LEFT,
        Fault.CUT_SHORT: Outcome.LEFT,
        Fault.AWAY: Outcome.LEFT,
    },
    Step.STORE_PREPARED: {Fault.CUT_SHORT: Outcome.LEFT, Fault.AWAY: Outcome.LEFT},
    Step.CLAIM: {
        Fault.RAISE: Outcome.LEFT,
        Fault.RAISE_AFTER: Outcome.HELD,
        Fault.CUT_SHORT: Outcome.LEFT,
        Fault.AWAY: Outcome.LEFT,
    },
    # The next beat comes long before the lease ends.
    Step.RENEW: {Fault.RAISE: Outcome.ONCE, Fault.RAISE_AFTER: Outcome.ONCE},
    # One that is refused is stored one at a time; a repeat changes nothing.
    Step.NOTE_SENT: {Fault.RAISE: Outcome.ONCE, Fault.RAISE_AFTER: Outcome.ONCE},
    Step.STORE: {Fault.RAISE: Outcome.ONCE, Fault.RAISE_AFTER: Outcome.ONCE},
    Step.SETTLE: {Fault.RAISE: Outcome.POSTPONED, Fault.RAISE_AFTER: Outcome.ONCE},
    Step.REQUEUE: {Fault.RAISE: Outcome.HELD, Fault.RAISE_AFTER: Outcome.QUEUED},
    Step.POSTPONE: {
        Fault.RAISE: Outcome.HELD,
        Fault.RAISE_AFTER: Outcome.POSTPONED,
        Fault.CUT_SHORT: Outcome.HELD,
        Fault.AWAY: Outcome.HELD,
    },
}
