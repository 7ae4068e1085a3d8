"""A marker is uploaded, unlocked and deleted: neither it nor what opens it is anywhere."""

import asyncio
import base64
import json
import zipfile
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.chats.key_storage import erase_deleted_keys
from app.crypto import KeyRing
from app.settings import Settings
from tests.support.on_disk import chunks_of, found_in, write_down
from tests.support.processes import (
    SAMPLE,
    Client,
    MakeClient,
    Processes,
    run_sixfold,
    worker,
)
from tests.support.waiting import until

MARKER = "Zanzibarquokka"
KEY = "SELECT user_id, chat_id, key_id, sealed_key FROM chat_keys"


def with_marker() -> bytes:
    return SAMPLE.read_bytes().replace(b"dinner", MARKER.encode())


async def kept_in(redis: Redis) -> bytes:
    """All that it holds, keys and values."""
    seen: list[object] = []
    async for key in redis.scan_iter("*"):
        seen.append(key)
        for read in (
            redis.get(key),
            redis.xrange(key),
            redis.hgetall(key),
            redis.zrange(key, 0, -1, withscores=True),
            redis.lrange(key, 0, -1),
            redis.smembers(key),
        ):
            try:
                seen.append(await read)
            except ResponseError:
                continue  # It is of another type.
    return repr(seen).encode()


async def secrets_of(settings: Settings) -> list[bytes]:
    """What a chat of this database is opened by: its wrapped key, and that key in the clear, in
    whatever way it may be written."""
    connection = await asyncpg.connect(settings.database_url)
    row = await connection.fetchrow(KEY)
    await connection.close()
    key = KeyRing(settings.master_keys).unwrap(
        row["key_id"], row["sealed_key"], row["user_id"], row["chat_id"]
    )
    plain = key.secret
    forms = (plain, plain.hex().encode(), base64.b64encode(plain), base64.urlsafe_b64encode(plain))
    return [*chunks_of(row["sealed_key"]), *forms]


async def deleted_by_its_user(alice: Client, chat_id: str) -> None:
    reply = await alice.http.delete(f"/api/chats/{chat_id}", headers=alice.headers)
    assert reply.status_code == 204


async def deleted_with_its_user(alice: Client, chat_id: str) -> None:
    reply = await alice.http.delete("/api/me", headers=alice.headers)
    assert reply.status_code == 204


@pytest.mark.parametrize("delete", [deleted_by_its_user, deleted_with_its_user])
async def test_a_deleted_chat_and_its_key_are_nowhere(
    make_client: MakeClient,
    processes: Processes,
    environment: dict[str, str],
    settings: Settings,
    redis: Redis,
    engine: None,
    tmp_path: Path,
    delete,
) -> None:
    running = processes.start(*worker())
    alice = make_client("alice")
    chat = await alice.upload(with_marker())
    done = await alice.finished(await alice.unlock(chat["id"]))
    assert done["state"] == "succeeded"
    needles = [MARKER.encode(), *await secrets_of(settings)]
    place = await write_down(settings.database_url)
    found = await asyncio.to_thread(found_in, place, needles)
    assert len(found) == len(needles) - 5  # The wrapped key; no marker and no key in the clear.
    await delete(alice, chat["id"])
    await until(erase_deleted_keys)
    place = await write_down(settings.database_url)
    assert await asyncio.to_thread(found_in, place, needles) == {}
    kept = await kept_in(redis)
    assert processes.terminate(running) == 0
    logs = (tmp_path / "processes.log").read_bytes()
    assert not any(needle in place for needle in needles for place in (kept, logs))
    code, output = await run_sixfold(environment, "check")
    assert (code, json.loads(output)["violations"]) == (0, 0)


async def test_an_operator_exports_rotates_and_deletes(
    make_client: MakeClient, environment: dict[str, str], tmp_path: Path
) -> None:
    alice = make_client("alice")
    chat = await alice.upload(with_marker())
    file = tmp_path / "alice.zip"
    export = ("export-user", "alice", "--to", str(file))
    assert (await run_sixfold(environment, *export))[0] == 0
    assert (await run_sixfold(environment, *export))[0] == 1  # It is there already.
    with zipfile.ZipFile(file) as archive:
        [name] = [one for one in archive.namelist() if one.endswith("messages.txt")]
        lines = archive.read(name).splitlines()
        assert sum(not line.startswith(b"    ") for line in lines) == chat["message_count"]
    assert file.stat().st_mode & 0o077 == 0

    before = environment["SIXFOLD_MASTER_KEY"]
    newer = "newer:" + base64.urlsafe_b64encode(bytes(32)).decode()
    rotated = environment | {
        "SIXFOLD_MASTER_KEY": newer,
        "SIXFOLD_MASTER_KEY_PREVIOUS": f"{before},oldest:{newer.partition(':')[2]}",
    }
    told = []
    for given in (rotated, rotated, environment | {"SIXFOLD_MASTER_KEY": newer}):
        code, output = await run_sixfold(given, "rewrap")
        told.append((code, json.loads(output)["moved"]))
    assert told == [(0, 1), (0, 0), (0, 0)]
    code, output = await run_sixfold(environment, "rewrap")
    assert (code, json.loads(output)["unreadable"]) == (1, 1)

    for chats in (1, 0):
        code, output = await run_sixfold(rotated, "delete-user", "alice", "--yes")
        assert (code, json.loads(output)) == (0, {"user_id": "alice", "chats": chats})
    code, output = await run_sixfold(environment, "check")
    assert (code, json.loads(output)["violations"]) == (0, 0)
    code, _ = await run_sixfold(environment, "balance", "alice")
    assert code == 1
