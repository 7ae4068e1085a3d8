"""What is no plain text in the exports of messengers: kinds of messages, and notices."""

import contextlib
import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from app.chats.archive import read_transcript
from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import is_chat, read_export
from app.chats.message import MessageKind
from app.chats.transcript import (
    AmbiguousDates,
    DateOrder,
    EmptyChat,
    NoticeKind,
    SeveralChats,
    TooManyParticipants,
)
from tests.support.exports import LAYOUTS, TITLE, chat_of, meta, sms, telegram, wechat


def read(text, **options):
    return read_export(text.encode("utf-8", "surrogatepass"), ReadingOptions(**options))


def said(chat):
    return [(m.author, m.kind, m.text) for m in chat.messages]


def noted(chat):
    return [(n.kind, n.people) for n in chat.notices]


def telegram_of(*messages):
    base = {"type": "message", "date": "2024-02-13T10:15:00", "from": "Nia", "from_id": "user1"}
    told = [{"id": n, **base, "text": "", **message} for n, message in enumerate(messages)]
    return json.dumps({"name": "Olo", "type": "personal_chat", "id": 1, "messages": told})


def test_telegram_tells_media_polls_places_calls_and_edits():
    chat = read(
        telegram_of(
            {"photo": "photos/1.jpg", "text": "at the lake"},
            {"media_type": "sticker", "file": "s.webp"},
            {"poll": {"question": "When?", "answers": [{"text": "now"}, {"text": "later"}]}},
            {"location_information": {"latitude": 1.0, "longitude": 2.0}},
            {"text": "done", "edited": "2024-02-13T10:16:00"},
            {"text": ["see ", {"type": "link", "text": "https://example.org"}]},
            {"type": "service", "action": "phone_call", "actor": "Nia", "actor_id": "user1"},
            {"from": None, "from_id": "user9", "text": "gone"},
        )
    )
    assert said(chat) == [
        ("Nia", MessageKind.MEDIA, "at the lake"),
        ("Nia", MessageKind.MEDIA, ""),
        ("Nia", MessageKind.POLL, "When?\nnow\nlater"),
        ("Nia", MessageKind.LOCATION, ""),
        ("Nia", MessageKind.TEXT, "done"),
        ("Nia", MessageKind.TEXT, "see https://example.org"),
        ("Nia", MessageKind.CALL, ""),
        ("user9", MessageKind.TEXT, "gone"),
    ]
    assert [m.edited for m in chat.messages].index(True) == 4
    assert chat.report.unsaid == ("time_zone",)


def test_telegram_tells_who_joined_and_who_left():
    service = {"type": "service", "actor": "Nia", "actor_id": "user1"}
    chat = read(
        telegram_of(
            {**service, "action": "create_group", "title": "Lake", "members": ["Olo"]},
            {**service, "action": "invite_members", "members": ["Pia", "Una"]},
            {**service, "action": "remove_members", "members": ["Pia"]},
            {**service, "action": "join_group_by_link"},
            {"text": "hi"},
        )
    )
    assert noted(chat) == [
        (NoticeKind.SETTING, ("Olo",)),
        (NoticeKind.JOINED, ("Pia", "Una")),
        (NoticeKind.LEFT, ("Pia",)),
        (NoticeKind.JOINED, ("Nia",)),
    ]


def test_a_control_character_as_telegram_writes_it_is_read():
    raw = telegram_of({"text": "one"}, {"text": "t@o"}, {"text": "three"}).replace("@", "\\x0F")
    assert [m.text for m in read(raw).messages] == ["one", "t\x0fo", "three"]


def test_of_several_chats_in_one_file_the_one_that_is_named_is_read():
    chats = [
        {"name": name, "type": "personal_chat", "id": number, "messages": [
            {"id": 1, "type": "message", "date_unixtime": "1707819300", "from": name,
             "from_id": "user1", "text": f"hi {count}"} for count in range(number)
        ]}
        for number, name in enumerate(("Nobody", "Nia", "Olo"))
    ]  # fmt: skip
    raw = json.dumps({"about": "", "chats": {"about": "", "list": chats}})
    with pytest.raises(SeveralChats) as refusal:
        read(raw)
    assert refusal.value.facts["chats"] == [
        {"chat": "2", "title": "Olo", "messages": 2},
        {"chat": "1", "title": "Nia", "messages": 1},
    ]
    assert read(raw, chat="1").title == "Nia"
    assert [m.text for m in read(raw, chat="2").messages] == ["hi 0", "hi 1"]


@pytest.mark.parametrize("name", ["telegram", "meta", "discord"])
def test_a_file_that_is_cut_off_keeps_what_is_whole_and_says_so(name):
    raw = LAYOUTS[name].render(chat_of(500))
    chat = read(raw[: len(raw) // 2])
    assert 200 < len(chat.messages) < 300
    assert chat.report.possibly_truncated


@pytest.mark.parametrize("name", ["telegram", "meta", "discord", "sigtop-json"])
def test_an_element_of_another_form_is_counted_and_shown(name):
    raw = LAYOUTS[name].render(chat_of(3))
    start = raw.index("[", max(0, raw.find('"messages"'))) + 1
    chat = read(f'{raw[:start]}{{"id": "odd"}}, [], 7, {raw[start:]}')
    assert len(chat.messages) == 3
    assert chat.report.unparsed_lines == 3
    assert chat.report.examples[0].text == '{"id":"odd"}'


def meta_of(*messages, **fields):
    base = {"sender_name": "Nia", "timestamp_ms": 1_707_819_300_000}
    told = [{**base, **message} for message in messages]
    return json.dumps({"participants": [{"name": "Nia"}], "messages": told, **fields})


def test_messenger_tells_media_calls_links_and_what_was_unsent():
    chat = read(
        meta_of(
            {"content": "look", "photos": [{"uri": "a.jpg"}]},
            {"sticker": {"uri": "s.png"}},
            {"content": "Nia called you.", "call_duration": 61},
            {"is_unsent": True},
            {"content": "read this", "share": {"link": "https://example.org"}},
            {"content": "Liked a message"},
            {"type": "Subscribe", "content": "Nia added Olo.", "users": [{"name": "Olo"}]},
            {"type": "Unsubscribe", "content": "Nia left."},
            title="Lake",
        )
    )
    assert said(chat) == [
        ("Nia", MessageKind.MEDIA, "look"),
        ("Nia", MessageKind.MEDIA, ""),
        ("Nia", MessageKind.CALL, ""),
        ("Nia", MessageKind.DELETED, ""),
        ("Nia", MessageKind.TEXT, "read this\nhttps://example.org"),
    ]
    assert noted(chat) == [
        (NoticeKind.SETTING, ()),
        (NoticeKind.JOINED, ("Olo",)),
        (NoticeKind.LEFT, ("Nia",)),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("\\u00c3\\u00a9t\\u00c3\\u00a9", "été"), ("\\u00f0\\u009f\\u0098\\u0080", "😀"),
     ("caf\\u00e9", "café"), ("\\u5927", "大")],
)  # fmt: skip
def test_mis_encoded_text_is_repaired_and_other_text_is_left_alone(written, meant):
    raw = meta_of({"content": "@"}).replace("@", written)
    assert read(raw).messages[0].text == meant


def test_the_parts_of_a_long_chat_in_an_archive_are_one_chat_beside_another():
    chat = chat_of(100)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        folder = "your_instagram_activity/messages/inbox/lakehouse_123"
        for number, part in enumerate((chat[90:], chat[:90]), 1):
            archive.writestr(f"{folder}/message_{number}.json", meta(part))
        archive.writestr("inbox/other_4/message_1.json", meta(chat[:5]))
        archive.writestr("personal_information.json", "{}")
    with pytest.raises(SeveralChats) as refusal:
        read_transcript(packed.getvalue(), "a.zip", is_chat=is_chat)
    first, second = refusal.value.facts["chats"]
    assert (first["title"], second["title"]) == ("lakehouse_123", "other_4")
    raw = read_transcript(packed.getvalue(), "a.zip", is_chat=is_chat, chat=first["chat"])
    read_back = read_export(raw, ReadingOptions())
    assert [m.text for m in read_back.messages] == [m.text for m in chat]


def test_discord_tells_events_calls_attachments_and_edits():
    base = json.loads(LAYOUTS["discord"].render(chat_of(1)))
    plain = base["messages"][0]
    at = plain["timestamp"]
    base["messages"] = [
        {**plain, "type": "Reply", "content": "yes", "timestampEdited": at},
        {**plain, "content": "", "attachments": [{"id": "1", "fileName": "a.png"}]},
        {**plain, "type": "Call", "content": "Started a call."},
        {**plain, "type": "RecipientAdd", "content": "Added Olo.",
         "mentions": [{"id": "9", "name": "Olo"}]},
        {**plain, "type": "GuildMemberJoin", "content": "Joined the server."},
        {**plain, "type": "ChannelPinnedMessage", "content": "Pinned a message."},
        {**plain, "type": "Other", "content": "?"},
    ]  # fmt: skip
    chat = read(json.dumps(base))
    assert [(m.kind, m.text, m.edited) for m in chat.messages] == [
        (MessageKind.TEXT, "yes", True),
        (MessageKind.MEDIA, "", False),
        (MessageKind.CALL, "", False),
    ]
    assert noted(chat) == [
        (NoticeKind.JOINED, ("Olo",)),
        (NoticeKind.JOINED, ("Nia",)),
        (NoticeKind.SETTING, ()),
        (NoticeKind.UNKNOWN, ()),
    ]
    assert chat.report.unknown_notices == 1


def test_signal_desktop_s_markdown_tells_attachments_quotes_reactions_and_deletions():
    chat = read(
        "[2024-02-13 10:15:00] Me: How is everyone?  \n\n"
        "[2024-02-13 10:16:00] Aya: \n\n> How is everyone?\n\nGreat!  \n(- Me: 👍 -)\n\n"
        "[2024-02-13 10:17:00] Jim: look  ![a.jpg](./media/a.jpg)  \n\n"
        "[2024-02-13 10:18:00] Jim: (This message was deleted)\n\n"
        "[2024-02-13 10:19:00] Jim: Missed voice call  \n\n"
        "[2024-02-13 10:20:00] No-Sender: group updated  \n\n"
    )
    assert said(chat) == [
        ("Me", MessageKind.TEXT, "How is everyone?"),
        ("Aya", MessageKind.TEXT, "Great!"),
        ("Jim", MessageKind.MEDIA, "look"),
        ("Jim", MessageKind.DELETED, ""),
        ("Jim", MessageKind.CALL, ""),
    ]
    assert noted(chat) == [(NoticeKind.UNKNOWN, ())]


def test_sigtop_s_text_tells_quotes_versions_attachments_and_calls():
    sent = "Tue, 13 Feb 2024 10:15:00 +0100"
    received = f"Sent: {sent}\nReceived: {sent}"
    chat = read(
        "Conversation: Olo (+4917)\n\n"
        f"From: Olo (+4917)\nType: incoming\n{received}\n\n"
        f"> From: You\n> Sent: {sent}\n>\n> where?\n\nat the lake\n\nFrom: here\n\n"
        f"From: You\nType: outgoing\nSent: {sent}\nAttachment: a.jpg (image/jpeg, 5 bytes)\n\n"
        f"From: Olo (+4917)\nType: incoming\n{received}\nEdited: 2 versions\n\n"
        f"| Version: 2\n| Sent: {sent}\n|\n| new text\n|\n"
        f"| Version: 1\n| Sent: {sent}\n|\n| old\n\n"
        f"From: Olo (+4917)\nType: call-history\n{received}\n\n"
        f"Type: keychange\nSent: {sent}\nReceived: {sent}\n\n"
    )
    assert said(chat) == [
        ("Olo", MessageKind.TEXT, "at the lake\n\nFrom: here"),
        ("You", MessageKind.MEDIA, ""),
        ("Olo", MessageKind.TEXT, "new text"),
        ("Olo", MessageKind.CALL, ""),
    ]
    assert chat.messages[2].edited
    assert chat.messages[0].at == datetime(2024, 2, 13, 9, 15, tzinfo=UTC)
    assert noted(chat) == [(NoticeKind.SETTING, ())]
    assert chat.title == "Olo"


def test_sigtop_s_short_text_tells_details_in_brackets():
    chat = read(
        "2024-02-13 10:15 You: hi\n"
        "2024-02-13 10:16 Olo: [reply to You on 2024-02-13 10:15, edited, 2 attachments] look\n"
        "2024-02-13 10:17 Olo: [edited] again\nand more\n"
        "2024-02-13 10:18 Olo: [call-history message]\n"
        "2024-02-13 10:19 Olo: [group-v2-change message]\n"
        "2024-02-13 10:20 Olo: [ ] shopping\n"
    )
    assert said(chat) == [
        ("You", MessageKind.TEXT, "hi"),
        ("Olo", MessageKind.MEDIA, "look"),
        ("Olo", MessageKind.TEXT, "again\nand more"),
        ("Olo", MessageKind.CALL, ""),
        ("Olo", MessageKind.TEXT, "[ ] shopping"),
    ]
    assert [m.edited for m in chat.messages] == [False, True, True, False, False]
    assert noted(chat) == [(NoticeKind.SETTING, ())]


def test_signal_for_android_tells_files_polls_and_events():
    chat = read(
        "[Feb 13, 2024 10:15:00] <Nia> hi <you>\nand more\n"
        '[Feb 13, 2024 10:16:00] *** <Olo> sent file "a.jpg"\n'
        "[Feb 13, 2024 10:17:00] <Olo> Poll: When?\n                        [1] now\n"
        "                        [0] later\n"
        "[Feb 13, 2024 10:18:00] *** Olo joined the group.\n"
        "[Feb 13, 2024 10:19:00] *** Missed audio call from Olo\n"
        "[Feb 13, 2024 10:20:00] *** Timer set to a week\n"
    )
    assert said(chat) == [
        ("Nia", MessageKind.TEXT, "hi <you>\nand more"),
        ("Olo", MessageKind.MEDIA, ""),
        ("Olo", MessageKind.POLL, "When?\nnow\nlater"),
    ]
    assert noted(chat) == [
        (NoticeKind.JOINED, ("Olo",)),
        (NoticeKind.CALL, ()),
        (NoticeKind.UNKNOWN, ()),
    ]


def test_imessage_tells_attachments_replies_tapbacks_edits_and_events():
    chat = read(
        "May 17, 2022  5:29:42 PM (Read by them after 1 hour, 49 seconds)\nMe\n"
        "Can you send it?\n\nToday?\n"
        "Tapbacks:\n    Loved by Lena\n"
        "    May 17, 2022  6:02:10 PM\n    Lena\n    Sent!\n\n\n"
        "May 17, 2022  6:02:10 PM\nLena\nSent!\nThis message responded to an earlier message.\n\n"
        "May 17, 2022 11:03:00 PM\nLena\n/Users/l/Library/Messages/Attachments/ab/IMG_1.HEIC\n\n"
        "May 17, 2022 11:04:00 PM\nLena\n"
        "May 17, 2022 11:04:00 PM teh\nEdited 3 seconds later: the\n\n"
        "May 17, 2022 11:05:00 PM\nLena\nLena unsent this message part 5 seconds after sending!\n\n"
        "May 17, 2022 11:06:00 PM Lena added Raj Patel to the conversation.\n\n"
        "May 17, 2022 11:07:00 PM Raj Patel left the conversation.\n\n\n"
    )
    assert said(chat) == [
        ("Me", MessageKind.TEXT, "Can you send it?\n\nToday?"),
        ("Lena", MessageKind.TEXT, "Sent!"),
        ("Lena", MessageKind.MEDIA, ""),
        ("Lena", MessageKind.TEXT, "the"),
        ("Lena", MessageKind.DELETED, ""),
    ]
    assert chat.messages[3].edited
    assert noted(chat) == [
        (NoticeKind.JOINED, ("Raj Patel",)),
        (NoticeKind.LEFT, ("Raj Patel",)),
    ]
    assert chat.messages[0].at == datetime(2022, 5, 17, 17, 29, 42, tzinfo=UTC)


def test_line_tells_media_calls_places_and_events_in_its_languages():
    chat = read(
        "[LINE] Niaとのトーク履歴\n保存日時：2024/02/14 09:00\n\n2024/02/13(火)\n"
        "午前9:05\tNia\t[写真]\n午後12:05\tNia\t☎ 通話時間 1:23\n"
        "午後1:05\tNia\t[スタンプ]\n午後1:06\tNia\tはい\n午後1:07\tNia\t送信を取り消しました\n"
        "午後1:08\t\tOloがグループに参加しました\n午後1:09\t\tOloがグループを退会しました\n"
        '午後1:10\tNia\t"一\n10:00\tOlo\t二\n三"\n'
    )
    assert chat.title == "Nia"
    assert said(chat) == [
        ("Nia", MessageKind.MEDIA, ""),
        ("Nia", MessageKind.CALL, ""),
        ("Nia", MessageKind.MEDIA, ""),
        ("Nia", MessageKind.TEXT, "はい"),
        ("Nia", MessageKind.DELETED, ""),
        ("Nia", MessageKind.TEXT, "一\n10:00\tOlo\t二\n三"),
    ]
    assert [m.at.hour for m in chat.messages] == [9, 12, 13, 13, 13, 13]
    assert [kind for kind, _ in noted(chat)] == [NoticeKind.JOINED, NoticeKind.LEFT]


def line_of(*days):
    return "[LINE] Chat history with Nia\nSaved on: 1/1/2025, 09:00\n" + "".join(
        f"\n{day}\n10:15\tNia\thi\n" for day in days
    )


@pytest.mark.parametrize(
    ("days", "order"),
    [(["Tue, 13/02/2024"], "dmy"), (["Tue, 2/13/2024"], "mdy"), 
     (["Sun, 04/02/2024"], "dmy"), (["Tue, 04/02/2024"], "mdy"), (["2024/02/03(土)"], "ymd")],
)  # fmt: skip
def test_line_s_weekdays_tell_the_order_of_day_and_month(days, order):
    chat = read(line_of(*days))
    assert (chat.report.date_order, chat.report.order_confidence) == (order, "certain")


@pytest.mark.parametrize(
    "day",
    ["令和6年2月13日(火)", "令和6年2月13日 火曜日", "令和6/02/13(火)", "R6/02/13(火)", "R6.2.13",
     "2024年2月13日(火)", "2024/02/13(火)", "2024-02-13", "2567/02/13(อ.)", "พ.ศ. 2567/02/13",
     "พ.ศ.2567-02-13", "อ., 13/02/2567", "อังคาร, 13/02/2567", "Tue, 13/02/2567 BE",
     "Tue, 13/02/2567 B.E.", "อ., 13/02/พ.ศ. 2567", "อ., 13/02/2567 พ.ศ.", "Tue, 2/13/2567"],
)  # fmt: skip
def test_line_s_years_may_be_buddhist_or_of_a_japanese_era(day):
    chat = read(line_of(day))
    assert [m.at for m in chat.messages] == [datetime(2024, 2, 13, 10, 15, tzinfo=UTC)]
    assert (chat.report.unparsed_lines, chat.report.order_confidence) == (0, "certain")


@pytest.mark.parametrize(
    ("day", "year"),
    [("平成31年4月30日(火)", 2019), ("令和元年5月1日(水)", 2019), ("H30/1/2", 2018)],
)
def test_the_first_year_of_an_era_and_those_of_the_one_before_are_read(day, year):
    assert read(line_of(day)).messages[0].at.year == year


@pytest.mark.parametrize("day", ["令和6年2月31日", "พ.ศ. 2567/02/31", "R99/02/13"])
def test_a_day_that_no_calendar_has_is_no_day(day):
    chat = read(line_of("2024/02/12", day))
    assert [m.at.day for m in chat.messages] == [12]


@pytest.mark.parametrize("day", ["พฤ., 01/02/2024", "Wed, 01/02/2024"])
def test_line_s_dates_that_stay_open_are_refused_with_their_readings(day):
    raw = line_of(day)
    with pytest.raises(AmbiguousDates) as refusal:
        read(raw)
    assert [(r["date_order"], r["line_at"]) for r in refusal.value.facts["readings"]] == [
        ("dmy", "2024-02-01"),
        ("mdy", "2024-01-02"),
    ]
    assert read(raw, date_order=DateOrder.MDY).messages[0].at.month == 1


def test_kakaotalk_tells_media_deletions_calls_and_who_came_and_went():
    chat = read(
        "호수 3 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n"
        "--------------- 2024년 3월 11일 월요일 ---------------\n"
        "[니아] [오전 9:12] 사진 3장\n[니아] [오후 12:12] 이모티콘\n"
        "[니아] [오후 3:12] 안녕\n하세요\n"
        "올로님이 나갔습니다.\n니아님이 피아님과 우나님을 초대했습니다.\n"
        "[니아] [오후 3:13] 삭제된 메시지입니다.\n[니아] [오후 3:14] 보이스톡 해요\n"
    )
    assert said(chat) == [
        ("니아", MessageKind.MEDIA, ""),
        ("니아", MessageKind.MEDIA, ""),
        ("니아", MessageKind.TEXT, "안녕\n하세요"),
        ("니아", MessageKind.DELETED, ""),
        ("니아", MessageKind.CALL, ""),
    ]
    assert noted(chat) == [(NoticeKind.LEFT, ("올로",)), (NoticeKind.JOINED, ("피아", "우나"))]
    assert [m.at.hour for m in chat.messages] == [9, 12, 15, 15, 15]


def test_kakaotalk_of_the_mac_tells_the_same_in_csv():
    chat = read(
        "Date,User,Message\n"
        '2024-03-11 09:12:01,"니아","사진"\n'
        '"2024-03-11 15:12:02","니아","안녕\n하세요, ""친구"""\n'
        '2024-03-11 15:12:03,"올로","올로님이 나갔습니다."\n'
        '2024-03-11 15:12:04,"니아","니아님이 피아님과 우나님을 초대했습니다."\n'
        '2024-03-11 15:12:05,"니아","올로님이 나갔습니다."\n'
        '2024-03-11 15:12:06,"Nia","Nia left this chatroom."\n'
        '2024-03-11 15:12:07,"","채팅방 관리자가 메시지를 가렸습니다."\n'
        '2024-03-11 15:12:08,"니아","삭제된 메시지입니다."\n'
        '2024-03-11 15:12:09,"니아","보이스톡 해요"\n'
        '2024-03-11 15:12:10,"니아","(이모티콘) "\n'
        'yesterday,"니아","no time"\n2024-03-11 15:12:11,"니아"\n'
    )
    assert said(chat) == [
        ("니아", MessageKind.MEDIA, ""),
        ("니아", MessageKind.TEXT, '안녕\n하세요, "친구"'),
        ("니아", MessageKind.TEXT, "올로님이 나갔습니다."),
        ("니아", MessageKind.DELETED, ""),
        ("니아", MessageKind.CALL, ""),
        ("니아", MessageKind.MEDIA, ""),
    ]
    assert noted(chat) == [
        (NoticeKind.LEFT, ("올로",)),
        (NoticeKind.JOINED, ("피아", "우나")),
        (NoticeKind.LEFT, ("Nia",)),
        (NoticeKind.SETTING, ()),
    ]
    assert [m.at.second for m in chat.messages] == [1, 2, 5, 8, 9, 10]
    assert (chat.report.format, chat.report.unparsed_lines) == ("kakaotalk-mac", 2)
    assert [example.line for example in chat.report.examples] == [13, 14]


def test_wechat_tells_media_calls_and_events_and_parts_its_chats():
    rows = wechat(chat_of(2)).splitlines()
    rows += [
        '9,3,3,0,0,1707820000,,"<?xml version=""1.0""?><msg/>",x,,Olo,wxid_4f6c6f',
        "10,3,50,0,1,1707820001,,,x,,,",
        "11,3,10000,0,0,1707820002,,Pia加入了群聊,x,,,",
        "12,4,1,0,0,1707820003,,other chat,x,Una,Una,wxid_u",
    ]
    raw = "\n".join(rows)
    with pytest.raises(SeveralChats) as refusal:
        read(raw)
    assert [choice["chat"] for choice in refusal.value.facts["chats"]] == ["3", "4"]
    chat = read(raw, chat="3")
    assert said(chat)[2:] == [("Olo", MessageKind.MEDIA, ""), ("Me", MessageKind.CALL, "")]
    assert noted(chat) == [(NoticeKind.JOINED, ())]
    assert chat.report.unsaid == ("author",)
    assert [m.author for m in read(raw, chat="4").messages] == ["Una"]


def test_sms_tells_mms_of_groups_quotation_marks_and_surrogate_pairs():
    raw = (
        '<?xml version="1.0"?><smses count="3">\n'
        '<sms address="+1 (555) 010-0" date="1707819300000" type="1"'
        ' body=\'He said &quot;hi&quot; &amp; "bye" &#55357;&#56832;\' contact_name="Nia" />\n'
        '<mms address="+15550100" date="1707819360000" msg_box="2" contact_name="Nia"><parts>'
        '<part seq="-1" ct="application/smil" text="&lt;smil&gt;" />'
        '<part seq="0" ct="image/jpeg" text="null" data="AAAA" />'
        '<part seq="0" ct="text/plain" text="look" /></parts></mms>\n'
        '<mms address="+15550100~+15550101" date="1707819420000" msg_box="1"'
        ' contact_name="Nia, Olo"><parts><part ct="text/plain" text="all" /></parts>'
        '<addrs><addr address="+15550100" type="137" /></addrs></mms>\n</smses>'
    )
    with pytest.raises(SeveralChats):
        read(raw)
    alone = read(raw, chat="+15550100")
    assert said(alone) == [
        ("Nia", MessageKind.TEXT, 'He said "hi" & "bye" 😀'),
        ("Me", MessageKind.MEDIA, "look"),
    ]
    group = read(raw, chat="+15550100~+15550101")
    assert (group.title, said(group)) == ("Nia, Olo", [("Nia", MessageKind.TEXT, "all")])


def test_an_sms_without_a_time_is_counted():
    raw = sms(chat_of(2, people=("Me", TITLE))).replace('date="1707819300000"', 'date="null"')
    chat = read(raw)
    assert (len(chat.messages), chat.report.unparsed_lines) == (1, 1)


def test_json_lines_take_seconds_kinds_and_notices_and_count_what_is_none():
    chat = read(
        '{"at": 1707819300, "author": "Nia", "text": "", "kind": "media"}\n\n'
        '{"at": "2024-02-13T10:16:00", "author": "Nia", "text": "hi", "edited": true}\n'
        '{"at": "2024-02-13T10:17:00Z", "author": null, "text": "joined"}\n'
        'not json\n{"at": "never", "author": "Nia", "text": "x"}\n'
    )
    assert said(chat) == [("Nia", MessageKind.MEDIA, ""), ("Nia", MessageKind.TEXT, "hi")]
    assert chat.messages[1].edited
    assert noted(chat) == [(NoticeKind.UNKNOWN, ())]
    report = chat.report
    assert (report.message_lines, report.notice_lines, report.unparsed_lines) == (2, 1, 2)
    assert report.blank_lines == 1
    assert [example.line for example in report.examples] == [4, 5, 6]


@pytest.mark.parametrize(
    "raw",
    [telegram([]), '<smses count="0"></smses>', "[LINE] Chat history with Nia\n10:15\tNia\tx\n"],
)
def test_an_export_without_a_message_is_an_empty_chat(raw):
    with pytest.raises(EmptyChat):
        read(raw)


@pytest.mark.parametrize("name", ["telegram", "json-lines", "line", "signal-android"])
def test_more_people_than_a_chat_can_hold_are_refused(name):
    people = [f"P{number}" for number in range(3_000)]
    with pytest.raises(TooManyParticipants):
        read(LAYOUTS[name].render(chat_of(3_000, people=people)))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_time_outside_of_all_chats_is_no_message(name):
    layout = LAYOUTS[name]
    raw = layout.render(chat_of(6, people=(layout.own, TITLE)))
    odd = raw.replace("2024", "1024").replace("17078", "97078999")
    # Weekdays that contradict the moved year leave the order of the dates open.
    with contextlib.suppress(EmptyChat, AmbiguousDates):
        assert all(1990 <= m.at.year <= 2100 for m in read(odd).messages)
