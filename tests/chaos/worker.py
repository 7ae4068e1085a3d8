"""A worker whose model is a provider behind real HTTP, and that keeps a journal of its calls.

The production code is what runs; its engine is extended here to write down what it claims, and its
model what it is about to ask, under which fence, and when that fence was last confirmed.
"""

import itertools
import os
from typing import Any

import httpx2

import workers.process
from app.catalog.categories import InsightSpec
from app.catalog.content import NOTHING_FOUND, Finding, InsightContent
from app.generation.context import InsightContext, Part
from app.generation.protocol import CallGuard, Draft, GenerationFailed
from app.jobs.call_guard import JobCallGuard
from app.jobs.engine import JobEngine
from app.jobs.leases import Claim
from tests.chaos import plan
from tests.chaos.journal import Journal
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

PROVIDER_URL = "CHAOS_PROVIDER_URL"
CALL_TIMEOUT_S = 3.0

journal = Journal()
_numbers = itertools.count(1)


class JournaledEngine(JobEngine):
    async def _run_claimed(self, claim: Claim) -> None:
        job = {"job": str(claim.job_id), "fence": claim.fence}
        journal.note("claimed", **job, sent=claim.sent_at)
        try:
            await super()._run_claimed(claim)
        finally:
            journal.note("left", **job)


def _begun(guard: CallGuard) -> dict[str, Any]:
    """What is noted of the call that begins now."""
    assert isinstance(guard, JobCallGuard)
    attempt = guard.attempt
    return {
        "job": str(attempt.claim.job_id),
        "fence": attempt.claim.fence,
        "ord": guard.ord,
        # When the statement was sent that last confirmed the lease.
        "granted": attempt.lease_deadline - plan.LEASE_S,
        "number": f"{os.getpid()}-{next(_numbers)}",
    }


class ProviderGenerator:
    """Asks the provider; what it answers is of no interest, that and when it was asked is."""

    reads = Part.INSIGHTS

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: httpx2.AsyncClient | None = None

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        if self._http is None:
            limits = httpx2.Limits(max_connections=400, max_keepalive_connections=50)
            self._http = httpx2.AsyncClient(timeout=CALL_TIMEOUT_S, limits=limits)
        call = _begun(guard)
        journal.note("called", **call)
        try:
            answer = await self._http.post(self._url, json=call)
        except httpx2.TimeoutException as error:
            raise GenerationFailed("timeout", retry_after_s=0.5) from error
        except httpx2.TransportError as error:
            raise GenerationFailed("provider_unreachable", retry_after_s=0.5) from error
        finally:
            journal.note("answered", number=call["number"])
        if answer.status_code == 429:
            wait_s = float(answer.headers["retry-after"])
            raise GenerationFailed("rate_limited", retry_after_s=wait_s)
        if answer.status_code != 200:
            raise GenerationFailed("provider_error")
        told = answer.json()
        if told.get("nothing"):
            return Draft(NOTHING_FOUND, model="stub", tokens_in=10, tokens_out=5, cost_microusd=1)
        content = InsightContent(
            headline=spec.title,
            summary=told["summary"],
            findings=[Finding(claim="The first message.", evidence=told["evidence"])],
            metrics={"call": call["number"]},
            confidence=0.5,
        )
        return Draft(content, model="stub", tokens_in=10, tokens_out=10, cost_microusd=1)


if not hasattr(JobEngine, "_run_claimed"):
    raise RuntimeError("the campaign's worker extends _run_claimed, which is there no more")
workers.process.JobEngine = JournaledEngine
broker.state[GENERATOR] = ProviderGenerator(os.environ[PROVIDER_URL])
