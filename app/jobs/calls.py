"""The calls of one attempt: at most three for an insight, each under a confirmed lease."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.catalog.categories import InsightSpec
from app.catalog.content import (
    UNPROVEN,
    EvidenceMissing,
    InsightContent,
    NothingToSay,
    checked_evidence,
)
from app.crypto import ChatKey
from app.faults import Spot, reach
from app.generation.context import InsightContext
from app.generation.protocol import Draft, GenerationFailed, Generator
from app.jobs.adoption import adopted, find_finished
from app.jobs.attempt import (
    CALLS_MAX,
    Attempt,
    InsightOutcome,
    LeaseLost,
    Stop,
    call_backoff_s,
)
from app.jobs.call_guard import JobCallGuard
from app.jobs.job_writer import JobWriter
from app.jobs.leases import NONE_DONE
from app.jobs.models import InsightState
from app.jobs.results import InsightResult, insight_binding
from app.jobs.spending import Tally, count_adopted
from app.llm.limits import CallLimits

log = structlog.get_logger()

_DURATIONS = {
    state: telemetry.insight_duration.labels(state.value)
    for state in (InsightState.COMPLETED, InsightState.EMPTY, InsightState.FAILED)
}
_EVIDENCE_MISSING = "evidence_missing"


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a call made no draft, and what follows from it."""

    code: str
    wait_s: float = 0.0
    is_crash: bool = False
    is_final: bool = False
    gives_back: bool = False
    was_sent: bool = True

    def outlasts(self, attempt: Attempt) -> bool:
        """Whether the wait it asks for does not fit into the attempt."""
        return self.wait_s >= attempt.remaining_s

    def is_unproven(self, attempt: Attempt, tally: Tally) -> bool:
        """Whether the insight is given up as empty: each answer could be read, and none of its
        claims is borne out by a message. Only when others of the job were done before it: a model
        that cites nothing at all is at fault, and its job fails."""
        is_used_up = tally.calls >= CALLS_MAX and bool(attempt.claim.done)
        return self.code == _EVIDENCE_MISSING and not self.is_final and is_used_up

    def leaves_time(self, attempt: Attempt, tally: Tally) -> bool:
        """Whether another call follows in this attempt."""
        is_last = self.is_crash or self.is_final or self.gives_back
        return not is_last and tally.calls < CALLS_MAX and not self.outlasts(attempt)


class InsightCalls:
    """Asks the generator, checks the evidence, stores each result as it completes."""

    def __init__(
        self, generator: Generator, writer: JobWriter, limits: CallLimits | None = None
    ) -> None:
        self._generator = generator
        self._writer = writer
        self._limits = limits

    async def adopt(self, attempt: Attempt, key: ChatKey) -> frozenset[int]:
        """Ordinals of the insights taken over from an unsuccessful job. Raises LeaseLost."""
        if not attempt.claim.may_adopt:
            return NONE_DONE
        found = await find_finished(attempt.claim)
        results = [adopted(attempt.claim, key, finished) for finished in found]
        taken = [result for result in results if result is not None]
        tally = Tally(attempt.claim.category)  # Nothing is spent on what is taken over.
        await asyncio.gather(*(self._store(attempt, result, tally) for result in taken))
        adopted_ords = frozenset(result.ord for result in taken)
        count_adopted(sum(one.cost_microusd for one in found if one.ord in adopted_ords))
        return adopted_ords

    async def write(
        self, attempt: Attempt, key: ChatKey, spec: InsightSpec, context: InsightContext
    ) -> InsightOutcome:
        """The outcome of one insight, stored. Raises LeaseLost.

        When it ends otherwise, what it has spent is stored too while the lease is held.
        """
        tally = Tally(attempt.claim.category)
        guard = JobCallGuard(attempt, spec.ord, key, self._writer, self._limits)
        try:
            told = await self._try(guard, spec, context, tally)
            while isinstance(told, _Trouble) and told.leaves_time(attempt, tally):
                await asyncio.sleep(told.wait_s)
                told = await self._try(guard, spec, context, tally)
            return await self._keep(attempt, key, spec, told, tally)
        except LeaseLost:
            tally.is_fenced = True
            raise
        except asyncio.CancelledError:
            tally.is_fenced = attempt.stopped is Stop.LEASE_LOST
            if not tally.is_fenced:
                await self._book(attempt, spec, tally)
            raise
        finally:
            tally.close()

    async def _try(
        self, guard: JobCallGuard, spec: InsightSpec, context: InsightContext, tally: Tally
    ) -> "Draft | _Trouble":
        """One call: its draft, or what kept it from being one. Raises LeaseLost.

        Thousands wait here at a time, for a model: each level of calls costs memory.
        """
        await guard.confirm()
        tally.calls += 1
        attempt = guard.attempt
        try:
            await reach(Spot.CALL)
            draft = await self._generator.write(
                spec, context, language=attempt.claim.language, guard=guard
            )
            tally.spent = draft.spent
            if isinstance(draft.content, NothingToSay):
                return draft
            content = checked_evidence(draft.content, message_count=context.message_count)
            return draft if content is draft.content else replace(draft, content=content)
        except EvidenceMissing:
            return _Trouble(_EVIDENCE_MISSING)
        except GenerationFailed as failure:
            tally.spent = failure.spent
            return _Trouble(
                failure.code,
                wait_s=call_backoff_s(tally.calls, failure.retry_after_s),
                is_final=failure.is_final,
                gives_back=failure.gives_back,
                was_sent=failure.was_sent,
            )
        except LeaseLost:
            raise
        except Exception:
            log.exception("insight.crashed", job_id=str(attempt.claim.job_id), insight=spec.key)
            return _Trouble("internal", is_crash=True)

    async def _keep(
        self,
        attempt: Attempt,
        key: ChatKey,
        spec: InsightSpec,
        told: "Draft | _Trouble",
        tally: Tally,
    ) -> InsightOutcome:
        """Stores what the last call came to. Raises LeaseLost."""
        if isinstance(told, Draft):
            await self._store(attempt, _done(attempt, key, spec, told, tally), tally)
            return InsightOutcome(spec.ord)
        if told.is_unproven(attempt, tally):
            await self._store(attempt, _unproven(attempt, key, spec, tally), tally)
            return InsightOutcome(spec.ord)
        await self._store(attempt, _failed(attempt, spec, told, tally), tally)
        outlasts = told.gives_back or told.outlasts(attempt)
        return InsightOutcome(
            spec.ord,
            told.code,
            retry_after_s=told.wait_s if outlasts and not told.is_final else None,
            is_final=told.is_final,
        )

    async def _store(self, attempt: Attempt, result: InsightResult, tally: Tally) -> None:
        _DURATIONS[result.state].observe(result.duration_ms / 1000)
        tally.pending = result
        await self._submit(attempt, result, tally)

    async def _submit(self, attempt: Attempt, result: InsightResult, tally: Tally) -> None:
        try:
            await self._writer.store(attempt, result)
        except LeaseLost:
            tally.is_fenced = True
            raise
        tally.book(result)
        attempt.has_progressed |= result.state in (InsightState.COMPLETED, InsightState.EMPTY)

    async def _book(self, attempt: Attempt, spec: InsightSpec, tally: Tally) -> None:
        """Stores what a cancelled insight has spent, and its result if it had one."""
        result = tally.pending
        if result is None and tally.is_spent:
            result = _unfinished(attempt, spec, tally)
        # A failed result may be stored already, and would be added again; a completed one not.
        if result is None or result.state is InsightState.FAILED:
            return
        try:
            await self._submit(attempt, result, tally)
        except LeaseLost:
            return
        except Exception:
            log.exception("insight.spend_unstored", job_id=str(attempt.claim.job_id))


def _done(
    attempt: Attempt, key: ChatKey, spec: InsightSpec, draft: Draft, tally: Tally
) -> InsightResult:
    """Completed, or empty: then what it has cost is not charged."""
    is_empty = isinstance(draft.content, NothingToSay)
    return InsightResult(
        attempt.claim.held,
        spec.ord,
        InsightState.EMPTY if is_empty else InsightState.COMPLETED,
        attempts=tally.calls,
        duration_ms=tally.duration_ms,
        sealed=_sealed(attempt, key, spec, draft.content),
        model=draft.model,
        tokens_in=draft.tokens_in,
        tokens_cached=draft.tokens_cached,
        tokens_out=draft.tokens_out,
        cost_microusd=draft.cost_microusd,
        wasted_microusd=draft.cost_microusd if is_empty else draft.wasted_microusd,
        price=draft.price,
    )


def _unproven(attempt: Attempt, key: ChatKey, spec: InsightSpec, tally: Tally) -> InsightResult:
    return replace(
        _unfinished(attempt, spec, tally),
        state=InsightState.EMPTY,
        sealed=_sealed(attempt, key, spec, UNPROVEN),
    )


def _sealed(
    attempt: Attempt, key: ChatKey, spec: InsightSpec, content: InsightContent | NothingToSay
) -> bytes:
    claim = attempt.claim
    binding = insight_binding(claim.user_id, claim.job_id, spec.key, claim.prompt_version)
    return key.seal(content.model_dump_json().encode(), *binding)


def _failed(attempt: Attempt, spec: InsightSpec, trouble: _Trouble, tally: Tally) -> InsightResult:
    return replace(
        _unfinished(attempt, spec, tally),
        state=InsightState.FAILED,
        attempts=tally.calls if trouble.was_sent else tally.calls - 1,
        error_code=trouble.code,
    )


def _unfinished(attempt: Attempt, spec: InsightSpec, tally: Tally) -> InsightResult:
    """What was spent so far, for nothing; the insight waits for another attempt."""
    spent = tally.spent
    return InsightResult(
        attempt.claim.held,
        spec.ord,
        InsightState.QUEUED,
        attempts=tally.calls,
        duration_ms=tally.duration_ms,
        model=spent.model,
        tokens_in=spent.tokens_in,
        tokens_cached=spent.tokens_cached,
        tokens_out=spent.tokens_out,
        cost_microusd=spent.cost_microusd,
        wasted_microusd=spent.cost_microusd,
        price=spent.price,
    )
