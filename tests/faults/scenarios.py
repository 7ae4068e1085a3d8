"""The steps of the engine, each with a way to bring it about and a way to see its effect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from app.faults import Spot, Step
from app.jobs.sweeps import SWEEPS
from tests.faults import actions as do
from tests.faults.actions import Act


class Caller(Enum):
    """Who carries a step out, and so who notices when it fails."""

    CLIENT = "client"
    """Repeats its request until it is answered."""
    WORKER = "worker"
    SWEEP = "sweep"


@dataclass(frozen=True)
class Scenario:
    """A step: `act` brings it about, `look` names the state before and after it."""

    what: str
    caller: Caller
    act: Act
    look: Act
    before: str
    after: str
    end: str
    """What `look` sees when everything has come to its end."""
    arrange: tuple[Act, ...] = ()
    effects: Mapping[str, int] = field(default_factory=dict)
    """The entries that stand in the ledger then, each exactly as often."""
    runs_on: bool = False
    """Whether an undisturbed `act` goes on to the end, past this step."""

    @property
    def done(self) -> str:
        """What `look` sees after an undisturbed `act`."""
        return self.end if self.runs_on else self.after


SOLD = {"reserve": 1, "capture": 1, "release": 1}
"""Four insights are charged; for the two that are empty a third of the price comes back."""
GIVEN_BACK = {"reserve": 1, "release": 1}
CLIENT, WORKER, SWEEP = Caller.CLIENT, Caller.WORKER, Caller.SWEEP
UNPREPARED = (do.with_new_chat, do.with_account, do.with_job)
JOB = (do.with_chat, do.with_account, do.with_job)
SETTLING = (*JOB, do.captures_refused, do.run_job, do.payment_due)

SCENARIOS: Mapping[Step | Spot, Scenario] = {
    Step.OPEN_ACCOUNT: Scenario(
        "a first visit", CLIENT, do.with_account, do.account, "no account", "account", "account"
    ),
    Step.GRANT: Scenario(
        "a grant",
        CLIENT,
        do.grant,
        do.entry("grant"),
        "no grant",
        "grant",
        "grant",
        (do.with_account,),
        {"grant": 1},
    ),
    Step.ADJUST: Scenario(
        "an adjustment",
        CLIENT,
        do.adjust,
        do.entry("adjust"),
        "no adjust",
        "adjust",
        "adjust",
        (do.with_account,),
        {"adjust": 1},
    ),
    Step.SIGN_OUT: Scenario(
        "a sign-out",
        CLIENT,
        do.end_sessions,
        do.sessions,
        "signed in",
        "signed out",
        "signed out",
        (do.with_account,),
    ),
    Step.ISSUE_CODE: Scenario(
        "a code to sign in", CLIENT, do.issue_code, do.code, "no code", "code", "code"
    ),
    Step.SIGN_IN: Scenario(
        "a sign-in",
        CLIENT,
        do.sign_in,
        do.code,
        "code",
        "used code",
        "used code",
        (do.with_code,),
    ),
    Step.STORE_CHAT: Scenario("an upload", CLIENT, do.upload, do.chat, "no chat", "chat", "chat"),
    Step.UNLOCK: Scenario(
        "an unlock",
        CLIENT,
        do.unlock,
        do.job_state,
        "no job",
        "queued",
        "succeeded",
        (do.with_chat, do.with_account),
        SOLD,
    ),
    Spot.WAKE: Scenario(
        "a wake-up",
        CLIENT,
        do.unlock,
        do.job_state,
        "queued",
        "queued",
        "succeeded",
        (do.with_chat, do.with_account),
        SOLD,
    ),
    Step.PREPARE: Scenario(
        "taking a chat to prepare it",
        WORKER,
        do.run_job,
        do.job_state,
        "queued",
        "queued",
        "succeeded",
        UNPREPARED,
        SOLD,
        runs_on=True,
    ),
    Step.STORE_PREPARED: Scenario(
        "storing what was prepared",
        WORKER,
        do.run_job,
        do.job_state,
        "queued",
        "queued",
        "succeeded",
        UNPREPARED,
        SOLD,
        runs_on=True,
    ),
    Step.CLAIM: Scenario(
        "a claim",
        WORKER,
        do.run_job,
        do.job_state,
        "queued",
        "running",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Spot.CONTEXT: Scenario(
        "opening the context",
        WORKER,
        do.run_job,
        do.job_state,
        "running",
        "running",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Spot.CALL: Scenario(
        "a call of the model",
        WORKER,
        do.run_job,
        do.job_state,
        "running",
        "running",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Step.RENEW: Scenario(
        "the heartbeat",
        WORKER,
        do.renew,
        do.job_state,
        "running",
        "running",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Step.NOTE_SENT: Scenario(
        "writing down what is sent",
        WORKER,
        do.ask_model,
        do.noted,
        "running",
        "some noted",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Step.STORE: Scenario(
        "storing a result",
        WORKER,
        do.run_job,
        do.stored,
        "running",
        "some stored",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Step.REQUEUE: Scenario(
        "asking for another attempt",
        WORKER,
        do.requeue,
        do.job_state,
        "running",
        "queued",
        "succeeded",
        JOB,
        SOLD,
    ),
    Step.SETTLE: Scenario(
        "settling",
        WORKER,
        do.run_job,
        do.job_state,
        "running",
        "succeeded",
        "succeeded",
        JOB,
        SOLD,
        runs_on=True,
    ),
    Step.POSTPONE: Scenario(
        "putting a refused charge aside",
        WORKER,
        do.run_job,
        do.job_state,
        "running",
        "settling",
        "succeeded",
        (*JOB, do.captures_refused),
        SOLD,
    ),
    Step.CLEANUP: Scenario(
        "cleanup of an overdue job",
        SWEEP,
        do.cleanup,
        do.job_state,
        "queued",
        "expired",
        "expired",
        (*JOB, do.overdue),
        GIVEN_BACK,
    ),
    Step.RETRY_PAYMENT: Scenario(
        "charging again",
        SWEEP,
        do.charge_again,
        do.job_state,
        "settling",
        "succeeded",
        "succeeded",
        (*SETTLING, do.captures_allowed),
        SOLD,
    ),
    Step.PUT_OFF: Scenario(
        "a charge refused again",
        SWEEP,
        do.charge_again,
        do.due,
        "due",
        "waiting",
        "succeeded",
        SETTLING,
        SOLD,
    ),
    Step.ABANDON: Scenario(
        "ending a job that lost its last worker",
        SWEEP,
        do.end_abandoned,
        do.job_state,
        "running",
        "failed",
        "failed",
        (*JOB, do.with_lost_lease),
        GIVEN_BACK,
    ),
    Step.NOTE_SWEEP: Scenario(
        "noting that a sweep ran",
        SWEEP,
        do.cleanup,
        do.swept("cleanup_expired_reservations"),
        "not noted",
        "noted",
        "noted",
        (do.sweeps_forgotten,),
    ),
    Step.TAKE_SWEEP: Scenario(
        "taking an overdue sweep over",
        SWEEP,
        do.take_sweeps,
        do.swept(next(iter(SWEEPS))),
        "not noted",
        "noted",
        "noted",
        (do.sweeps_forgotten,),
    ),
    Step.CANCEL: Scenario(
        "cancelling",
        CLIENT,
        do.cancel,
        do.job_state,
        "queued",
        "cancelled",
        "cancelled",
        JOB,
        GIVEN_BACK,
    ),
    Step.DELETE_CHAT: Scenario(
        "deleting a chat", CLIENT, do.delete, do.chat, "chat", "no chat", "no chat", JOB, GIVEN_BACK
    ),
    Step.REFUND: Scenario(
        "a refund",
        CLIENT,
        do.refund,
        do.entry("refund"),
        "no refund",
        "refund",
        "refund",
        (*JOB, do.run_job),
        {**SOLD, "refund": 1},
    ),
    Step.FEEDBACK: Scenario(
        "a verdict on a finding",
        CLIENT,
        do.judge,
        do.verdict,
        "no verdict",
        "verdict",
        "verdict",
        (*JOB, do.run_job),
        SOLD,
    ),
    Step.START_NOW: Scenario(
        "an operator starts a job now",
        CLIENT,
        do.start_now,
        do.due,
        "waiting",
        "due",
        "succeeded",
        (*JOB, do.requeue),
        SOLD,
    ),
    Step.RELEASE: Scenario(
        "an operator gives coins back",
        CLIENT,
        do.release,
        do.job_state,
        "settling",
        "failed",
        "failed",
        SETTLING,
        GIVEN_BACK,
    ),
    Step.ERASE_KEYS: Scenario(
        "erasing a deleted key",
        CLIENT,
        do.erase,
        do.erasures,
        "to erase",
        "erased",
        "erased",
        (do.with_chat, do.delete),
    ),
    Step.REWRAP: Scenario(
        "moving keys to a new master key",
        CLIENT,
        do.rewrap,
        do.key_ids,
        "old key",
        "new key",
        "new key",
        (do.with_chat,),
    ),
    Step.DELETE_USER: Scenario(
        "deleting a user",
        CLIENT,
        do.delete_all,
        do.pseudonym,
        "no pseudonym",
        "pseudonym",
        "pseudonym",
        JOB,
    ),
    Step.ARCHIVE: Scenario(
        "archiving a chat's jobs",
        CLIENT,
        do.archive,
        do.table,
        "hot table",
        "archive",
        "archive",
        (*JOB, do.run_job, do.long_ended),
        SOLD,
    ),
}
