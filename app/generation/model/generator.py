"""Insights written by a language model: briefed once a chat, asked once an insight.

What leaves the process is redacted; what comes back is checked against what was shown, and
turned back into the words of the chat before it is stored.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from app import telemetry
from app.catalog.categories import InsightSpec
from app.catalog.content import InsightContent, NothingToSay
from app.generation.context import InsightContext, Part
from app.generation.model.answer import NO_EVIDENCE, InsightAnswer, content_of
from app.generation.model.briefing import SHARED_CHARS_MAX, Briefing, brief
from app.generation.model.rejected import RejectedProvider
from app.generation.model.rounds import Round, Rounds
from app.generation.protocol import CallGuard, Draft, GenerationFailed, Spent
from app.llm.breaker import Breaker, CircuitOpen, Passage
from app.llm.limits import NoSlot, Permit
from app.llm.prices import FREE, MILLION, Price, price_of
from app.llm.protocol import (
    LLM,
    Completion,
    ContextTooLong,
    InvalidAnswer,
    LLMFailed,
    Note,
    Prompt,
    Repair,
    Usage,
)
from app.llm.rejections import REJECTED_WAIT_S, Rejections
from app.llm.tokens import estimated_tokens, shared_tokens

MODEL_CHARS_MAX = 200
CHARS_MIN = 2_000
"""Of a briefing: what is shorter says nothing."""
WARM_SAVES_MICROUSD = 100
"""Of one call that finds its beginning cached: less is not worth a wait."""
ANSWER_TOKENS = 1_000
"""What is reserved for an answer until its real length is known."""
RATE_LIMITED_WAIT_S = 2.0
RETURN_SPREAD_S = 1.0
UNANSWERED_MAX, TIMED_OUT_MAX = 3, 2
"""Calls of an attempt that were not answered, after which it is given back. Of calls that took
too long a third would not fit into the attempt."""
UNANSWERED_WAIT_S = 10.0
SHORTENINGS_MAX = 9
"""From the longest briefing to the shortest, half by half, and one without a repair."""
_PACE_SHARE = 0.3
"""Of the newest answer in what is known of how long one takes."""

log = structlog.get_logger()


class ModelGenerator:
    """Has a language model write insights. One a process."""

    reads = Part.DISCLOSURE

    def __init__(
        self,
        llm: LLM,
        *,
        breaker: Breaker | None = None,
        price: Price | None = None,
        chars_max: int = SHARED_CHARS_MAX,
        rejections: Rejections | None = None,
    ) -> None:
        """`price` overrules the table's; of a model in neither the cost is 0."""
        self._llm = llm
        self.rounds = Rounds()
        self.breaker = breaker or Breaker()
        self.rejected = RejectedProvider(llm, self.breaker, rejections)
        known = price or price_of(llm.name)
        self._price = known or FREE
        self._bill = Spent(model=llm.name[:MODEL_CHARS_MAX], price=known)
        self.answers = 0
        """How often the model answered, usable or not."""
        self.call_s = 0.0
        """How long a call takes, of late."""
        self._chars_max = chars_max
        self._briefings = WeakKeyDictionary[InsightContext, asyncio.Task[Briefing]]()
        if known is None:
            log.warning("llm.price_unknown", model=llm.name)

    def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Coroutine[Any, Any, Draft]:
        """One call. Raises GenerationFailed, and what `guard` raises but NoSlot."""
        calls = self.rounds.of(guard.job_id)
        calls.begin(spec.key)
        return _Call(self, guard, calls, spec.key).write(spec, context, language=language)

    async def close(self) -> None:
        """Ends what it does by itself."""
        await self.rejected.close()

    def warms(self, briefing: Briefing) -> bool:
        """Whether one call goes first, so that the others find its beginning cached."""
        least, tokens = self._llm.caches_from(), self._llm.tokens(briefing.shared_tokens)
        if least is None or tokens < least:
            return False
        fresh, cached, _ = self._price.snapshot
        is_known = self._bill.price is not None
        return not is_known or tokens * (fresh - cached) // MILLION >= WARM_SAVES_MICROUSD

    def shorten(self, briefing: Briefing, failure: ContextTooLong) -> bool:
        """From now on prompts of this model hold no more messages than may fit; False if
        `briefing` held the fewest already."""
        if briefing.chars_max <= CHARS_MIN:
            return False
        shorter = max(CHARS_MIN, round(briefing.message_chars * failure.fit))
        if shorter < self._chars_max:  # Of six calls at once, the first shortens for all.
            self._chars_max = shorter
            self._briefings.clear()
            log.warning("llm.context_too_long", chars_max=shorter, tokens_max=failure.tokens_max)
        return True

    def pace(self, call_s: float) -> None:
        """A call was answered within `call_s`, or was not."""
        weight = _PACE_SHARE if self.call_s else 1.0
        self.call_s += weight * (call_s - self.call_s)

    def tokens(self, prompt: Prompt) -> int:
        """About how many tokens a call with `prompt` will be billed for, its answer included."""
        repair = prompt.repair.answer if prompt.repair else ""
        own = sum(map(estimated_tokens, (prompt.system, prompt.question, repair)))
        return self._llm.tokens(own + shared_tokens(prompt)) + ANSWER_TOKENS

    async def briefing(self, context: InsightContext, mark: str) -> Briefing:
        """The briefing of `context`, made once for the six calls that come together.

        In a thread: to find a thousand people in a long chat takes half a second. It goes with
        the context, at the end of the attempt: it is a chat's text, and the chat may be deleted.
        """
        making = self._briefings.get(context)
        if making is None:
            making = asyncio.create_task(
                asyncio.to_thread(brief, context, chars_max=self._chars_max, mark=mark)
            )
            self._briefings[context] = making
        return await asyncio.shield(making)

    async def ask(
        self, prompt: Prompt, note: Note, answering: Callable[[], None]
    ) -> Completion[InsightAnswer]:
        """One call. Raises LLMFailed, and what `note` raises."""
        return await self._llm.complete(prompt, InsightAnswer, note=note, answering=answering)

    def spend(self, usage: Usage, spent: Spent) -> Spent:
        """`spent`, and what a call has cost."""
        return replace(
            self._bill,
            tokens_in=spent.tokens_in + usage.tokens_in,
            tokens_out=spent.tokens_out + usage.tokens_out,
            tokens_cached=spent.tokens_cached + usage.tokens_cached,
            cost_microusd=spent.cost_microusd + self._price.cost_microusd(usage),
        )


class _Shortened(Exception):
    """The prompt was too long; the next one is shorter."""


@dataclass(slots=True)
class _Call:
    """One call for an insight; what it comes to is kept in the history of its guard."""

    generator: ModelGenerator
    guard: CallGuard
    calls: Round
    key: str
    problem: str | None = None
    """What makes the answer of this call unusable."""

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None
    ) -> Draft:
        """The insight. Raises GenerationFailed, and what the guard raises but NoSlot."""
        is_usable = False
        try:
            draft = await self._write(spec, context, language=language)
            is_usable = True
        except GenerationFailed as failure:
            await self._give_up_alike(failure)
            raise
        finally:
            self.calls.warm()
            self.calls.end(self.key, is_usable=is_usable)
        return draft

    async def _give_up_alike(self, failure: GenerationFailed) -> None:
        """Six answers that are unusable for one reason end the job: more would cost the same."""
        if self.problem is None or not await self.calls.is_hopeless(self.key, self.problem):
            return
        failure.is_final = True
        telemetry.llm_hopeless.inc()
        log.error("llm.answers_unusable", job_id=str(self.guard.job_id), problem=self.problem)

    async def _write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None
    ) -> Draft:
        briefing = await self.generator.briefing(context, self.guard.mark)
        if self.generator.warms(briefing):
            await self.calls.take_turn(self.key)
        tokens = self.generator.tokens(self._prompt(briefing, spec, language))
        try:
            async with (
                self.generator.breaker.passage() as passage,
                self.guard.slot(tokens=tokens) as permit,
            ):
                await self.guard.confirm(permit)
                passage.check()
                if not self.guard.leaves_time(self.generator.call_s):
                    raise NoSlot(0.0)  # The next attempt begins with it; this one would cut it.
                briefing, completion = await self._ask_fitting(
                    spec, context, language, passage, permit
                )
        except (CircuitOpen, NoSlot) as wait:
            raise self._waits(wait) from None
        content = content_of(completion.answer, briefing, spec)
        if content is None:
            self.problem = NO_EVIDENCE
            self._repair_next(Repair(completion.text, NO_EVIDENCE))
            spent = self.guard.history.spent
            raise GenerationFailed("evidence_missing", retry_after_s=0.0, spent=spent)
        return self._draft(content, completion.model)

    def _prompt(self, briefing: Briefing, spec: InsightSpec, language: str | None) -> Prompt:
        prompt = briefing.prompt(spec, language=language)
        cache_key = self.guard.mark[:16]
        return replace(prompt, repair=self.guard.history.repair, cache_key=cache_key)

    async def _ask_fitting(
        self,
        spec: InsightSpec,
        context: InsightContext,
        language: str | None,
        passage: Passage,
        permit: Permit,
    ) -> tuple[Briefing, Completion[InsightAnswer]]:
        """The call, again with less while it is too long, which no provider bills; and what the
        model was shown. Raises GenerationFailed, and what the guard raises."""
        for _ in range(SHORTENINGS_MAX):
            # Made anew if another call has found out meanwhile how much fits.
            briefing = await self.generator.briefing(context, self.guard.mark)
            prompt = self._prompt(briefing, spec, language)
            self.guard.history.repair = None
            try:
                return briefing, await self._ask(prompt, briefing, passage, permit)
            except _Shortened:
                continue
        raise GenerationFailed("context_too_long", is_final=True, spent=self.guard.history.spent)

    def _draft(self, content: InsightContent | NothingToSay, model: str) -> Draft:
        spent = self.guard.history.spent
        return Draft(
            content,
            model=model[:MODEL_CHARS_MAX],
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            cost_microusd=spent.cost_microusd,
            tokens_cached=spent.tokens_cached,
            wasted_microusd=self.guard.history.wasted_microusd,
            price=spent.price,
        )

    async def _ask(
        self, prompt: Prompt, briefing: Briefing, passage: Passage, permit: Permit
    ) -> Completion[InsightAnswer]:
        """The call itself, and what is learnt from it. Raises GenerationFailed, or _Shortened."""
        started = time.monotonic()
        try:
            completion = await self.generator.ask(prompt, self.guard.note, self.calls.warm)
        except LLMFailed as failure:
            self._learn(failure, passage, permit)
            self._spend(failure.usage, permit)
            if isinstance(failure, InvalidAnswer) or failure.code == "provider_timeout":
                self.generator.pace(time.monotonic() - started)
            if isinstance(failure, InvalidAnswer):
                self.problem = failure.repair.problem if failure.repair else failure.code
                self._repair_next(failure.repair)
            if isinstance(failure, ContextTooLong) and self._is_shortened(
                prompt, briefing, failure
            ):
                raise _Shortened from None
            if failure.rejection is not None:
                await self.generator.rejected.report(failure.rejection)
            raise self._failed(failure) from None
        passage.succeeded()
        await self.generator.rejected.accept()
        self.generator.answers += 1
        self.generator.pace(time.monotonic() - started)
        self._spend(completion.usage, permit)
        return completion

    def _is_shortened(self, prompt: Prompt, briefing: Briefing, failure: ContextTooLong) -> bool:
        """Whether the next prompt is shorter: without the answer to be repaired, or with less of
        the chat."""
        return prompt.repair is not None or self.generator.shorten(briefing, failure)

    def _learn(self, failure: LLMFailed, passage: Passage, permit: Permit) -> None:
        if failure.is_outage:
            passage.failed(rejection=failure.rejection)
        else:
            passage.succeeded()
        if failure.code == "rate_limited":
            permit.pause_s = failure.retry_after_s or RATE_LIMITED_WAIT_S
        history = self.guard.history
        if failure.is_outage or failure.code == "rate_limited":
            if not history.unanswered:
                history.answers_before = self.generator.answers
            history.unanswered += 1
        else:
            self.generator.answers += 1
            history.unanswered = 0

    def _repair_next(self, repair: Repair | None) -> None:
        """The next call shows the model its answer; if that is no better, the last starts anew."""
        history = self.guard.history
        if not history.is_repaired and repair is not None:
            history.repair, history.is_repaired = repair, True

    def _spend(self, usage: Usage, permit: Permit) -> None:
        if usage.tokens:
            permit.spent = usage.tokens
        history = self.guard.history
        history.wasted_microusd = history.spent.cost_microusd
        history.spent = self.generator.spend(usage, history.spent)

    def _failed(self, failure: LLMFailed) -> GenerationFailed:
        """An outage costs no attempt: once the circuit is open, the job waits elsewhere."""
        breaker, wait_s = self.generator.breaker, failure.retry_after_s or 0.0
        if failure.rejection is not None:
            return self._rejected(was_sent=True)
        if failure.is_outage and breaker.is_open:
            return self._given_back(failure.code, max(breaker.wait_s, wait_s))
        if self._is_provider_at_fault(failure):
            return self._given_back(failure.code, max(UNANSWERED_WAIT_S, wait_s))
        return GenerationFailed(
            failure.code,
            retry_after_s=failure.retry_after_s,
            is_final=failure.is_final or isinstance(failure, ContextTooLong),
            spent=self.guard.history.spent,
        )

    def _is_provider_at_fault(self, failure: LLMFailed) -> bool:
        """Whether the calls of this attempt came to nothing through no fault of the job.

        One insight that is left over makes too few calls to open the circuit. When others were
        answered meanwhile, it may be this prompt that the provider cannot take.
        """
        history = self.guard.history
        most = TIMED_OUT_MAX if failure.code == "provider_timeout" else UNANSWERED_MAX
        if history.unanswered < most:
            return False
        return failure.code == "rate_limited" or self.generator.answers == history.answers_before

    def _waits(self, wait: CircuitOpen | NoSlot) -> GenerationFailed:
        if isinstance(wait, CircuitOpen) and self.generator.rejected.standing is not None:
            return self._rejected(was_sent=False)
        code = "provider_unavailable" if isinstance(wait, CircuitOpen) else "provider_busy"
        return self._given_back(code, wait.retry_after_s, was_sent=False)

    def _rejected(self, *, was_sent: bool) -> GenerationFailed:
        """For a quarter of an hour jobs wait for a human, then their coins come back."""
        left_s = self.generator.rejected.left_s
        if left_s > 0:
            wait_s = min(max(self.generator.breaker.wait_s, REJECTED_WAIT_S), left_s)
            return self._given_back("provider_rejected", wait_s, was_sent=was_sent)
        return GenerationFailed(
            "provider_rejected", is_final=True, was_sent=was_sent, spent=self.guard.history.spent
        )

    def _given_back(self, code: str, wait_s: float, *, was_sent: bool = True) -> GenerationFailed:
        spread_s = random.uniform(0, RETURN_SPREAD_S)  # noqa: S311 (a spread)
        return GenerationFailed(
            code,
            retry_after_s=wait_s + spread_s,
            gives_back=True,
            was_sent=was_sent,
            spent=self.guard.history.spent,
        )
