"""Every messenger's export is read back as it was written, whoever wrote it and whatever."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import FORMATS, find_format, read_export
from app.chats.formats.whatsapp.format import WHATSAPP
from app.chats.statistics import compute_statistics
from tests.chats.fuzz import HEADERS
from tests.support.exports import LAYOUTS, TITLE, Layout, Said, chat_of

START = datetime(2024, 2, 13, 10, 15, tzinfo=UTC)
NAMES = ("Nia", "Olo Öl", "Ягода", "李 明", "Mary-Jane O'Neil", "😀 Pia")
PLAIN = st.text("abcäñß王がй😀👨‍👩‍👧.,!?;'", min_size=1, max_size=9)
ANY = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=9
)


@st.composite
def chats(draw, layout: Layout):
    """A chat of a layout: names with spaces, texts of several lines, times that stand still."""
    own = [layout.own]
    people = [*own, TITLE] if layout.pairs else [*own, *NAMES]
    words = ANY if layout.is_exact else PLAIN
    texts = st.lists(words, min_size=1, max_size=6).flatmap(
        lambda drawn: st.sampled_from((" ", "\n")).map(lambda by: by.join(drawn))
    )
    at, said = START, []
    for _ in range(draw(st.integers(3, 12))):
        at += timedelta(seconds=layout.step_s * draw(st.integers(1, 2_000)))
        at = at - timedelta(seconds=at.timestamp() % layout.step_s)
        said.append(Said(at, draw(st.sampled_from(people)), draw(texts)))
    return said


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_chat_comes_back_as_it_was_rendered(name, data):
    layout = LAYOUTS[name]
    said = data.draw(chats(layout))
    read = read_export(layout.render(said).encode(), ReadingOptions())
    assert [Said(m.at, m.author, m.text) for m in read.messages] == said
    assert [m.number for m in read.messages] == list(range(1, len(said) + 1))
    assert (read.report.unparsed_lines, read.report.notices) == (0, 0)
    assert read.title == layout.title


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_line_of_a_format_of_lines_is_accounted_for(name):
    raw = LAYOUTS[name].render(chat_of(20, people=(LAYOUTS[name].own, TITLE)))
    report = read_export(raw.encode(), ReadingOptions()).report
    counted = report.message_lines + report.notice_lines + report.unparsed_lines
    if counted:
        lines = raw.replace("\r\n", "\n").removesuffix("\n").count("\n") + 1
        assert counted + report.blank_lines == lines


@pytest.mark.parametrize("name", LAYOUTS)
def test_statistics_are_those_of_the_messages(name):
    layout = LAYOUTS[name]
    said = chat_of(60, step_s=3_600, people=(layout.own, TITLE))
    read = read_export(layout.render(said).encode(), ReadingOptions())
    statistics = compute_statistics(read.messages)
    assert sum(read.participants.values()) == 60
    assert statistics == compute_statistics(
        [
            m._replace(at=s.at, author=s.author, text=s.text)
            for m, s in zip(read.messages, said, strict=True)
        ]
    )


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encodings_of_editors_are_read(name, encoding):
    layout = LAYOUTS[name]
    said = chat_of(6, people=(layout.own, TITLE))
    read = read_export(layout.render(said).encode(encoding), ReadingOptions())
    assert [m.text for m in read.messages] == [m.text for m in said]


@pytest.mark.parametrize("name", LAYOUTS)
def test_wall_times_are_of_the_zone_that_is_given_and_others_are_moved_to_it(name):
    layout = LAYOUTS[name]
    zone = timezone(timedelta(hours=5, minutes=30))
    read = read_export(
        layout.render(chat_of(3, people=(layout.own, TITLE))).encode(), ReadingOptions(tz=zone)
    )
    is_wall = "time_zone" in read.report.unsaid
    first = read.messages[0].at
    assert first.replace(tzinfo=UTC if is_wall else zone) == (
        START if is_wall else START.astimezone(zone)
    )
    assert first.utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_owner_who_has_no_name_is_said_to_have_none(name):
    layout = LAYOUTS[name]
    told = layout.render(chat_of(4, people=(layout.own, TITLE)))
    names_owner = {"sms", "sigtop-json", "sigtop-text", "sigtop-short", "imessage"} | {
        "signal-export-json",
        "signal-export-md",
    }
    unsaid = read_export(told.encode(), ReadingOptions()).report.unsaid
    assert ("author" in unsaid) == (name in names_owner)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_told_by_its_content_from_all_others(name):
    layout = LAYOUTS[name]
    head = layout.render(chat_of(30, people=(layout.own, TITLE))).encode()
    strict = [known for known in FORMATS if known is not WHATSAPP]  # It comes last.
    assert [known.name for known in strict if known.recognises(head)] == [find_format(head).name]


@pytest.mark.parametrize("header", HEADERS)
def test_a_whatsapp_export_is_taken_for_no_other(header):
    raw = "".join(f"{header.format(n)}Nia: hi\n" for n in range(10, 20)).encode()
    assert [known.name for known in FORMATS if known.recognises(raw)] == ["whatsapp"]


@pytest.mark.parametrize("name", ["telegram", "discord", "wechat", "chatlog", "sigtop-json"])
def test_two_people_of_one_name_are_not_made_one_where_the_export_tells_them_apart(name):
    layout = LAYOUTS[name]
    said = [
        Said(START + timedelta(minutes=n), author, "hi") for n, author in enumerate(("Alex", "Bob"))
    ]
    raw = layout.render(said)
    raw = raw.replace('"Bob"', '"Alex"').replace(",Bob,", ",Alex,")
    read = read_export(raw.encode(), ReadingOptions())
    assert list(read.participants) == ["Alex", "Alex (2)"]
