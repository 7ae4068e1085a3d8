"""What was sent is written down before it is, sealed with the chat, and gone with it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.catalog.categories import CATEGORIES
from app.crypto import KeyRing
from app.db import snapshot
from app.errors import NotFound
from app.generation.model.generator import ModelGenerator
from app.jobs.chat_deletion import delete_chat
from app.jobs.sweeps import delete_unused_chats
from app.llm.protocol import AnswerT, Completion, LLMFailed, Prompt
from app.progress.sent_prompts import PROMPTS_MAX, UNSTORED, SentPage, load_sent
from tests.provider_stub import Fault, ProviderStub
from tests.support.jobs import (
    MakeEngine,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    store_chat,
    unlock,
)
from tests.support.models import MakeModel
from tests.support.scripted_llm import Scripted
from tests.support.waiting import until

KEYS = [spec.key for spec in CATEGORIES["friendship"].insights]
INSIGHT = {
    "headline": "P1 writes most",
    "summary": "P1 and P2 write to each other.",
    "findings": [{"claim": "P1 began.", "evidence": [1]}],
    "confidence": 0.5,
}
GOOD = json.dumps(INSIGHT)


async def sent(keyring: KeyRing, job_id: UUID, **given: Any) -> SentPage:
    given = {"limit": 100, "after": None} | given
    return await load_sent("alice", job_id, keyring, **given)


async def rows() -> list[Any]:
    async with snapshot() as connection:
        return list((await connection.execute(text("SELECT * FROM sent_prompts"))).all())


def words(page: SentPage) -> list[list[dict[str, str]]]:
    return [[one.model_dump() for one in prompt.messages] for prompt in page.prompts]


async def test_all_six_calls_are_shown_word_for_word_repairs_included(
    chat: UUID,
    keyring: KeyRing,
    make_engine: MakeEngine,
    model: ModelGenerator,
    stub: ProviderStub,
) -> None:
    stub.behaviour.plan([Fault.WRONG_EVIDENCE, Fault.INVALID])
    job = (await unlock("alice", chat)).job_id
    await make_engine(generator=model).run_job("alice", job)
    page = await sent(keyring, job)
    posted = [received.body["messages"] for received in stub.received]
    assert sorted(map(json.dumps, words(page))) == sorted(map(json.dumps, posted))
    assert {(one.provider, one.model) for one in page.prompts} == {
        (f"127.0.0.1:{stub.port}", "gpt-test")
    }
    assert [one.insight for one in page.prompts][:6] == KEYS
    assert [one.call for one in page.prompts] == [1] * 6 + [2] * 2
    assert {len(one.messages) for one in page.prompts[6:]} == {4}
    assert {one.prompt_version for one in page.prompts} == {CATEGORIES["friendship"].prompt_version}
    assert "Ann" not in json.dumps(words(page))


async def test_what_all_six_begin_with_is_stored_once(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id
    await make_engine(generator=make_model(Scripted(lambda _: GOOD))).run_job("alice", job)
    stored = await rows()
    assert sorted((row.ord, row.call) for row in stored) == [(0, 0), *((n, 1) for n in range(1, 7))]
    shared = next(row.sealed for row in stored if row.ord == 0)
    assert all(len(row.sealed) < 2_000 for row in stored if row.ord)
    assert b"P1" not in shared


class Late(Scripted):
    """Between a call's last look at the job and the call, something happens first."""

    def __init__(self, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(lambda _: GOOD)
        self._before = before
        self._happening: asyncio.Task[None] | None = None

    async def complete(
        self, prompt: Prompt, form: type[AnswerT], **given: Any
    ) -> Completion[AnswerT]:
        if self._happening is None:
            self._happening = asyncio.ensure_future(self._happen())
        await asyncio.shield(self._happening)
        return await super().complete(prompt, form, **given)

    async def _happen(self) -> None:
        await self._before()


class Silent(Scripted):
    """Is asked, and never answers."""

    async def complete(
        self, prompt: Prompt, form: type[AnswerT], **given: Any
    ) -> Completion[AnswerT]:
        await super().complete(prompt, form, **given)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_call_is_written_down_before_it_is_sent(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    """So that a crash in the middle of a call hides nothing that had left."""
    job = (await unlock("alice", chat)).job_id
    llm = Silent(lambda _: GOOD)
    running = asyncio.create_task(make_engine(generator=make_model(llm)).run_job("alice", job))
    await until(lambda: len(llm.prompts) == 6)
    page = await sent(keyring, job)
    assert sorted(one.messages[1].content for one in page.prompts) == sorted(
        f"{prompt.shared}\n\n{prompt.question}" for prompt in llm.prompts
    )
    running.cancel()
    await asyncio.wait({running})


async def test_each_run_of_a_job_is_shown_also_the_one_whose_worker_was_lost(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id
    down = LLMFailed("provider_unavailable", is_outage=True, retry_after_s=600)
    await make_engine(generator=make_model(Scripted(lambda _: down))).run_job("alice", job)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await make_engine(generator=make_model(Scripted(lambda _: GOOD))).run_job("alice", job)
    assert (await job_row("alice", job)).state == "succeeded"
    page = await sent(keyring, job)
    assert [one.run for one in page.prompts] == [1] * 6 + [2] * 6
    assert page.prompts[0].messages[0] == page.prompts[6].messages[0]


async def test_nothing_is_sent_by_a_worker_that_lost_its_lease_to_another(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id
    quick = make_engine(generator=make_model(Scripted(lambda _: GOOD)))

    async def overtake() -> None:
        await end_lease(job)
        await quick.run_job("alice", job)

    late = Late(overtake)
    await make_engine(generator=make_model(late)).run_job("alice", job)
    assert late.prompts == []
    assert [one.run for one in (await sent(keyring, job)).prompts] == [2] * 6
    assert (await job_row("alice", job)).state == "succeeded"
    await assert_healthy()


async def test_nothing_is_sent_while_another_worker_has_the_job(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    """The job runs as it did, under another fence."""
    job = (await unlock("alice", chat)).job_id
    owner = Silent(lambda _: GOOD)
    owning = make_engine(generator=make_model(owner))
    running: list[asyncio.Task[None]] = []

    async def overtake() -> None:
        await end_lease(job)
        running.append(asyncio.create_task(owning.run_job("alice", job)))
        await until(lambda: len(owner.prompts) == 6)

    late = Late(overtake)
    await make_engine(generator=make_model(late)).run_job("alice", job)
    assert late.prompts == []
    assert [one.run for one in (await sent(keyring, job)).prompts] == [2] * 6
    assert (await job_row("alice", job)).state == "running"
    running[0].cancel()
    await asyncio.wait(running)


async def test_without_a_provider_nothing_is_written_down(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine
) -> None:
    job = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job)
    assert (await job_row("alice", job)).state == "succeeded"
    assert await rows() == []
    assert await sent(keyring, job) == SentPage([], is_deleted=False, after=None)


async def test_a_deleted_chat_takes_with_it_what_was_sent(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    other = await store_chat(keyring, "bob")
    jobs = {
        "alice": (await unlock("alice", chat)).job_id,
        "bob": (await unlock("bob", other)).job_id,
    }
    job_engine = make_engine(generator=make_model(Scripted(lambda _: GOOD)))
    for user, job in jobs.items():
        await job_engine.run_job(user, job)
    assert len(await rows()) == 14
    await delete_chat("alice", chat)
    assert {row.user_id for row in await rows()} == {"bob"}
    page = await sent(keyring, jobs["alice"])
    assert (page.prompts, page.is_deleted) == ([], True)


async def test_a_chat_whose_retention_ended_takes_with_it_what_was_sent(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id
    await make_engine(generator=make_model(Scripted(lambda _: GOOD))).run_job("alice", job)
    await execute("UPDATE chats SET used_at = used_at - interval '366 days'")
    assert await delete_unused_chats() == 1
    assert await rows() == []


async def test_a_chat_deleted_just_before_a_call_is_sent_to_nobody(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id

    async def delete() -> None:
        await delete_chat("alice", chat)

    late = Late(delete)
    await make_engine(generator=make_model(late)).run_job("alice", job)
    assert late.prompts == []
    assert await rows() == []
    assert (await job_row("alice", job)).state == "cancelled"
    await assert_healthy()


async def test_a_refused_note_is_logged_and_costs_the_user_nothing(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    await execute("ALTER TABLE sent_prompts ADD CONSTRAINT refused CHECK (ord <> 3)")
    job = (await unlock("alice", chat)).job_id
    await make_engine(generator=make_model(Scripted(lambda _: GOOD))).run_job("alice", job)
    assert (await job_row("alice", job)).state == "succeeded"
    assert [one.insight for one in (await sent(keyring, job)).prompts] == KEYS[:2] + KEYS[3:]


async def test_a_refused_shared_part_is_said_to_be_missing(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    await execute("ALTER TABLE sent_prompts ADD CONSTRAINT refused CHECK (ord <> 0)")
    job = (await unlock("alice", chat)).job_id
    await make_engine(generator=make_model(Scripted(lambda _: GOOD))).run_job("alice", job)
    assert (await job_row("alice", job)).state == "succeeded"
    prompts = (await sent(keyring, job)).prompts
    assert 0 < len(prompts) < 6
    assert all(one.messages[1].content.startswith(UNSTORED) for one in prompts)


async def test_a_long_list_comes_in_pages(
    chat: UUID, keyring: KeyRing, make_engine: MakeEngine, make_model: MakeModel
) -> None:
    job = (await unlock("alice", chat)).job_id
    unusable = cycle(["no", "{}"])  # For one reason alone the job would end after six.
    llm = Scripted(lambda _: next(unusable))
    await make_engine(generator=make_model(llm)).run_job("alice", job)
    places: list[tuple[int, str]] = []
    after: int | None = None
    while True:
        page = await sent(keyring, job, limit=PROMPTS_MAX, after=after)
        places += [(one.call, one.insight) for one in page.prompts]
        after = page.after
        if after is None:
            break
    assert places == [(call, key) for call in (1, 2, 3) for key in KEYS]


async def test_nobody_else_s_job_is_shown(chat: UUID, keyring: KeyRing) -> None:
    job = (await unlock("alice", chat)).job_id
    with pytest.raises(NotFound):
        await load_sent("bob", job, keyring, limit=1, after=None)
