from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.alignment import Changes, OtherChat, merge
from app.chats.message import Message, MessageKind

START = datetime(2024, 2, 13, 10, tzinfo=UTC)


def chat(*said):
    """Messages from (minute, author, text)."""
    return [
        Message(number, START + timedelta(minutes=minute), author, text)
        for number, (minute, author, text) in enumerate(said, 1)
    ]


def long_chat(count):
    return chat(
        *((n // 2, "Nia" if n % 3 else "Olo", "ok" if n % 4 else f"{n}") for n in range(count))
    )


def told(messages):
    return [(m.at, m.author, m.text) for m in messages]


def renumbered(messages):
    return [m._replace(number=number) for number, m in enumerate(messages, 1)]


@given(st.integers(3, 60), st.data())
@settings(max_examples=200, deadline=None)
def test_two_windows_on_one_chat_make_the_whole_again(count, data):
    whole = long_chat(count)
    middle = data.draw(st.integers(0, count - 3))
    end = data.draw(st.integers(middle + 3, count))
    older, newer = whole[:end], renumbered(whole[middle:])
    for first, second in ((older, newer), (newer, older)):
        merged = merge(first, second)
        assert told(merged.messages) == told(whole)
        assert [m.number for m in merged.messages] == list(range(1, count + 1))
        assert merged.changes == Changes(
            added=count - len(first),
            changed=0,
            known=end - middle,
            kept=len(first) - (end - middle),
        )


@given(
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
@settings(max_examples=200, deadline=None)
def test_whatever_each_export_lacks_no_message_is_lost_or_doubled(in_first, in_second):
    whole = chat(*((n, "Nia", f"{n}") for n in range(40)))
    first = renumbered([m for m, kept in zip(whole, in_first, strict=True) if kept] + whole[:4])
    second = renumbered([m for m, kept in zip(whole, in_second, strict=True) if kept] + whole[:4])
    first, second = (
        renumbered(sorted(first, key=lambda m: m.at)),
        sorted(second, key=lambda m: m.at),
    )
    merged = merge(first, second)
    texts = [m.text for m in merged.messages]
    for export in (first, second):
        for text in {m.text for m in export}:
            assert texts.count(text) == max(
                sum(m.text == text for m in first), sum(m.text == text for m in second)
            )
    assert [m.at for m in merged.messages] == sorted(m.at for m in merged.messages)


def test_exports_that_differ_in_seconds_are_one_chat():
    phone = chat((0, "Nia", "a"), (0, "Nia", "b"), (1, "Olo", "c"))
    other = [m._replace(at=m.at + timedelta(seconds=20 + m.number)) for m in phone]
    assert merge(phone, other).changes == Changes(added=0, changed=0, known=3, kept=0)


def test_what_was_edited_or_deleted_since_is_changed_and_not_doubled():
    old = chat(
        (0, "Nia", "one"),
        (1, "Olo", "teh"),
        (2, "Nia", "oops"),
        (3, "Nia", "x"),
        (4, "Olo", "y"),
        (5, "Olo", "z"),
    )
    new = list(old)
    new[1] = new[1]._replace(text="the", edited=True)
    new[2] = new[2]._replace(text="", kind=MessageKind.DELETED)
    merged = merge(old, new)
    assert [m.text for m in merged.messages] == ["one", "the", "", "x", "y", "z"]
    assert merged.changes == Changes(added=0, changed=2, known=4, kept=0)
    again = merge(merged.messages, old)
    assert [m.text for m in again.messages] == ["one", "the", "", "x", "y", "z"]
    assert again.changes == Changes(added=0, changed=0, known=6, kept=0)


def test_messages_that_stand_elsewhere_in_the_other_export_are_not_doubled():
    old = long_chat(20)
    new = [*old[:5], *old[8:12], *old[5:8], *old[12:]]
    merged = merge(old, renumbered(new))
    assert told(merged.messages) == told(old)


@pytest.mark.parametrize(
    "other",
    [
        chat((0, "Nia", "entirely"), (1, "Olo", "other"), (2, "Nia", "words"), (3, "Nia", "here")),
        chat((900, "Nia", "ok"), (901, "Olo", "0"), (902, "Nia", "ok")),
        chat((0, "Nia", "ok"), (700, "Olo", "elsewhere"), (800, "Nia", "too")),
    ],
)
def test_an_export_of_another_chat_is_refused(other):
    with pytest.raises(OtherChat):
        merge(long_chat(30), other)


def test_a_chat_of_one_message_grows():
    merged = merge(chat((0, "Nia", "hi")), chat((0, "Nia", "hi"), (1, "Olo", "ho")))
    assert merged.changes == Changes(added=1, changed=0, known=1, kept=0)


def of_kind(kind, *texts):
    """Three messages, and between them some of `kind` in one minute."""
    frame = chat((0, "Nia", "a"), (1, "Olo", "b"), (2, "Nia", "c"))
    odd = [Message(0, START + timedelta(minutes=2), "Nia", text, kind) for text in texts]
    return renumbered([*frame[:2], *odd, frame[2]])


@pytest.mark.parametrize(
    ("kind", "older", "newer", "kept"),
    [
        (MessageKind.MEDIA, ["", ""], ["at the lake", ""], ["", "at the lake"]),
        (MessageKind.MEDIA, ["at the lake", ""], ["", ""], ["at the lake", ""]),
        (MessageKind.POLL, ["Q\na (1)\nb (0)"], ["Q\na (1)\nb (2)"], ["Q\na (1)\nb (2)"]),
    ],
)
def test_what_one_export_tells_with_less_is_one_message(kind, older, newer, kept):
    merged = merge(of_kind(kind, *older), of_kind(kind, *newer))
    assert [m.text for m in merged.messages if m.kind is kind] == kept
    assert (merged.changes.added, merged.changes.kept) == (0, 0)


def test_another_poll_in_the_same_minute_is_another_message():
    merged = merge(of_kind(MessageKind.POLL, "Q\na (1)"), of_kind(MessageKind.POLL, "R\na (1)"))
    assert (merged.changes.added, merged.changes.kept) == (1, 1)


def test_a_message_that_was_delivered_since_is_told_once():
    older = of_kind(MessageKind.EMPTY, "")
    newer = of_kind(MessageKind.TEXT, "here it is")
    assert told(merge(older, newer).messages) == told(newer)
    assert told(merge(newer, older).messages) == told(newer)
    assert merge(older, newer).changes.changed == 1
