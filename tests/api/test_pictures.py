"""`GET /api/chats/{id}/pictures`: what is drawn of a chat, of all its time or a part."""

import pytest

from tests.support.api import Client, refusal

NOBODY = "018f3b5e-0000-7000-8000-000000000000"


async def test_pictures_agree_with_the_statistics(alice: Client, chat_id: str) -> None:
    chat = (await alice.get(f"/api/chats/{chat_id}")).json()
    told = (await alice.get(f"/api/chats/{chat_id}/pictures")).json()
    assert told["statistics"] == chat["statistics"]
    assert told["people"] == ["Ana", "Ben"]
    authors = chat["statistics"]["authors"]
    by_person = [sum(row) for row in zip(*(one["counts"] for one in told["buckets"]), strict=True)]
    assert by_person == [one["messages"] for one in authors]
    hours = [sum(map(sum, person)) for person in told["by_weekday_hour"]]
    assert hours == by_person
    for one in told["replies"]:
        author = authors[one["person"]]
        assert one["median_s"] == author["reply_median_s"]
        assert one["p90_s"] == author["reply_p90_s"]
        assert sum(one["spans"]) == one["count"] == author["replies"]
    for person, one in enumerate(told["by_person"]):
        days = [bucket["counts"][person] for bucket in told["buckets"] if bucket["counts"][person]]
        assert (one["active_days"], one["busiest_day"]["messages"]) == (len(days), max(days))
        assert one["longest_streak"]["days"] <= len(days)
    assert [sum(row) for row in told["answers"]] == [one["replies"] for one in authors]


async def test_a_part_of_the_time_is_counted_by_wall_days(alice: Client, chat_id: str) -> None:
    path = f"/api/chats/{chat_id}/pictures"
    told = (await alice.get(f"{path}?first_day=2024-03-02&last_day=2024-03-03")).json()
    assert told["statistics"]["total"]["messages"] == 48
    assert [one["day"] for one in told["buckets"]] == ["2024-03-02", "2024-03-03"]
    one = (await alice.get(f"{path}?last_day=2024-03-01")).json()
    assert one["statistics"]["total"]["messages"] == 24
    assert one["seasons"] == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("first_day=2030-01-01", (422, "empty_period")),
        ("first_day=2024-03-03&last_day=2024-03-02", (422, "empty_period")),
        ("first_day=yesterday", (422, "validation_failed")),
    ],
)
async def test_a_time_without_messages_is_refused(
    alice: Client, chat_id: str, query: str, told: tuple[int, str]
) -> None:
    assert refusal(await alice.get(f"/api/chats/{chat_id}/pictures?{query}")) == told


async def test_nobody_else_sees_them(alice: Client, bob: Client, chat_id: str) -> None:
    assert refusal(await bob.get(f"/api/chats/{chat_id}/pictures")) == (404, "not_found")
    assert refusal(await alice.get(f"/api/chats/{NOBODY}/pictures")) == (404, "not_found")
