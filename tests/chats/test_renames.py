"""One person under two names in two exports of one chat."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chats.alignment import Changes, OtherChat, merge
from app.chats.blocks import ChatMeta
from app.chats.exchange import ReadingOrder
from app.chats.message import Message
from app.chats.reading import read_chat
from app.chats.renames import find_renames, under_one_name
from app.chats.revising import revise

START = datetime(2024, 2, 13, 10, tzinfo=UTC)
PEOPLE = ("Nia", "Olo", "Pia", "Una")
TEXTS = ("ok", "", "no", "where are you?", "at the lake", "coming")


def chat(*said):
    """Messages from (minute, author, text)."""
    return [
        Message(number, START + timedelta(minutes=minute), author, text)
        for number, (minute, author, text) in enumerate(said, 1)
    ]


def told(messages):
    return [(m.at, m.author, m.text) for m in messages]


def renamed(messages, names):
    return [
        m._replace(number=number, author=names.get(m.author, m.author))
        for number, m in enumerate(messages, 1)
    ]


def merged(old, new, joined=None):
    named = under_one_name(old, new, joined or {})
    return named, merge(named.old, named.new)


def talk(count, people=PEOPLE):
    return chat(*((n, people[n * n % len(people)], f"line {n}") for n in range(count)))


@st.composite
def chats(draw):
    """A chat, sometimes with the same words in a minute, of which each person says something of
    their own at last."""
    said = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(PEOPLE), st.sampled_from(TEXTS)),
            max_size=40,
        )
    )
    minute, lines = 0, []
    for step, author, text in said:
        minute += step
        lines.append((minute, author, text))
    for turn in range(2):
        lines += [(minute + 1 + turn, name, f"{name} says {turn}") for name in PEOPLE]
    return chat(*lines)


@given(
    chats(),
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["A", "B", "C", "D"]), min_size=1),
    st.integers(0, 30),
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(TEXTS)), max_size=5),
)
def test_whoever_is_renamed_a_chat_that_grows_doubles_nobody(whole, names, begins, more):
    names = {name: f"{other} {name}" for name, other in names.items()}
    last = whole[-1].at
    later = [
        Message(0, last + timedelta(minutes=n), author, text)
        for n, (author, text) in enumerate(more, 1)
    ]
    expected = renamed([*whole, *later], names)
    newer = renamed([*whole[min(begins, len(whole) - 8) :], *later], names)
    named, grown = merged(whole, newer)
    assert told(grown.messages) == told(expected)
    assert named.names == names
    assert grown.changes.added == len(later)
    assert named.is_stored
    # The older export again; of two that end alike, the one that came last names people.
    back, again = merged(grown.messages, whole)
    assert told(again.messages) == told(expected if later else whole)
    assert (again.changes.added, again.changes.changed) == (0, 0)
    assert back.is_stored == (not later)


@given(chats(), st.data())
def test_people_who_keep_their_names_are_never_taken_for_others(whole, data):
    def some(export):
        kept = data.draw(st.lists(st.booleans(), min_size=len(export), max_size=len(export)))
        return renamed([m for m, is_kept in zip(export, kept, strict=True) if is_kept], {})

    first, second = some(whole), some([*whole, *chat((900, "New", "hi"), (901, "New", "ho"))])
    if first and second:
        found = find_renames(first, second)
        written = {m.author for m in first} & {m.author for m in second}
        assert not written & found.keys()
        assert not {m.author for m in first} & set(found.values())


def test_names_are_of_the_export_that_was_made_later():
    old = talk(40)
    newer = renamed(talk(60)[10:], {"Nia": "Nia (work)"})
    named, grown = merged(old, newer)
    assert named.names == {"Nia": "Nia (work)"}
    assert grown.changes == Changes(added=20, changed=0, known=30, kept=10)
    assert {m.author for m in grown.messages} == {"Nia (work)", "Olo"}
    named, grown = merged(talk(60)[10:], renamed(old, {"Nia": "+49 170 1234567"}))
    assert (named.names, named.is_stored) == ({"+49 170 1234567": "Nia"}, False)
    assert told(grown.messages) == told(talk(60))


def test_an_export_of_the_other_phone_names_everybody_otherwise():
    names = {"Nia": "Me", "Olo": "Olo ☀"}
    named, grown = merged(talk(40), renamed(talk(50), names))
    assert named.names == names
    assert len(grown.messages) == 50


def test_a_name_that_was_handed_on_stays_with_its_messages():
    old = talk(40, ("Nia", "Olo"))
    newer = renamed(talk(45, ("Nia", "Olo")), {"Nia": "Olo", "Olo": "Olo (old phone)"})
    named, grown = merged(old, newer)
    assert named.names == {"Nia": "Olo", "Olo": "Olo (old phone)"}
    assert told(grown.messages) == told(newer)
    # Somebody new has the name that was given up.
    newer = [*renamed(old, {"Nia": "Nia 1"}), *chat((90, "Nia", "hi"), (91, "Nia", "I am new"))]
    named, grown = merged(old, newer)
    assert named.names == {"Nia": "Nia 1"}
    assert told(grown.messages) == told(newer)


def test_one_message_bears_a_name_out_where_its_neighbours_are_the_same():
    old = [*talk(20, ("Nia", "Olo")), *chat((20, "Pia", "hello all"), (21, "Nia", "hi"))]
    newer = renamed(old, {"Pia": "Pia B."})
    assert find_renames(old, newer) == {"Pia": "Pia B."}
    assert find_renames(old, [*newer[:19], *newer[20:]]) == {}
    assert find_renames(old, [*newer, *chat((40, "Pia", "I am here too"))]) == {}


@pytest.mark.parametrize(
    "newer",
    [
        # The new name is borne by two, or the old one has both names.
        renamed(talk(20), {"Nia": "X", "Olo": "X"}),
        [*renamed(talk(10), {"Nia": "X"}), *talk(20)[10:]],
        # The new name is another's who wrote before.
        renamed(talk(20), {"Nia": "Una"}),
        [*renamed(talk(20), {"Nia": "Una"}), *chat((30, "New", "hello"))],
        # Few of many messages are the same.
        [*renamed(talk(4), {"Nia": "X"}), *chat(*((n, "X", f"other {n}") for n in range(4, 20)))],
    ],
)
def test_what_would_make_two_people_one_is_not_believed(newer):
    old = [*chat((-1, "Una", "before all")), *talk(20)]
    assert find_renames(old, newer) == {}


def test_who_was_joined_by_the_user_is_renamed_as_one():
    stored = renamed(talk(40), {"Nia 2": "Nia"})
    newer = renamed(talk(50), {"Nia": "Nia B."})
    newer = [
        m._replace(author="Nia 2") if m.author == "Nia B." and m.number < 9 else m for m in newer
    ]
    named, grown = merged(stored, newer, {"Nia 2": "Nia"})
    assert named.names == {"Nia": "Nia B."}
    assert named.joined == {"Nia 2": "Nia B."}
    assert {m.author for m in grown.messages} == {"Nia B.", "Olo"}
    assert grown.changes.added == 10


def test_who_joined_and_left_is_told_once_under_the_newer_name():
    lines = [f"13/02/2024, 10:{n:02} - {'Nia' if n % 2 else 'Olo'}: line {n}\n" for n in range(20)]
    older = "13/02/2024, 09:00 - Nia added Olo\n" + "".join(lines)
    order = ReadingOrder("chat.txt", None, "UTC")
    chat = read_chat(older.encode(), order, bytes_max=1 << 20)
    newer = older.replace("Olo", "Olo Berg") + "14/02/2024, 09:00 - Olo Berg left\n"
    meta = ChatMeta(**orjson.loads(chat.meta))
    grown = revise(newer.encode(), order, meta, chat.blocks, bytes_max=1 << 20)
    assert grown.changes.renamed == {"Olo": "Olo Berg"}
    membership = orjson.loads(grown.chat.meta)["membership"]
    assert [(e["kind"], e["people"]) for e in membership] == [
        ("joined", ["Olo Berg"]),
        ("left", ["Olo Berg"]),
    ]


def test_the_same_words_in_another_chat_make_nobody_of_it_one():
    other = chat(*((n, "X", f"line {n}" if n < 3 else "else") for n in range(60)))
    named = under_one_name(talk(60), other, {})
    assert named.names == {}
    with pytest.raises(OtherChat):
        merge(named.old, named.new)
