from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.chats.message import Message, MessageKind
from app.chats.statistics import ChatStatistics, compute_statistics

MONDAY = datetime(2023, 5, 1, 9, 0, tzinfo=UTC)


def said(*turns, begin=MONDAY):
    """Messages from (author, text, minutes since the message before)."""
    at, messages = begin, []
    for number, (author, text, minutes) in enumerate(turns, 1):
        at += timedelta(minutes=minutes)
        messages.append(Message(number, at, author, text))
    return messages


def by_author(statistics):
    return {tally.author: tally for tally in statistics.authors}


def test_what_people_wrote_is_counted():
    messages = [
        *said(
            ("Ann", "Shall we meet? I'd love to", 0),
            ("Bob", "see https://x.example/?q=1 and www.y.example", 1),
            ("Ann", "café 12 😀😀", 1),
        ),
        Message(4, MONDAY, "Bob", "the view", MessageKind.MEDIA),
        Message(5, MONDAY, "Bob", "", MessageKind.DELETED),
        Message(6, MONDAY, "Ann", "fine", MessageKind.TEXT, edited=True),
    ]
    statistics = compute_statistics(messages)
    ann, bob = by_author(statistics)["Ann"], by_author(statistics)["Bob"]
    assert (ann.messages, ann.words, ann.questions, ann.emoji, ann.edited) == (3, 8, 1, 2, 1)
    assert (bob.messages, bob.words, bob.links, bob.questions) == (3, 4, 2, 0)
    assert (bob.media, bob.deleted) == (1, 1)
    assert (bob.average_words, bob.longest_message) == (2.0, 2)
    assert (statistics.total.messages, statistics.total.words) == (6, 12)


def test_replies_are_timed_from_the_last_message_of_the_other():
    statistics = compute_statistics(
        said(
            ("Ann", "a", 0),
            ("Ann", "b", 10),
            ("Bob", "c", 2),
            ("Bob", "d", 1),
            ("Ann", "e", 30),
            ("Bob", "f", 4),
            ("Ann", "g", 360),
        )
    )
    ann, bob = by_author(statistics)["Ann"], by_author(statistics)["Bob"]
    assert (bob.replies, bob.reply_median_s, bob.reply_p90_s) == (2, 120, 240)
    assert (ann.replies, ann.reply_median_s) == (1, 1800)
    assert (ann.conversations_started, bob.conversations_started) == (2, 0)


def test_one_who_talks_alone_has_no_reply_times():
    statistics = compute_statistics(said(("Ann", "a", 0), ("Ann", "b", 1)))
    assert statistics.total.reply_median_s is None
    assert statistics.total.conversations_started == 1


def test_elapsed_time_is_right_where_the_clock_jumps():
    berlin = ZoneInfo("Europe/Berlin")
    messages = [
        Message(1, datetime(2023, 3, 26, 1, 59, tzinfo=berlin), "Ann", "a"),
        Message(2, datetime(2023, 3, 26, 3, 1, tzinfo=berlin), "Bob", "b"),
    ]
    statistics = compute_statistics(messages)
    assert statistics.total.reply_median_s == 120
    assert statistics.longest_silence is not None
    assert statistics.longest_silence.seconds == 120


def test_messages_out_of_order_never_make_negative_times():
    statistics = compute_statistics(said(("Ann", "a", 0), ("Bob", "b", -3), ("Ann", "c", 5)))
    assert statistics.total.reply_median_s == 0
    assert statistics.first_at < statistics.last_at


def test_the_calendar_is_that_of_the_wall_clock():
    statistics = compute_statistics(
        said(("Ann", "a", 0), ("Ann", "b", 14 * 60), ("Bob", "c", 24 * 60), ("Bob", "d", 72 * 60))
    )
    assert statistics.by_weekday_hour[0][9] == 1
    assert statistics.by_weekday_hour[0][23] == 1
    assert statistics.by_weekday_hour[4][23] == 1
    assert sum(map(sum, statistics.by_weekday_hour)) == 4
    assert [(m.month, m.messages) for m in statistics.by_month] == [("2023-05", 4)]
    assert (statistics.busiest_day.day, statistics.busiest_day.messages) == (date(2023, 5, 1), 2)
    streak = statistics.longest_streak
    assert (streak.first_day, streak.last_day, streak.days) == (
        date(2023, 5, 1),
        date(2023, 5, 2),
        2,
    )
    assert statistics.longest_silence is not None
    assert statistics.longest_silence.seconds == 72 * 3600
    assert statistics.active_days == 3


def test_top_words_leave_out_what_says_nothing():
    statistics = compute_statistics(
        said(*[("Ann", "the Garden and the garden, it's ours", 1)] * 3, ("Bob", "kitchen", 1))
    )
    assert [(w.word, w.count) for w in statistics.top_words] == [("garden", 6), ("kitchen", 1)]


@pytest.mark.parametrize(
    ("text", "top"),
    [
        ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", ("👨‍👩‍👧‍👦", 2)),
        ("👍🏽👍🏽 👍", ("👍🏽", 2)),
        ("🇩🇪🇩🇪🇫🇷", ("🇩🇪", 2)),
        ("❤️❤", ("❤️", 2)),
        ("1️⃣1️⃣", ("1⃣", 2)),
        ("👩🏾‍🚀x👩🏾‍🚀", ("👩🏾‍🚀", 2)),
    ],
)
def test_emoji_are_counted_as_people_see_them(text, top):
    statistics = compute_statistics(said(("Ann", text, 0)))
    assert (statistics.top_emoji[0].emoji, statistics.top_emoji[0].count) == top


def test_plain_digits_and_arrows_are_no_emoji():
    assert compute_statistics(said(("Ann", "1 # * → ✓ © 漢字", 0))).total.emoji == 0


def test_a_crowd_is_summed_up_beyond_fifty_authors():
    turns = [(f"P{n % 1000}", f"word{n} x", 1) for n in range(3000)] + [("P7", "again", 1)]
    statistics = compute_statistics(said(*turns))
    assert len(statistics.authors) == 50
    assert statistics.authors[0].author == "P7"
    assert statistics.others is not None
    assert statistics.others.messages + sum(a.messages for a in statistics.authors) == 3001
    assert statistics.participants == 1000
    assert len(statistics.model_dump_json()) < 60_000


def test_statistics_survive_json_unchanged():
    statistics = compute_statistics(said(("Ann", "hello 😀", 0), ("Bob", "hi", 1)))
    assert ChatStatistics.model_validate_json(statistics.model_dump_json()) == statistics


def test_a_single_message_has_statistics():
    statistics = compute_statistics([Message(1, MONDAY, "Ann", "", MessageKind.EMPTY)])
    assert statistics.longest_silence is None
    assert statistics.longest_streak.days == 1
    assert statistics.total.longest_message is None


def test_no_messages_have_no_statistics():
    with pytest.raises(ValueError, match="at least one"):
        compute_statistics([])
