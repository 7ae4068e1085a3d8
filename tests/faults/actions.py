"""What the scenarios of the fault matrix arrange, do, and look at."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from app.catalog.categories import CATEGORIES
from app.chats.form import UploadForm
from app.chats.key_storage import erase_deleted_keys
from app.chats.rewrapping import rewrap_keys
from app.chats.storage import ChatMeta, SealedChat, encode_chat, insert_chat, seal_chat
from app.chats.upload import Uploads
from app.credits.accounts import adjust_coins, ensure_account, grant_coins, sign_out
from app.crypto import KeyRing
from app.db import in_transaction
from app.generation.model.generator import ModelGenerator
from app.generation.protocol import GenerationFailed
from app.jobs.archive import archive_jobs
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.models import INSIGHTS_PER_JOB, Verdict
from app.jobs.operations import release_job, requeue_job
from app.jobs.prepared_chats import seal_parts, store_prepared
from app.jobs.refund import refund_job
from app.jobs.rescue import end_abandoned_jobs
from app.jobs.sweeps import (
    cleanup_expired_reservations,
    retry_payment,
    run_overdue_sweeps,
)
from app.jobs.user_deletion import delete_user
from app.llm.protocol import Prompt
from app.master_keys import parse_master_key
from app.progress.feedback import give_feedback
from app.progress.snapshots import QueuePositions
from app.unlocks.batch import UnlockBatcher, UnlockOrder, UnlockTerms
from app.unlocks.unlock import job_id_of, unlock_category
from app.users.deleted import digest_of
from app.users.sign_in import SignInCodeInvalid, new_code, use_code
from tests.faults.world import EMPTY_ORDS, World
from tests.support.environment import MASTER_KEY
from tests.support.jobs import prepared_small_chat, small_chat
from tests.support.readers import reading_inline
from tests.support.scripted_llm import Scripted

CATEGORY = "friendship"
EXPORT = "".join(
    f"{1 + n // 24:02}/13/2024, {n % 24:02}:00 - {'Ana' if n % 2 else 'Ben'}: hello {n}\n"
    for n in range(12)
).encode()

ANSWER = json.dumps(
    {
        "headline": "P1 writes",
        "summary": "P1 writes.",
        "findings": [{"claim": "P1 writes.", "evidence": [1]}],
        "confidence": 0.5,
    }
)

NOTHING = json.dumps({"nothing_to_say": "Neither of them speaks of it."})

Act = Callable[[World], Awaitable[Any]]

# Arranging


async def with_chat(world: World) -> None:
    """A chat that a worker has prepared."""
    sealed = await _stored(world)
    chat = (world.user_id, world.chat_id)
    await store_prepared(chat, seal_parts(sealed.key, chat, prepared_small_chat()), revision=1)


async def with_new_chat(world: World) -> None:
    """A chat that is not prepared yet."""
    await _stored(world)


async def _stored(world: World) -> SealedChat:
    encoded = encode_chat(
        ChatMeta("Ann and Ben", [{"name": "Ann", "messages": 20}], {}, {}), small_chat()
    )
    sealed = seal_chat(world.keyring, world.user_id, world.chat_id, encoded)
    await in_transaction(lambda connection: insert_chat(connection, sealed))
    return sealed


async def with_account(world: World) -> None:
    await ensure_account(world.user_id)


async def with_code(world: World) -> None:
    """A code to sign in that another process knows too."""
    await world.sql.execute(
        "INSERT INTO sign_in_codes (code_hash, user_id, expires_at)"
        " VALUES (sha256(convert_to($1, 'UTF8')), $2, now() + interval '1 hour')",
        str(world.chat_id),
        world.user_id,
    )


async def with_job(world: World) -> None:
    await unlock(world)


async def with_lost_lease(world: World) -> None:
    """Its third worker has died."""
    await world.sql.execute(
        "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s' WHERE user_id = $1",
        world.user_id,
    )


async def overdue(world: World) -> None:
    await world.sql.execute(
        "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 s'"
        " WHERE user_id = $1",
        world.user_id,
    )


async def captures_refused(world: World) -> None:
    await world.sql.execute(
        "ALTER TABLE entries ADD CONSTRAINT no_captures"
        f" CHECK (kind <> 'capture' OR user_id <> '{world.user_id}') NOT VALID"
    )


async def captures_allowed(world: World) -> None:
    await world.sql.execute("ALTER TABLE entries DROP CONSTRAINT no_captures")


async def payment_due(world: World) -> None:
    await world.sql.execute(
        "UPDATE jobs SET next_run_at = clock_timestamp() WHERE user_id = $1", world.user_id
    )


async def model_overloaded(world: World) -> None:
    world.generator.script = lambda spec: GenerationFailed("rate_limited", retry_after_s=600)


async def model_waits_for_the_fault(world: World) -> None:
    """The calls last until the fault has happened: the heartbeat has its time."""
    world.generator.gate = world.fired
    world.heartbeat_s = 0.01
    world.is_ready = lambda: len(world.generator.calls) == INSIGHTS_PER_JOB


# Acting


async def unlock(world: World) -> None:
    order = UnlockOrder(world.user_id, world.chat_id, CATEGORY, idempotency_key=str(world.chat_id))
    world.job_id = job_id_of(order)
    batcher = UnlockBatcher(UnlockTerms(expires_s=3600))
    await unlock_category(order, batcher=batcher, wake=_nobody_listens)


async def _nobody_listens(user_id: str, job_id: UUID) -> None:
    """Rescue finds the job."""


async def run_job(world: World) -> None:
    await world.run_job()


async def ask_model(world: World) -> None:
    """A worker runs the job with a model, and so writes down what it sends."""
    insights = CATEGORIES[CATEGORY].insights
    empty = [f'"{spec.key}"' for spec in insights if spec.ord in EMPTY_ORDS]

    def answer(prompt: Prompt) -> str:
        return NOTHING if any(key in prompt.question for key in empty) else ANSWER

    world.generator = ModelGenerator(Scripted(answer))
    await world.run_job()


async def requeue(world: World) -> None:
    await model_overloaded(world)
    await world.run_job()


async def renew(world: World) -> None:
    await model_waits_for_the_fault(world)
    await world.run_job()


async def cancel(world: World) -> None:
    await cancel_job(world.user_id, world.job_id)


async def end_sessions(world: World) -> None:
    await sign_out(world.user_id, issued_at=0)


async def issue_code(world: World) -> None:
    await new_code(world.user_id)


async def sign_in(world: World) -> None:
    """Who has lost the answer asks again, and is told that the code is used."""
    with suppress(SignInCodeInvalid):
        await use_code(str(world.chat_id))


async def delete(world: World) -> None:
    await delete_chat(world.user_id, world.chat_id)


async def grant(world: World) -> None:
    await grant_coins(world.user_id, coins=7, reason="gift", reference="g", actor="ops")


async def adjust(world: World) -> None:
    await adjust_coins(world.user_id, coins=-7, reason="by hand", reference="a", actor="ops")


async def refund(world: World) -> None:
    await refund_job(world.user_id, world.job_id, reason="it was poor", actor="ops")


async def judge(world: World) -> None:
    spec = CATEGORIES[CATEGORY].insights[0]
    await give_feedback(
        world.user_id,
        world.job_id,
        insight=spec.key,
        finding=0,
        verdict=Verdict.WRONG,
        keyring=world.keyring,
        positions=QueuePositions(),
    )


async def release(world: World) -> None:
    await release_job(world.job_id, reason="agreed with the user")


async def start_now(world: World) -> None:
    await requeue_job(world.job_id)


async def long_ended(world: World) -> None:
    await delete(world)
    await world.sql.execute(
        "UPDATE jobs SET finished_at = finished_at - interval '2 years' WHERE user_id = $1",
        world.user_id,
    )


async def erase(world: World) -> None:
    await erase_deleted_keys()


async def rewrap(world: World) -> None:
    await rewrap_keys(KeyRing([("new", bytes(32)), parse_master_key(MASTER_KEY)]))


async def delete_all(world: World) -> None:
    await delete_user(world.user_id)


async def archive(world: World) -> None:
    async for _ in archive_jobs():
        pass


async def upload(world: World) -> None:
    uploads = Uploads(world.keyring, at_once=1, workers=1, file_bytes_max=10_000)
    with reading_inline(uploads):
        await uploads.import_chat(world.user_id, UploadForm("chat.txt", EXPORT, {}))


async def cleanup(world: World) -> None:
    await cleanup_expired_reservations()


async def charge_again(world: World) -> None:
    await retry_payment()


async def end_abandoned(world: World) -> None:
    await end_abandoned_jobs()


async def sweeps_forgotten(world: World) -> None:
    await world.sql.execute("DELETE FROM sweeps")


async def take_sweeps(world: World) -> None:
    await run_overdue_sweeps()


# Looking


async def job_state(world: World) -> str:
    return await world.job_state()


async def noted(world: World) -> str:
    sent = await world.sql.fetchval(
        "SELECT count(*) FROM sent_prompts WHERE user_id = $1", world.user_id
    )
    state = await world.job_state()
    return "some noted" if state == "running" and sent else state


async def stored(world: World) -> str:
    job = await world.job()
    return "some stored" if job["state"] == "running" and job["done"] else job["state"]


async def due(world: World) -> str:
    job = await world.job()
    if job["state"] not in {"queued", "settling"}:
        return job["state"]
    is_due = await world.sql.fetchval("SELECT $1 <= clock_timestamp()", job["next_run_at"])
    return "due" if is_due else "waiting"


async def chat(world: World) -> str:
    count = await world.sql.fetchval("SELECT count(*) FROM chats WHERE user_id = $1", world.user_id)
    return "chat" if count else "no chat"


async def sessions(world: World) -> str:
    ended = "SELECT not_before IS NOT NULL FROM accounts WHERE user_id = $1"
    return "signed out" if await world.sql.fetchval(ended, world.user_id) else "signed in"


async def code(world: World) -> str:
    issued = "SELECT used_at IS NOT NULL FROM sign_in_codes WHERE user_id = $1"
    is_used = await world.sql.fetchval(issued, world.user_id)
    return {None: "no code", False: "code", True: "used code"}[is_used]


async def verdict(world: World) -> str:
    found = await world.sql.fetchval(
        "SELECT verdict FROM feedback WHERE user_id = $1", world.user_id
    )
    return "verdict" if found == "wrong" else "no verdict"


async def account(world: World) -> str:
    found = await world.sql.fetchval("SELECT 1 FROM accounts WHERE user_id = $1", world.user_id)
    return "account" if found else "no account"


async def erasures(world: World) -> str:
    return "to erase" if await world.sql.fetchval("SELECT 1 FROM key_erasures") else "erased"


async def key_ids(world: World) -> str:
    found = await world.sql.fetchval(
        "SELECT key_id FROM chat_keys WHERE user_id = $1", world.user_id
    )
    return "new key" if found == "new" else "old key"


async def pseudonym(world: World) -> str:
    found = await world.sql.fetchval(
        "SELECT 1 FROM deleted_users WHERE digest = $1", digest_of(world.user_id)
    )
    return "pseudonym" if found else "no pseudonym"


async def table(world: World) -> str:
    return "archive" if await world.job() is None else "hot table"


def entry(kind: str) -> Act:
    async def look(world: World) -> str:
        return kind if (await world.entries())[kind] else f"no {kind}"

    return look


def swept(name: str) -> Act:
    async def look(world: World) -> str:
        ran = await world.sql.fetchval("SELECT 1 FROM sweeps WHERE name = $1", name)
        return "noted" if ran else "not noted"

    return look
