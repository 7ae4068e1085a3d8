"""The tasks, and `app` for `celery -A benchmarks.sync_design.worker`.

orchestrate → context to Redis → chord of six insights → finalize. A chord's callback is sent by
the task that completes it and nobody waits for it, so one process is enough to finish a job.
Or all of it in one task, which is what one would rewrite first.
"""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from typing import Any
from uuid import UUID

from celery import Task, chord

from app.catalog.categories import InsightSpec
from app.catalog.content import InsightContent, checked_evidence
from app.generation.context import InsightContext
from app.generation.protocol import Draft
from app.jobs.models import INSIGHTS_PER_JOB, JobState
from benchmarks.sync_design.config import ASYNC_JOB, CLEANUP, ORCHESTRATE, WHOLE_JOB, make_app
from benchmarks.sync_design.context import load_context
from benchmarks.sync_design.database import connected
from benchmarks.sync_design.jobs import (
    Job,
    done_insights,
    read_job,
    start_job,
    store_failure,
    store_insight,
)
from benchmarks.sync_design.payment import (
    PAYMENT_RETRY_S,
    End,
    end_job,
    end_job_on,
    end_of,
    overdue_jobs,
    postpone_payment,
)
from benchmarks.sync_design.setup import model, setup

RETRIES_MAX = 2
RETRY_FIRST_S = 5
CALLERS_MAX = 6 * 512

app = make_app(setup().redis_url, setup().queue)


class RetriedTask(Task):
    """Runs again 5 s and then 10 s after an error, at most twice."""

    abstract = True
    autoretry_for = (Exception,)
    retry_kwargs = {"max_retries": RETRIES_MAX}  # noqa: RUF012 (Celery's way to configure)
    retry_backoff = RETRY_FIRST_S
    retry_jitter = False


class OrchestrateTask(RetriedTask):
    abstract = True

    def on_failure(
        self, exc: Exception, task_id: str, args: Any, kwargs: dict[str, Any], einfo: object
    ) -> None:
        """The coins come back when not even that worked."""
        user_id, job_id = args
        end_job(user_id, UUID(job_id), End(JobState.FAILED, "internal"))


class FinalizeTask(RetriedTask):
    abstract = True

    def on_failure(
        self, exc: Exception, task_id: str, args: Any, kwargs: dict[str, Any], einfo: object
    ) -> None:
        """The payment is tried again on its own, as long as it takes."""
        _, user_id, job_id = args
        postpone_payment(user_id, UUID(job_id))
        retry_payment.apply_async((user_id, job_id), countdown=PAYMENT_RETRY_S)


@app.task(name=ORCHESTRATE, base=OrchestrateTask)
def orchestrate_insights(user_id: str, job_id: str) -> None:
    """Starts the job and sends the six insights."""
    with connected() as connection:
        job = start_job(connection, user_id, UUID(job_id))
        if job is None:
            return
    header = [write_insight.s(user_id, job_id, spec.ord) for spec in job.category.insights]
    chord(header)(finalize_insights.s(user_id, job_id))


@app.task(name="write_insight", bind=True, max_retries=RETRIES_MAX)
def write_insight(self: Task, user_id: str, job_id: str, ord_: int) -> dict[str, Any]:
    """Writes one insight; `{"ord", "completed"}`, for the chord's callback.

    A failure is told, not raised: it would end the chord without its callback.
    """
    calls = self.request.retries + 1
    with connected() as connection:
        job = read_job(connection, user_id, UUID(job_id))
        if job is None:
            return {"ord": ord_, "completed": False}
        spec = job.category.insights[ord_ - 1]
        try:
            _write(connection, job, spec, calls)
        except Exception as error:
            if calls <= RETRIES_MAX:
                raise self.retry(exc=error, countdown=RETRY_FIRST_S * 2 ** (calls - 1)) from error
            connection.rollback()
            store_failure(connection, job, spec, calls=calls, error_code="internal")
            return {"ord": ord_, "completed": False}
    return {"ord": ord_, "completed": True}


def _write(connection: Any, job: Job, spec: InsightSpec, calls: int) -> None:
    started = time.monotonic()
    context = load_context(connection, job)
    draft = model().write(job.id, spec.key, context)
    _check(draft, context)
    ms = round((time.monotonic() - started) * 1000)
    store_insight(connection, job, spec, draft, calls=calls, ms=ms)


def _check(draft: Draft, context: InsightContext) -> None:
    if isinstance(draft.content, InsightContent):
        checked_evidence(draft.content, message_count=context.message_count)


@app.task(name="finalize_insights", base=FinalizeTask)
def finalize_insights(outcomes: list[dict[str, Any]], user_id: str, job_id: str) -> None:
    """Charges for what is written once all six are done, else releases the coins."""
    with connected() as connection:
        done = done_insights(connection, user_id, UUID(job_id))
        if not setup().bridge:
            end_job_on(connection, user_id, UUID(job_id), end_of(*done))
    if setup().bridge:
        end_job(user_id, UUID(job_id), end_of(*done))


@app.task(name=WHOLE_JOB, base=OrchestrateTask, ignore_result=True)
def write_all_insights(user_id: str, job_id: str) -> None:
    """The whole job: the context stays in memory, six threads wait, no connection is held then."""
    with connected() as connection:
        job = start_job(connection, user_id, UUID(job_id))
        if job is None:
            return
        context = load_context(connection, job)
    started = time.monotonic()
    submit, write = _callers().submit, model().write
    calls = {submit(write, job.id, spec.key, context): spec for spec in job.category.insights}
    for call in as_completed(calls):
        draft = call.result()
        _check(draft, context)
        ms = round((time.monotonic() - started) * 1000)
        with connected() as connection:
            store_insight(connection, job, calls[call], draft, calls=1, ms=ms)
    with connected() as connection:
        done = done_insights(connection, user_id, job.id)
        end_job_on(connection, user_id, job.id, end_of(*done))


@cache
def _callers() -> ThreadPoolExecutor:
    """The threads in which a process waits for the model: more than its tasks can ask for."""
    return ThreadPoolExecutor(CALLERS_MAX, thread_name_prefix="call")


@app.task(name=ASYNC_JOB, ignore_result=True)
async def write_all_insights_async(user_id: str, job_id: str) -> None:
    """The whole job as a coroutine, for the pool that can await one: the body of the ceiling."""
    await (await _async_body()).run_job((user_id, UUID(job_id)))


async def _async_body() -> Any:
    from benchmarks.bare.body import Body, BodySetup  # Of no use, and memory, in other pools.

    if not _opened:
        given = setup()
        plain = BodySetup(
            "plain", INSIGHTS_PER_JOB, given.database_url, given.master_key, given.load
        )
        _opened.append(await Body.open(plain))
    return _opened[0]


_opened: list[Any] = []


@app.task(name="retry_payment", bind=True, max_retries=None)
def retry_payment(self: Task, user_id: str, job_id: str) -> None:
    """Charges a job whose charge failed before."""
    try:
        with connected() as connection:
            done = done_insights(connection, user_id, UUID(job_id))
        end_job(user_id, UUID(job_id), end_of(*done))
    except Exception as error:
        raise self.retry(exc=error, countdown=PAYMENT_RETRY_S) from error


@app.task(name=CLEANUP)
def cleanup_expired_reservations() -> int:
    """Ends what is overdue; how many jobs it ended."""
    with connected() as connection:
        return sum(
            end_job_on(connection, row.user_id, row.id, End(JobState.EXPIRED, "expired"))
            for row in overdue_jobs(connection)
        )
