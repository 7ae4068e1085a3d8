"""Chats that grow: what is uploaded again is added, and what was unlocked still quotes right."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.db import snapshot
from tests.support.api import CHAT, Client, Finish, Login, Reply, refusal, unlock, upload
from tests.support.rights import by_worker

LINES = CHAT.splitlines(keepends=True)
MORE = "26/03/2024, 10:00 - Ana: and then?\n26/03/2024, 10:01 - Ben: then we went home\n"


async def revise(client: Client, chat_id: str, content: str, **fields: str) -> Reply:
    return await client.post(
        f"/api/chats/{chat_id}/revisions",
        files={"file": ("chat.txt", content.encode())},
        data=fields,
    )


async def messages(client: Client, chat_id: str, numbers: str, **query: Any) -> list[str]:
    reply = await client.get(f"/api/chats/{chat_id}/messages", params={"numbers": numbers} | query)
    assert reply.status_code == 200, reply.text
    return [message["text"] for message in reply.json()["items"]]


async def test_a_longer_export_adds_what_is_new(alice: Client, chat_id: str) -> None:
    before = (await alice.get(f"/api/chats/{chat_id}")).json()
    reply = await revise(alice, chat_id, CHAT + MORE)
    chat = reply.json()
    assert reply.status_code == 201, reply.text
    assert chat["changes"] == {"added": 2, "changed": 0, "known": 600, "kept": 0, "renamed": []}
    assert (chat["id"], chat["revision"], chat["message_count"]) == (chat_id, 2, 602)
    assert chat["statistics"]["total"]["messages"] == 602
    assert chat["created_at"] == before["created_at"]
    assert before["revision"] == 1
    assert await messages(alice, chat_id, "600,601,602") == [
        "Shall we meet?",
        "and then?",
        "then we went home",
    ]
    del chat["changes"]
    assert (await alice.get(f"/api/chats/{chat_id}")).json() == chat


async def test_an_export_that_begins_later_loses_nothing(alice: Client, chat_id: str) -> None:
    chat = (await revise(alice, chat_id, "".join(LINES[300:]) + MORE)).json()
    assert chat["changes"] == {"added": 2, "changed": 0, "known": 300, "kept": 300, "renamed": []}
    assert chat["message_count"] == 602


async def test_an_older_export_adds_what_came_before(alice: Client) -> None:
    chat_id = (await upload(alice, "".join(LINES[300:]).encode())).json()["id"]
    chat = (await revise(alice, chat_id, "".join(LINES[:310]))).json()
    assert chat["changes"] == {"added": 300, "changed": 0, "known": 10, "kept": 290, "renamed": []}
    assert await messages(alice, chat_id, "1,301") == ["Good morning!", "Good morning!"]


async def test_the_same_export_again_is_no_revision(alice: Client, chat_id: str) -> None:
    reply = await revise(alice, chat_id, CHAT)
    assert reply.status_code == 200
    assert reply.json()["changes"] == {
        "added": 0,
        "changed": 0,
        "known": 600,
        "kept": 0,
        "renamed": [],
    }
    assert reply.json()["revision"] == 1


async def test_a_contact_who_was_renamed_is_one_person_under_the_newer_name(
    alice: Client, chat_id: str
) -> None:
    newer = (CHAT + MORE).replace("- Ben:", "- Ben (work):")
    reply = await revise(alice, chat_id, newer)
    chat = reply.json()
    assert reply.status_code == 201, reply.text
    assert chat["changes"] == {
        "added": 2, "changed": 0, "known": 600, "kept": 0,
        "renamed": [{"from": "Ben", "to": "Ben (work)"}],
    }  # fmt: skip
    assert {person["name"] for person in chat["participants"]} == {"Ana", "Ben (work)"}
    assert chat["message_count"] == chat["statistics"]["total"]["messages"] == 602
    older = (await revise(alice, chat_id, CHAT)).json()
    assert older["changes"]["renamed"] == [{"from": "Ben", "to": "Ben (work)"}]
    assert (older["revision"], older["message_count"]) == (2, 602)


async def test_a_title_that_is_of_people_has_their_newer_names(alice: Client) -> None:
    async def title(filename: str, **changed: str) -> str:
        chat_id = (await upload(alice, CHAT.encode(), filename)).json()["id"]
        if changed:
            await alice.patch(f"/api/chats/{chat_id}", json=changed)
        return (await revise(alice, chat_id, CHAT.replace("- Ben:", "- Ben (work):"))).json()[
            "title"
        ]

    assert await title("chat.txt") == "Ana, Ben (work)"
    assert await title("WhatsApp Chat with Ben.txt") == "Ben (work)"
    assert await title("WhatsApp Chat with Lake house.txt") == "Lake house"
    assert await title("chat.txt", title="Ben") == "Ben"


async def test_another_name_alone_is_a_revision(alice: Client, chat_id: str) -> None:
    reply = await revise(alice, chat_id, CHAT.replace("- Ana:", "- Anna:"))
    assert (reply.status_code, reply.json()["revision"]) == (201, 2)
    assert reply.json()["changes"]["known"] == 600
    assert {person["name"] for person in reply.json()["participants"]} == {"Anna", "Ben"}


async def test_names_that_were_joined_are_renamed_together(alice: Client) -> None:
    numbers = CHAT.replace("- Ben:", "- +49 170 1234567:", 50)
    chat_id = (await upload(alice, numbers.encode())).json()["id"]
    join = {"join": [{"name": "+49 170 1234567", "into": "Ben"}]}
    await alice.patch(f"/api/chats/{chat_id}", json=join)
    for _ in range(2):
        chat = (await revise(alice, chat_id, numbers.replace("- Ben:", "- Benny:"))).json()
        assert {person["name"] for person in chat["participants"]} == {"Ana", "Benny"}
        assert (chat["revision"], chat["message_count"]) == (3, 600)


async def test_an_export_of_another_chat_is_refused(alice: Client, chat_id: str) -> None:
    reply = await revise(alice, chat_id, MORE)
    assert refusal(reply) == (422, "other_chat")
    assert (await alice.get(f"/api/chats/{chat_id}")).json()["revision"] == 1


async def test_times_are_of_the_chat_s_own_zone(alice: Client) -> None:
    uploaded = await upload(alice, CHAT.encode(), timezone="Asia/Tokyo")
    chat = (await revise(alice, uploaded.json()["id"], CHAT + MORE)).json()
    assert chat["changes"]["known"] == 600
    assert chat["last_at"] == "2024-03-26T01:01:00Z"


async def test_what_was_unlocked_quotes_its_own_revision_and_is_sold_again(
    alice: Client, login: Login, chat_id: str, finish: Finish
) -> None:
    first = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", first)
    await revise(alice, chat_id, "29/02/2024, 10:00 - Ana: before all\n" + CHAT)
    snapshot_of_job = (await alice.get(f"/api/insights/jobs/{first}")).json()
    assert (snapshot_of_job["state"], snapshot_of_job["chat_revision"]) == ("succeeded", 1)
    assert await messages(alice, chat_id, "1", revision=1) == ["Good morning!"]
    assert await messages(alice, chat_id, "1", revision=2) == ["before all"]
    assert await messages(alice, chat_id, "1") == ["before all"]
    assert await messages(alice, chat_id, "1", revision=3) == []
    coins = {"user_id": "alice", "coins": 50, "reason": "test", "reference": "again"}
    await login("admin", "credits:grant").post("/api/credits/grants", json=coins)
    reply = await unlock(alice, chat_id)
    assert reply.status_code == 202, reply.text
    again = (await alice.get(f"/api/insights/jobs/{reply.json()['job_id']}")).json()
    assert again["chat_revision"] == 2


async def test_revisions_that_nothing_quotes_are_not_kept(alice: Client, chat_id: str) -> None:
    for day in range(26, 30):
        await revise(alice, chat_id, CHAT + f"{day}/03/2024, 10:00 - Ana: hi\n")
    async with by_worker(snapshot()) as connection:
        rows = await connection.execute(text("SELECT revision, ord FROM chat_blocks ORDER BY ord"))
        kept = [tuple(row) for row in rows]
    assert {revision for revision, _ in kept} == {5}
    assert await messages(alice, chat_id, "601,604") == ["hi", "hi"]


async def test_while_a_job_reads_the_chat_it_is_not_revised(alice: Client, chat_id: str) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    reply = await revise(alice, chat_id, CHAT + MORE)
    assert refusal(reply) == (409, "unlock_in_progress")
    assert reply.json()["job_id"] == job_id
    await alice.post(f"/api/insights/jobs/{job_id}/cancel")
    assert (await revise(alice, chat_id, CHAT + MORE)).status_code == 201


async def test_of_two_revisions_at_once_one_is_made_and_nothing_is_lost(
    alice: Client, chat_id: str
) -> None:
    replies = await asyncio.gather(
        *(revise(alice, chat_id, CHAT + f"{day}/03/2024, 10:00 - Ana: hi\n") for day in (26, 27))
    )
    codes = sorted(reply.status_code for reply in replies)
    assert codes in ([201, 201], [201, 409], [201, 503])
    chat = (await alice.get(f"/api/chats/{chat_id}")).json()
    assert chat["message_count"] == 600 + codes.count(201)


async def test_two_names_of_one_person_are_joined_for_good(alice: Client) -> None:
    numbers = CHAT.replace("- Ben:", "- +49 170 1234567:", 50)
    chat_id = (await upload(alice, numbers.encode())).json()["id"]
    reply = await alice.patch(
        f"/api/chats/{chat_id}", json={"join": [{"name": "+49 170 1234567", "into": "Ben"}]}
    )
    chat = reply.json()
    assert reply.status_code == 200, reply.text
    assert chat["participants"] == [
        {"name": "Ana", "messages": 400},
        {"name": "Ben", "messages": 200},
    ]
    assert chat["statistics"]["total"]["messages"] == 600
    assert chat["revision"] == 2
    grown = (await revise(alice, chat_id, numbers + MORE)).json()
    assert grown["changes"] == {"added": 2, "changed": 0, "known": 600, "kept": 0, "renamed": []}
    assert len(grown["participants"]) == 2


async def test_a_chat_is_renamed_for_good_without_a_revision(alice: Client, chat_id: str) -> None:
    reply = await alice.patch(f"/api/chats/{chat_id}", json={"title": "  Summer\u0000house "})
    assert refusal(reply) == (422, "validation_failed")
    reply = await alice.patch(f"/api/chats/{chat_id}", json={"title": "  Summer house "})
    assert (reply.json()["title"], reply.json()["revision"]) == ("Summer house", 1)
    assert (await revise(alice, chat_id, CHAT + MORE)).json()["title"] == "Summer house"


@pytest.mark.parametrize(
    "asked",
    [{"title": ""}, {"title": " \t "}, {"title": "x" * 101}, {"join": []}, {"other": 1},
     {"join": [{"name": "Zoe", "into": "Ana"}]}, {"join": [{"name": "Ana", "into": "Ana"}]},
     {"join": [{"name": "Ana", "into": "Ben"}, {"name": "Ben", "into": "Ana"}]},
     {"join": [{"name": "Ana", "into": " "}]}],
)  # fmt: skip
async def test_changes_that_mean_nothing_are_refused(
    alice: Client, chat_id: str, asked: dict[str, Any]
) -> None:
    reply = await alice.patch(f"/api/chats/{chat_id}", json=asked)
    assert refusal(reply) == (422, "validation_failed")


async def test_a_stranger_s_chat_is_not_revised(bob: Client, chat_id: str) -> None:
    for reply in (
        await revise(bob, chat_id, CHAT + MORE),
        await bob.patch(f"/api/chats/{chat_id}", json={"title": "mine"}),
        await bob.patch(f"/api/chats/{chat_id}", json={"join": [{"name": "Ana", "into": "B"}]}),
    ):
        assert refusal(reply) == (404, "not_found")


async def test_a_deleted_chat_takes_all_its_revisions_with_it(alice: Client, chat_id: str) -> None:
    await revise(alice, chat_id, CHAT + MORE)
    await alice.delete(f"/api/chats/{chat_id}")
    assert refusal(await revise(alice, chat_id, CHAT)) == (404, "not_found")
    async with by_worker(snapshot()) as connection:
        assert (await connection.execute(text("SELECT 1 FROM chat_blocks"))).first() is None
