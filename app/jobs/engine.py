"""Running jobs: claim, context, six calls at the same time, settle.

One engine a process. It holds every attempt in flight and keeps the leases alive; a job whose
lease is lost stops here, at any step.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from app import telemetry
from app.catalog.categories import CATEGORIES, Category
from app.crypto import ChatKey, KeyRing, SealBroken
from app.db import is_transient
from app.errors import Unavailable
from app.generation.protocol import Generator
from app.group_commit import SKIPPED
from app.jobs.attempt import Attempt, InsightOutcome, LeaseLost, Stop, attempt_backoff_s
from app.jobs.calls import InsightCalls
from app.jobs.claims import Claims
from app.jobs.job_writer import JobWriter
from app.jobs.leases import Claim, JobRef, LeaseTimes, Requeue, renew_leases
from app.jobs.models import ATTEMPTS_MAX, JobState
from app.jobs.notifications import Notifications
from app.jobs.prepared_chats import ChatGone, NotPrepared, PreparedParts, find_unprepared
from app.jobs.preparer import NoRoom, PreparationFailed, Preparer
from app.jobs.settle import Ending, Guard, postpone_payment
from app.jobs.spending import count_uncharged
from app.llm.limits import CallLimits
from app.redis import end_task
from app.supervision import supervised

UNKNOWN_VERSION_DELAY_S = 30.0
DRAIN_CLEANUP_S = 4.0

log = structlog.get_logger()


class UnknownPromptVersion(Exception):
    """The job was sold by another release of the catalog; a worker of that release takes it."""


class JobEngine:
    """The jobs in flight of one worker process."""

    def __init__(
        self,
        *,
        generator: Generator,
        preparer: Preparer,
        keyring: KeyRing,
        notifications: Notifications,
        times: LeaseTimes,
        heartbeat_s: float,
        limits: CallLimits | None = None,
    ) -> None:
        """`limits` are the provider's; None for a generator that asks none."""
        self._preparer = preparer
        self._keyring = keyring
        self._times = times
        self._heartbeat_s = heartbeat_s
        self._claims = Claims(times, notifications)
        self._parts = PreparedParts(generator.reads)
        self._writer = JobWriter(times, notifications)
        self._calls = InsightCalls(generator, self._writer, limits)
        self._attempts: dict[JobRef, Attempt] = {}
        self._running: dict[JobRef, asyncio.Task[None]] = {}
        self._draining = False
        self._heart: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the heartbeat, on the running loop."""
        self._heart = supervised("heartbeat", self._beat)

    async def run_job(self, user_id: str, job_id: UUID) -> None:
        """Runs the job if it is due; returns when this attempt has ended, however it did.

        A duplicate wake-up, a job of another worker and one that has ended are no errors.
        """
        job, task = (user_id, job_id), asyncio.current_task()
        if self._draining or job in self._running or task is None:
            return
        self._running[job] = task
        try:
            await self._run(job)
        except Unavailable:
            # Rescue finds the job when the database is back, and its lease, if it has one, over.
            log.warning("insight_job.database_away", job_id=str(job_id))
        except LeaseLost:
            log.warning("insight_job.lease_lost", job_id=str(job_id))
        except NoRoom:
            pass  # Rescue brings it again when there is room, here or elsewhere.
        finally:
            del self._running[job]

    async def prepare_chat(self, user_id: str, chat_id: UUID) -> None:
        """Prepares the chat before a job asks for it; if that fails, the job will tell."""
        with suppress(ChatGone, NoRoom, PreparationFailed, SealBroken, Unavailable):
            await self._preparer.prepare((user_id, chat_id))

    @property
    def has_room_to_prepare(self) -> bool:
        """Whether one more job may wait here for its chat to be prepared."""
        return self._preparer.has_room

    async def recheck(self, job_id: UUID) -> None:
        """The job may have been withdrawn: if it runs here and its lease is lost, it stops."""
        doubtful = [one for one in self._attempts.values() if one.claim.job_id == job_id]
        if doubtful:
            await self._renew(doubtful)

    async def drain(self) -> None:
        """Stops every attempt and returns its lease, so that another worker starts it at once.

        The attempts so stopped are not counted. Bounded by DRAIN_CLEANUP_S seconds.
        """
        self._draining = True
        for attempt in list(self._attempts.values()):
            attempt.stop(Stop.DRAIN)
        await self._preparer.close()
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=DRAIN_CLEANUP_S)
        if self._heart is not None:
            await end_task(self._heart)

    async def _run(self, job: JobRef) -> None:
        """Claims the job once its chat is prepared, and makes an attempt at it."""
        claim = await self._claims.claim(job)
        if claim is None and (chat_id := await find_unprepared(job)) is not None:
            try:
                await self._preparer.prepare((job[0], chat_id))
            except (PreparationFailed, SealBroken) as failure:
                # The attempt fails by it, and is counted.
                claim = await self._claims.claim_unprepared(job)
                if claim is not None:
                    await self._run_claimed(claim, failure)
                return
            except ChatGone:
                return
            claim = await self._claims.claim(job)
        if claim is not None:
            await self._run_claimed(claim)

    async def _run_claimed(self, claim: Claim, failure: Exception | None = None) -> None:
        attempt = Attempt.of(claim, self._times)
        self._attempts[attempt.ref] = attempt
        telemetry.jobs_running.set(len(self._attempts))
        attempt.task = asyncio.create_task(self._attempt_insights(attempt, failure))
        if self._draining:
            attempt.stop(Stop.DRAIN)
        try:
            await _end_of(attempt.task)
            await self._conclude(attempt, attempt.task)
        finally:
            attempt.task.cancel()
            self._attempts.pop(attempt.ref, None)
            telemetry.jobs_running.set(len(self._attempts))

    async def _attempt_insights(
        self, attempt: Attempt, failure: Exception | None
    ) -> list[InsightOutcome]:
        """The outcomes of the insights that were missing; empty when none was.

        Raises TimeoutError when the attempt's time is over, LeaseLost, ChatGone, SealBroken,
        NotPrepared or UnknownPromptVersion; and `failure`, which made it impossible beforehand.
        """
        claim = attempt.claim
        category = _category_of(claim)
        if len(claim.done) == len(category.insights):
            return []
        key = self._key_of(claim)
        async with asyncio.timeout(attempt.remaining_s):
            done = claim.done | await self._calls.adopt(attempt, key)
            missing = [spec for spec in category.insights if spec.ord not in done]
            if not missing:
                return []
            if failure is not None:
                raise failure
            # Another goes first in each attempt: one that is slow must not keep the others from it.
            turn = (claim.fence - 1) % len(missing)
            missing = missing[turn:] + missing[:turn]
            context = await self._parts.open_context(claim, key)
            calls = [
                asyncio.create_task(self._calls.write(attempt, key, spec, context))
                for spec in missing
            ]
            try:
                return list(await asyncio.gather(*calls))
            finally:
                await _end(calls)

    def _key_of(self, claim: Claim) -> ChatKey:
        if claim.key_id is None or claim.sealed_key is None:
            raise ChatGone
        return self._keyring.unwrap(claim.key_id, claim.sealed_key, claim.user_id, claim.chat_id)

    async def _conclude(self, attempt: Attempt, task: "asyncio.Task[list[InsightOutcome]]") -> None:
        """Settles, asks for another attempt, or gives the lease back. Raises LeaseLost."""
        if task.cancelled():
            if attempt.stopped is not Stop.DRAIN:
                raise LeaseLost
            await self._requeue(attempt, 0.0, give_back=True, error_code=None)
            return
        error = task.exception()
        match error:
            case None:
                await self._settle(attempt, task.result())
            case LeaseLost():
                raise error
            case TimeoutError():
                await self._retry_or_fail(
                    attempt, "attempt_timeout", give_back=attempt.has_progressed
                )
            case UnknownPromptVersion():
                await self._requeue(
                    attempt, UNKNOWN_VERSION_DELAY_S, give_back=True, error_code="prompt_version"
                )
            case NotPrepared():
                await self._requeue(attempt, 0.0, give_back=True, error_code=None)
            case ChatGone() | SealBroken():
                log.error("insight_job.unreadable", job_id=str(attempt.claim.job_id))
                await self._fail(attempt, "chat_unreadable")
            case _ if is_transient(error):
                await self._requeue(attempt, 1.0, give_back=True, error_code="database_away")
            case _:
                log.error("insight_job.crashed", job_id=str(attempt.claim.job_id), exc_info=error)
                await self._retry_or_fail(attempt, "internal")

    async def _settle(self, attempt: Attempt, outcomes: list[InsightOutcome]) -> None:
        failed = [outcome for outcome in outcomes if outcome.error_code is not None]
        if not failed:
            await self._charge(attempt)
            return
        final = next((one.error_code for one in failed if one.is_final), None)
        waits = [one.retry_after_s for one in failed if one.retry_after_s is not None]
        if final is not None:
            await self._fail(attempt, final)
        elif waits:
            await self._requeue(attempt, max(waits), give_back=True, error_code="provider_busy")
        else:
            await self._retry_or_fail(attempt, failed[0].error_code or "internal")

    async def _charge(self, attempt: Attempt) -> None:
        """Captures the coins of what is completed; what the database refuses is postponed, not
        lost. Should all six be empty, they all come back."""
        claim = attempt.claim
        ending = Ending(claim.user_id, claim.job_id, Guard.FENCE, None, fence=claim.fence)
        try:
            state = await self._writer.settle(attempt, ending)
        except LeaseLost:
            raise
        except Exception:
            log.exception("insight_job.charge_refused", job_id=str(claim.job_id))
            await postpone_payment(
                claim.user_id, claim.job_id, error_code="charge_refused", fence=claim.fence
            )
            return
        _log_ended(attempt, state)
        await count_uncharged(claim.user_id, claim.job_id, state)

    async def _retry_or_fail(
        self, attempt: Attempt, error_code: str, *, give_back: bool = False
    ) -> None:
        """An attempt to `give_back` is not counted: a slow model has written an insight in each,
        so that there are six of them at most."""
        if give_back or attempt.claim.attempt < ATTEMPTS_MAX:
            delay_s = attempt_backoff_s(attempt.claim.attempt)
            await self._requeue(attempt, delay_s, give_back=give_back, error_code=error_code)
        else:
            await self._fail(attempt, error_code)

    async def _fail(self, attempt: Attempt, error_code: str) -> None:
        """The coins come back; unless all six are done, then it is charged all the same."""
        claim = attempt.claim
        ending = Ending(
            claim.user_id,
            claim.job_id,
            Guard.FENCE,
            JobState.FAILED,
            fence=claim.fence,
            error_code=error_code,
        )
        state = await self._writer.settle(attempt, ending)
        _log_ended(attempt, state)
        await count_uncharged(claim.user_id, claim.job_id, state)

    async def _requeue(
        self, attempt: Attempt, delay_s: float, *, give_back: bool, error_code: str | None
    ) -> None:
        requeue = Requeue(attempt.claim.held, delay_s, give_back, error_code)
        await self._writer.requeue(attempt, requeue)
        log.info(
            "insight_job.requeued",
            job_id=str(attempt.claim.job_id),
            attempt=attempt.claim.attempt,
            given_back=give_back,
            delay_s=round(delay_s, 1),
            error_code=error_code,
        )

    async def _beat(self) -> None:
        """Renews all leases of the process in one statement, every `heartbeat_s`."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            attempts = list(self._attempts.values())
            if attempts:
                await self._renew(attempts)

    async def _renew(self, attempts: list[Attempt]) -> None:
        sent_at = time.monotonic()
        try:
            renewed = await renew_leases([one.claim.held for one in attempts], self._times)
        except Exception as error:
            if not is_transient(error):
                log.exception("heartbeat.failed")
            _stop_expired(attempts)
            return
        for attempt, outcome in zip(attempts, renewed, strict=True):
            if outcome is SKIPPED:  # Its row is locked just now; the next beat comes early enough.
                _stop_expired([attempt])
            elif outcome:
                attempt.confirm(sent_at=sent_at, lease_s=self._times.lease_s)
            else:
                attempt.stop(Stop.LEASE_LOST)


def _end_of(task: asyncio.Task[Any]) -> asyncio.Future[None]:
    """Done when `task` is, with a result or not; a waiter may be cancelled without the task.

    `asyncio.wait` does the same with three times the memory for each job in flight.
    """
    end: asyncio.Future[None] = task.get_loop().create_future()
    task.add_done_callback(lambda _: None if end.done() else end.set_result(None))
    return end


async def _end(calls: list[asyncio.Task[InsightOutcome]]) -> None:
    """Ends the calls under way and waits for them: each stores what it has spent.

    A gather that was cancelled has cancelled them, and ends with the first of them; to be
    cancelled again would cut short the storing of the others.
    """
    under_way = [call for call in calls if not call.done()]
    for call in under_way:
        if not call.cancelling():
            call.cancel()
    if under_way:
        await asyncio.wait(under_way)


def _category_of(claim: Claim) -> Category:
    category = CATEGORIES.get(claim.category)
    if category is None or category.prompt_version != claim.prompt_version:
        raise UnknownPromptVersion
    return category


def _stop_expired(attempts: list[Attempt]) -> None:
    """Leases that ran out while the database was away may be another worker's by now."""
    for attempt in attempts:
        if attempt.is_lease_over:
            attempt.stop(Stop.LEASE_LOST)


def _log_ended(attempt: Attempt, state: JobState | None) -> None:
    telemetry.jobs_settled.labels(state or "elsewhere").inc()
    log.info(
        "insight_job.settled",
        job_id=str(attempt.claim.job_id),
        outcome=state or "elsewhere",
        attempt=attempt.claim.attempt,
        duration_ms=round((time.monotonic() - attempt.claim.sent_at) * 1000),
    )
