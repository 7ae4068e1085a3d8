"""The calls of one attempt: at most three for an insight, each under a confirmed lease."""

import asyncio
import time
from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.crypto import ChatKey
from app.faults import Spot, reach
from app.insights.adoption import adopted, find_finished
from app.insights.attempt import (
    CALLS_MAX,
    GRANT_FRESH_S,
    Attempt,
    InsightOutcome,
    LeaseLost,
    call_backoff_s,
)
from app.insights.catalog import InsightSpec
from app.insights.claim import LeaseTimes
from app.insights.content import EvidenceMissing, checked_evidence
from app.insights.context import InsightContext
from app.insights.generator import (
    NOTHING_SPENT,
    Draft,
    GenerationFailed,
    Generator,
    Spent,
    Turn,
    TurnTaking,
)
from app.insights.models import InsightState
from app.insights.results import InsightResult, insight_place
from app.insights.writer import JobWriter

log = structlog.get_logger()

_DURATIONS = {
    state: telemetry.insight_duration.labels(state.value)
    for state in (InsightState.COMPLETED, InsightState.FAILED)
}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a call made no draft, and what follows from it."""

    code: str
    wait_s: float = 0.0
    is_crash: bool = False
    is_final: bool = False
    gives_back: bool = False
    spent: Spent = NOTHING_SPENT

    @property
    def is_last(self) -> bool:
        """Whether no other call follows in this attempt."""
        return self.is_crash or self.is_final or self.gives_back


class InsightCalls:
    """Asks the generator, checks the evidence, stores each result as it completes."""

    def __init__(
        self, generator: Generator | TurnTaking, writer: JobWriter, times: LeaseTimes
    ) -> None:
        self._generator = generator
        self._writer = writer
        self._times = times

    async def adopt(self, attempt: Attempt, key: ChatKey) -> frozenset[int]:
        """Ordinals of the insights taken over from an unsuccessful job. Raises LeaseLost."""
        if not attempt.claim.may_adopt:
            return frozenset()
        found = await find_finished(attempt.claim)
        results = [adopted(attempt.claim, key, finished) for finished in found]
        taken = [result for result in results if result is not None]
        await asyncio.gather(*(self._store(attempt, result) for result in taken))
        return frozenset(result.ord for result in taken)

    async def write(
        self, attempt: Attempt, key: ChatKey, spec: InsightSpec, context: InsightContext
    ) -> InsightOutcome:
        """The outcome of one insight, stored. Raises LeaseLost."""
        writer = self._begin(attempt)
        started, call, trouble = time.monotonic(), 0, _Trouble("")
        while call < CALLS_MAX:
            call += 1
            await self._confirm_lease(attempt)
            told = await self._try(attempt, spec, context, writer, call)
            if isinstance(told, Draft):
                await self._store(attempt, _completed(attempt, key, spec, told, call, started))
                return InsightOutcome(spec.ord)
            trouble = told
            if trouble.is_last or trouble.wait_s >= attempt.remaining_s:
                break
            if call < CALLS_MAX:
                await asyncio.sleep(trouble.wait_s)
        await self._store(attempt, _failed(attempt, spec, trouble, call, started))
        outlasts = trouble.gives_back or trouble.wait_s >= attempt.remaining_s
        return InsightOutcome(
            spec.ord,
            trouble.code,
            retry_after_s=trouble.wait_s if outlasts and not trouble.is_final else None,
            is_final=trouble.is_final,
        )

    def _begin(self, attempt: Attempt) -> Generator:
        """What writes one insight of this attempt."""
        if not isinstance(self._generator, TurnTaking):
            return self._generator

        async def confirm() -> None:
            await self._confirm_lease(attempt)
            if attempt.is_lease_over:
                raise LeaseLost

        return self._generator.begin(Turn(attempt.claim.user_id, attempt.claim.job_id, confirm))

    async def _try(
        self,
        attempt: Attempt,
        spec: InsightSpec,
        context: InsightContext,
        writer: Generator,
        call: int,
    ) -> "Draft | _Trouble":
        """The draft of call number `call`, or what kept it from being one. Raises LeaseLost."""
        try:
            return await self._call(attempt, spec, context, writer)
        except EvidenceMissing:
            return _Trouble("evidence_missing")
        except GenerationFailed as failure:
            return _Trouble(
                failure.code,
                wait_s=call_backoff_s(call, failure.retry_after_s),
                is_final=failure.is_final,
                gives_back=failure.gives_back,
                spent=failure.spent,
            )
        except LeaseLost:
            raise
        except Exception:
            log.exception("insight.crashed", job_id=str(attempt.claim.job_id), insight=spec.key)
            return _Trouble("internal", is_crash=True)

    async def _call(
        self, attempt: Attempt, spec: InsightSpec, context: InsightContext, writer: Generator
    ) -> Draft:
        """One call. Raises EvidenceMissing when its answer rests on no existing message."""
        await reach(Spot.CALL)
        if attempt.is_lease_over:
            raise LeaseLost
        draft = await writer.write(spec, context, language=attempt.claim.language)
        content = checked_evidence(draft.content, message_count=context.message_count)
        return replace(draft, content=content)

    async def _confirm_lease(self, attempt: Attempt) -> None:
        """The lease is this attempt's just now, by the database's word. Raises LeaseLost."""
        async with attempt.confirming:
            if time.monotonic() - attempt.confirmed_at < GRANT_FRESH_S:
                return
            sent_at = time.monotonic()
            writer = self._writer
            if not await writer.insist(attempt, writer.renewals, attempt.claim.held):
                raise LeaseLost
            attempt.confirm(sent_at=sent_at, lease_s=self._times.lease_s)

    async def _store(self, attempt: Attempt, result: InsightResult) -> None:
        _DURATIONS[result.state].observe(result.duration_ms / 1000)
        if not await self._writer.insist(attempt, self._writer.results, result):
            raise LeaseLost


def _completed(
    attempt: Attempt,
    key: ChatKey,
    spec: InsightSpec,
    draft: Draft,
    calls: int,
    started: float,
) -> InsightResult:
    claim = attempt.claim
    place = insight_place(claim.user_id, claim.job_id, spec.key, claim.prompt_version)
    return InsightResult(
        claim.held,
        spec.ord,
        InsightState.COMPLETED,
        attempts=calls,
        duration_ms=_since_ms(started),
        sealed=key.seal(draft.content.model_dump_json().encode(), *place),
        model=draft.model,
        tokens_in=draft.tokens_in,
        tokens_out=draft.tokens_out,
        cost_microusd=draft.cost_microusd,
    )


def _failed(
    attempt: Attempt, spec: InsightSpec, trouble: _Trouble, calls: int, started: float
) -> InsightResult:
    return InsightResult(
        attempt.claim.held,
        spec.ord,
        InsightState.FAILED,
        attempts=calls - trouble.gives_back,  # Nothing was sent the last time.
        duration_ms=_since_ms(started),
        tokens_in=trouble.spent.tokens_in,
        tokens_out=trouble.spent.tokens_out,
        cost_microusd=trouble.spent.cost_microusd,
        error_code=trouble.code,
    )


def _since_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
