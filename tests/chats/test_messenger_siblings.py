"""Exports of messengers as their next version, a spreadsheet or an editor writes them: what can be
read is read, and all else is said."""

import json

import pytest

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import read_export
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind
from tests.support.exports import LAYOUTS, TITLE, chat_of, discord, meta, sigtop_json, sms

TEN_PAST = "13 10:15:00"


def read(raw):
    raw = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    return read_export(raw, ReadingOptions())


def told(chat):
    return [(m.author, m.text, str(m.kind)) for m in chat.messages]


def times(chat):
    return {f"{m.at:%d %H:%M:%S}" for m in chat.messages}


def telegram_of(*messages):
    base = {
        "id": 1, "type": "message", "date": "2024-02-13T10:15:00", "date_unixtime": "1707819300",
        "from": "Nia", "from_id": "user1", "text": "", "text_entities": [],
    }  # fmt: skip
    told = [{**base, **message} for message in messages]
    return json.dumps({"name": "Lake", "type": "private_group", "id": 1, "messages": told})


def meta_of(*messages):
    base = {"sender_name": "Nia", "timestamp_ms": 1_707_819_300_000, "content": "hi"}
    told = [{**base, **message} for message in messages]
    return json.dumps({"participants": [{"name": "Nia"}], "messages": told, "title": "Lake"})


def altered(render, **fields):
    """A rendered chat of one message with other fields."""
    whole = json.loads(render(chat_of(1)))
    message = (whole["messages"] if isinstance(whole, dict) else whole)[0]
    message |= fields
    return json.dumps(whole)


NUMBERS = [1_707_819_300, "1707819300", "1,707,819,300", "1 707 819 300", "1’707’819’300",
           1_707_819_300_000, "1707819300000", 1_707_819_300_123_456]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_a_time_is_read_in_any_unit_and_as_a_text(number):
    chats = [
        meta_of({"timestamp_ms": number}),
        altered(LAYOUTS["meta-encrypted"].render, timestamp=number),
        altered(sigtop_json, sent_at=number),
        f'{{"at": {json.dumps(number)}, "author": "Nia", "text": "x"}}'
        if str(number).isdigit()
        else meta_of({}),
        LAYOUTS["wechat"].render(chat_of(1)).replace("1707819300", f'"{number}"'),
    ]
    assert [times(read(raw)) for raw in chats] == [{TEN_PAST}] * len(chats)


@pytest.mark.parametrize("number", [None, True, "", "soon", 5, 10**19, "NaN", {}, []])
def test_what_is_no_time_is_counted(number):
    plain, odd = altered(sigtop_json), altered(sigtop_json, sent_at=number, timestamp=number)
    for raw in (meta_of({"timestamp_ms": number}, {}), f"{plain[:-1]}, {odd[1:]}"):
        chat = read(raw)
        assert (len(chat.messages), chat.report.unparsed_lines) == (1, 1)


@pytest.mark.parametrize(
    "content",
    [{"dice": {"emoji": "🎲", "value": 3}}, {"todo_list": {"title": {"text": "T"}}},
     {"story_data": {}}, {"paid_media": []}, {"giveaway_information": {}}, {"what_comes_next": 1},
     {"media_type": "sticker", "file": "(File not included.)", "sticker_emoji": "😀"}],
)  # fmt: skip
def test_a_message_of_telegram_without_words_is_a_medium_if_it_holds_something(content):
    chat = read(telegram_of(content, {"reply_to_message_id": 1, "reactions": []}))
    assert told(chat) == [("Nia", "", "media"), ("Nia", "", "empty")]


@pytest.mark.parametrize("question", ["When?", {"text": "When?"}, ["When", {"text": "?"}]])
def test_a_poll_of_telegram_is_read_as_older_and_newer_versions_write_it(question):
    chat = read(telegram_of({"poll": {"question": question, "answers": [{"text": ["now"]}]}}))
    assert told(chat) == [("Nia", "When?\nnow", "poll")]


@pytest.mark.parametrize(
    ("event", "kind", "people"),
    [
        ({"action": "pin_message"}, NoticeKind.SETTING, ()),
        ({"action": "brand_new_action"}, NoticeKind.UNKNOWN, ()),
        ({"action": None}, NoticeKind.UNKNOWN, ()),
        ({"type": "unsupported"}, NoticeKind.UNKNOWN, ()),
        ({"action": "remove_members", "members": None}, NoticeKind.LEFT, ()),
        ({"action": "invite_members", "members": [None, "Olo", 5]}, NoticeKind.JOINED, ("Olo",)),
    ],
)
def test_events_of_telegram_that_are_in_no_table_are_told(event, kind, people):
    service = {"type": "service", "actor": "Nia", "actor_id": "user1", **event}
    chat = read(telegram_of(service, {"text": "hi"}))
    assert [(n.kind, n.people) for n in chat.notices] == [(kind, people)]
    assert chat.report.unknown_notices == (kind is NoticeKind.UNKNOWN)


def test_a_message_of_telegram_without_an_id_is_by_the_person_of_its_name():
    chat = read(telegram_of({"text": "a"}, {"text": "b", "from_id": None}))
    assert chat.participants == {"Nia": 2}


@pytest.mark.parametrize(
    ("fields", "text", "kind"),
    [
        ({"share": None}, "hi", "text"), ({"share": {"link": None}}, "hi", "text"),
        ({"share": {"link": "https://x.org"}, "content": "see https://x.org now"},
         "see https://x.org now", "text"),
        ({"photos": []}, "hi", "text"), ({"photos": None}, "hi", "text"),
        ({"call_duration": None}, "hi", "text"), ({"call_duration": 0}, "", "call"),
        ({"content": None}, "", "empty"), ({"content": None, "videos": [{}]}, "", "media"),
        ({"reactions": [{"reaction": "x", "actor": "Nia"}]}, "hi", "text"),
    ],
)  # fmt: skip
def test_fields_of_messenger_that_hold_nothing_mean_nothing(fields, text, kind):
    assert told(read(meta_of(fields))) == [("Nia", text, kind)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("été"[:0] + "Ã©tÃ©", "été"), ("Ã©tÃ", "étÃ"), ("café Ã©", "café é"), ("ð\x9f\x98\x80", "😀"),
     ("Ã©t\u4f60", "Ã©t\u4f60"), ("5 £", "5 £")],
)  # fmt: skip
def test_text_that_is_mis_encoded_in_part_or_cut_off_is_repaired_where_it_is(written, meant):
    assert told(read(meta_of({"content": written}))) == [("Nia", meant, "text")]


def test_a_forwarded_message_of_discord_keeps_its_text():
    raw = altered(discord, content="", forwardedMessage={"content": "from elsewhere"})
    assert [m.text for m in read(raw).messages] == ["from elsewhere"]


@pytest.mark.parametrize("mentions", [None, []])
def test_an_event_of_discord_may_name_nobody(mentions):
    whole = json.loads(discord(chat_of(2)))
    whole["messages"][0] |= {"type": "RecipientAdd", "mentions": mentions}
    assert [n.people for n in read(json.dumps(whole)).notices] == [("Nia",)]


@pytest.mark.parametrize("name", ["telegram", "meta-encrypted", "discord", "sigtop-json"])
def test_a_stray_byte_in_json_is_replaced_and_counted(name):
    raw = LAYOUTS[name].render(chat_of(3)).encode().replace(b"number 1,", b"number \xe9,", 1)
    chat = read(raw)
    assert len(chat.messages) == 3
    assert (chat.report.replaced_bytes, chat.report.unparsed_lines) == (1, 0)


@pytest.mark.parametrize("kind", ["story", "brand-new"])
def test_events_of_signal_that_are_in_no_table_are_told(kind):
    entries = [*json.loads(sigtop_json(chat_of(1))), *json.loads(altered(sigtop_json, type=kind))]
    short = f"2024-02-13 10:15 Nia: hi\n2024-02-13 10:16 Nia: [{kind} message]\n"
    for raw in (json.dumps(entries), short):
        report = read(raw).report
        assert (report.notices, report.unknown_notices) == (1, 1)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_that_a_spreadsheet_saved_is_read(delimiter):
    raw = LAYOUTS["chatlog"].render(chat_of(3)).replace(", about", " about").replace(",", delimiter)
    assert len(read(raw).messages) == 3


def test_a_draft_is_no_message():
    raw = sms(chat_of(2, people=("Me", TITLE))).replace(' type="2"', ' type="3"')
    chat = read(raw)
    assert [m.author for m in chat.messages] == [TITLE]
    assert chat.report.unparsed_lines == 1


def test_json_lines_may_stand_in_an_array():
    chat = read(
        '[\n {"at": 1707819300, "author": "Nia", "text": "a"},\n'
        ' {"at": "2024-02-13", "author": "Olo", "text": "b"}\n]\n'
    )
    assert [(m.text, m.at.hour) for m in chat.messages] == [("b", 0), ("a", 10)]
    assert chat.report.unparsed_lines == 2


KAKAO = "호수 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n"
REFUSED = {
    "imessage": (
        "Feb 13, 2024 10:15:00 AM\nNia\nhi\n\n{}, 2024 10:15:00 AM\nNia\nho\n\n",
        ("Feb 31", "Feb 0", "Xyz 13", "Fév 13"),
    ),
    "signal-android": (
        "[Feb 13, 2024 10:15:00] <Nia> hi\n[{}, 2024 10:16:00] <Nia> ho\n",
        ("Feb 30", "Fév 13", "Mai 99"),
    ),
    "sigtop-short": ("2024-02-13 10:15 Nia: hi\n2024-02-{} Nia: ho\n", ("13 99:17", "31 10:15")),
    "line": (
        "[LINE] Chat history with Nia\n\n2024/02/13(Tue)\n10:15\tNia\thi\n{}\tNia\tho\n",
        ("25:17", "10:99"),
    ),
    "kakaotalk-pc": (
        KAKAO + "--------------- 2024년 3월 11일 월요일 ---------------\n"
        "[니아] [오전 9:12] hi\n[니아] [{}] ho\n",
        ("25:99", "오후 9:60"),
    ),
    "kakaotalk-phone": (
        KAKAO + "2024년 3월 11일 오후 9:12, 니아 : hi\n2024년 {} 오후 9:12, 니아 : ho\n",
        ("13월 11일", "2월 30일"),
    ),
}


@pytest.mark.parametrize(
    ("layout", "odd"), [(layout, odd) for layout, (_, odds) in REFUSED.items() for odd in odds]
)
def test_a_header_with_a_time_that_does_not_exist_is_counted_and_shown(layout, odd):
    raw = REFUSED[layout][0].format(odd)
    chat = read(raw)
    report = chat.report
    assert (len(chat.messages), report.unparsed_lines) == (1, 1)
    assert odd in report.examples[0].text
    assert raw.split("\n")[report.examples[0].line - 1].startswith(report.examples[0].text)
    lines = report.message_lines + report.notice_lines + report.unparsed_lines + report.blank_lines
    assert lines == len(raw.removesuffix("\n").split("\n"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("see a.jpg", "text"), ("i/o or a/b.txt", "text"), ("Ended", "text"),
        ("That was great!", "text"), ("https://example.org/a.jpg", "text"), ("IMG_1.jpg", "media"),
        ("attachments/12/my file.pdf", "media"), ("Screenshot 2024-02-13 at 10.15.00.png", "media"),
        ("~/Library/Messages/x.pluginPayloadAttachment", "media"), ("ab/IMG_1.HEIC", "media"),
    ],
)  # fmt: skip
def test_a_text_of_imessage_that_sounds_like_a_file_is_kept(text, kind):
    chat = read(f"Feb 13, 2024 10:15:00 AM\nNia\n{text}\n\n")
    assert told(chat) == [("Nia", text if kind == "text" else "", kind)]


@pytest.mark.parametrize(
    ("day", "clock"),
    [("2024. 2. 13. 화요일", "오전 10:15"), ("2024.02.13 화요일", "오전 10:15"),
     ("Di., 13.02.2024", "10:15"), ("Sel, 13/02/2024", "10.15"), ("Mar., 05.03.2024", "10:15")],
)  # fmt: skip
def test_line_is_read_as_more_countries_write_it(day, clock):
    chat = read(f"[LINE] Chat history with Nia\nSaved on: x\n\n{day}\n{clock}\tNia\thi\n")
    at = chat.messages[0].at
    assert f"{at:%m-%d %H:%M}" in ("02-13 10:15", "03-05 10:15")
    assert chat.report.order_confidence == "certain"


def test_an_empty_text_of_kakaotalk_is_a_message():
    chat = read(KAKAO + "2024년 3월 11일 오후 9:12, 니아 :\n")
    assert [m.kind for m in chat.messages] == [MessageKind.EMPTY]


def test_a_file_of_messenger_in_utf_16_without_a_mark_is_read():
    assert len(read(meta(chat_of(3)).encode("utf-16-le")).messages) == 3
