"""What messengers write seldom: events on a line of their own, days in other languages, kinds of
messages without a text, and files that are cut off."""

import json

import pytest

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import read_export
from app.chats.transcript import UnrecognisedFormat
from tests.support.exports import chat_of, discord, sigtop_json

KAKAO_IOS = "Lake 님과 카카오톡 대화\n저장한 날짜 : 2024. 2. 13. 오전 10:15\n\n"
KAKAO_PC = (
    "Lake 님과 카카오톡 대화\n저장한 날짜 : 2024-02-13 10:15:01\n\n"
    "--------------- 2024년 2월 13일 화요일 ---------------\n"
)


def read(raw):
    return read_export(raw.encode(), ReadingOptions())


def told(chat):
    return [(m.author, m.text, str(m.kind)) for m in chat.messages]


def lines_of(report):
    return report.message_lines, report.notice_lines, report.unparsed_lines, report.blank_lines


def test_kakaotalk_of_an_iphone_tells_events_behind_a_colon():
    chat = read(
        f"{KAKAO_IOS}2024년 2월 13일 화요일\n"
        "2024. 2. 13. 오전 10:15, Nia : hi\n"
        "2024. 2. 13. 오전 10:16: Olo님이 들어왔습니다.\n"
        "2024. 2. 13. 오후 10:17: xyzzy\n"
    )
    assert told(chat) == [("Nia", "hi", "text")]
    assert [(str(n.kind), n.people) for n in chat.notices] == [
        ("joined", ("Olo",)),
        ("unknown", ()),
    ]


def test_kakaotalk_in_english_names_the_weekday_above_a_day():
    chat = read(
        "Lake KakaoTalk Chats\nDate Saved : Feb 13, 2024 at 10:15\n\n"
        "Tuesday, February 13, 2024\nFeb 13, 2024 at 10:15, Nia : hi\n"
    )
    assert lines_of(chat.report) == (1, 3, 0, 1)


@pytest.mark.parametrize(
    ("export", "lines"),
    [
        (
            f"{KAKAO_PC}[Nia] [10:15] hi\nOlo님이 나갔습니다.\nxyzzy\n\n[Nia] [10:16] x\n",
            (2, 4, 1, 2),
        ),
        (
            f"{KAKAO_IOS}2024. 2. 13. 오전 10:15, Nia : hi\n"
            "2024. 2. 13. 오전 10:16, Olo님이 나갔습니다.\nxyzzy\n"
            "2024. 2. 13. 오전 10:17, Nia : x\n",
            (2, 3, 1, 1),
        ),
    ],
)
def test_what_stands_below_an_event_of_kakaotalk_is_counted_and_shown(export, lines):
    chat = read(export)
    assert lines_of(chat.report) == lines
    assert [n.text for n in chat.notices] == ["Olo님이 나갔습니다."]
    assert [e.text for e in chat.report.examples if e.kind == "unparsed_line"] == ["xyzzy"]


@pytest.mark.parametrize(
    ("title", "day", "clock"),
    [
        ("[LINE] ประวัติการแชทกับ Nia", "อ. 13/2/2567", "10:15"),
        ("[LINE] แชทกับ Nia", "วันอังคารที่ 13/2/2567", "10:15"),
        ("[LINE] Nia와의 대화 내용", "2024년 2월 13일 화요일", "오전 10:15"),
        ("[LINE] Nia님과의 대화", "2024.02.13(화)", "오전 10:15"),
        ("[LINE] Riwayat obrolan dengan Nia", "Sel, 13/2/2024", "10.15"),
    ],
)
def test_line_names_its_days_and_chats_in_other_languages(title, day, clock):
    chat = read(f"{title}\nx\n\n{day}\n{clock}\tNia\thi\n")
    assert (chat.title, told(chat)) == ("Nia", [("Nia", "hi", "text")])
    assert f"{chat.messages[0].at:%Y-%m-%d %H:%M}" == "2024-02-13 10:15"


SMS = '<sms address="1" date="1707819300000" type="1" body="one" contact_name="Nia"/>\n'


@pytest.mark.parametrize(
    "cut",
    ['<sms address="1" date="1707819301000" type="1" body="tw', '<sms address="1" date="17078193'],
)
def test_an_sms_that_is_cut_off_is_no_empty_message(cut):
    chat = read(f"<smses count='2'>\n{SMS}{cut}")
    assert told(chat) == [("Nia", "one", "text")]
    assert (chat.report.unparsed_lines, chat.report.possibly_truncated) == (1, True)


def test_an_sms_backup_that_is_whole_is_not_cut_off():
    assert not read(f"<smses count='1'>\n{SMS}</smses>\n").report.possibly_truncated


@pytest.mark.parametrize(
    ("part", "kind"),
    [("text/x-vCard", "media"), ("text/vcard", "media"), ("Image/JPEG", "media"), ("*/*", "media"),
     ("application/smil", "empty")],
)  # fmt: skip
def test_a_part_of_an_mms_that_is_no_text_is_a_medium(part, kind):
    chat = read(
        '<smses><mms date="1707819300000" msg_box="1" address="1" contact_name="Nia"><parts>'
        f'<part ct="{part}" text="null"/></parts></mms></smses>'
    )
    assert told(chat) == [("Nia", "", kind)]


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"contact": [{"name": {"givenName": "Olo"}}]}, ("", "media")),
        ({"isViewOnce": True}, ("", "media")),
        ({"poll": {"question": "Where?", "options": ["a", "b"]}}, ("Where?\na\nb", "poll")),
    ],
)
def test_sigtop_tells_what_has_no_text(fields, meant):
    messages = json.loads(sigtop_json(chat_of(1)))
    messages[0] |= {"body": None, "attachments": [], **fields}
    assert told(read(json.dumps(messages)))[0][1:] == meant


def test_a_forwarded_picture_of_discord_is_a_medium():
    whole = json.loads(discord(chat_of(1)))
    whole["messages"][0] |= {
        "content": "",
        "forwardedMessage": {"content": "", "attachments": [{"id": "1"}], "embeds": []},
    }
    assert told(read(json.dumps(whole)))[0][1:] == ("", "media")


def test_what_was_shared_on_instagram_without_an_address_keeps_its_text():
    message = {"sender_name": "Nia", "timestamp_ms": 1707819300000,
               "share": {"share_text": "GrÃ¼Ã\x9fe"}}  # fmt: skip
    raw = json.dumps({"participants": [{"name": "Nia"}], "messages": [message], "title": "Lake"})
    assert told(read(raw)) == [("Nia", "Grüße", "text")]


@pytest.mark.parametrize("time", ["2024/2/13 10:15", "2024/2/13 10:15:00", "2024-02-13 10:15"])
def test_wechat_s_times_may_come_back_from_a_spreadsheet(time):
    raw = (
        f"Time,SenderName,Sender,TalkerName,Talker,Content\n{time},Nia,wxid_a,Lake,1@chatroom,hi\n"
    )
    chat = read(raw)
    assert f"{chat.messages[0].at:%Y-%m-%d %H:%M:%S}" == "2024-02-13 10:15:00"


@pytest.mark.parametrize(
    ("raw", "messenger"),
    [
        ('{"Received Saved Chat History": [{"From": "x"}]}', "Snapchat"),
        ('{"messages": [{"creator": {"name": "Nia", "user_type": "Human"}}]}', "Google Chat"),
        ('{"value": [{"@odata.type": "#microsoft.graph.chatMessage"}]}', "Microsoft Teams"),
    ],
)
def test_other_messengers_are_named(raw, messenger):
    with pytest.raises(UnrecognisedFormat, match=messenger):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "".join(f"[2024-02-13 10:1{n}:00] ACME: Support: hi {n}  \n\n" for n in range(3))
        + "[2024-02-13 10:15:00] Me: a: b  \n\n",
        "".join(f"2024-02-13 10:1{n} ACME: Support: hi {n}\n" for n in range(3))
        + "2024-02-13 10:15 Me: a: b\n",
        "KakaoTalk Chats with Lake\nDate Saved : Feb 13, 2024 at 10:15 AM\n\n"
        + "".join(f"February 13, 2024 at 10:1{n} AM, ACME: Support : hi {n}\n" for n in range(3))
        + "February 13, 2024 at 10:15 AM, Me : a: b\n",
    ],
    ids=["signal-export", "sigtop", "kakaotalk"],
)
def test_a_name_may_hold_what_ends_one(raw):
    chat = read(raw)
    assert chat.participants == {"ACME: Support": 3, "Me": 1}
    assert [m.text for m in chat.messages] == ["hi 0", "hi 1", "hi 2", "a: b"]


def test_marks_are_read_behind_a_name_with_a_colon():
    chat = read("".join(f"2024-02-13 10:1{n} ACME: Support: [1 attachment] hi\n" for n in range(3)))
    assert told(chat) == [("ACME: Support", "hi", "media")] * 3


def test_a_header_that_is_pasted_into_a_message_of_signal_is_text():
    chat = read(
        "[2024-02-13 10:15:01] Nia: look:\n[2024-01-01 09:00:00] Kai: pasted\nend  \n\n"
        "[2024-02-13 10:16:01] Me: ho  \n\n"
    )
    assert chat.report.messenger == "signal"
    assert [m.text for m in chat.messages] == [
        "look:\n[2024-01-01 09:00:00] Kai: pasted\nend", "ho",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"), [("Sent with love from Rome", "Sent with love from Rome"),
                        ("hi\nSent with Invisible Ink", "hi")]
)  # fmt: skip
def test_an_effect_of_imessage_is_told_from_a_text_that_begins_alike(text, meant):
    assert read(f"Feb 13, 2024 10:15:01 AM\nNia\n{text}\n\n").messages[0].text == meant


def test_events_of_line_on_the_pc_are_no_messages():
    chat = read(
        "2024.02.13 Tuesday\n10:15 Nia hi there\n10:16 Olo joined the chat\n"
        "10:17 Nia unsent a message.\n10:18 Olo left the group\n"
    )
    assert told(chat) == [("Nia", "hi there", "text"), ("Nia", "", "deleted")]
    assert [str(n.kind) for n in chat.notices] == ["joined", "left"]


@pytest.mark.parametrize(
    "raw",
    [
        "Time,SenderName,Sender,TalkerName,Talker,Content\n"
        '2024-02-13 10:15:01,Nia,a,L,1,"open\n2024-02-13 10:15:02,Nia,a,L,1,x\n',
        'Date,User,Message\n2024-02-13 10:15:01,Nia,"open\n2024-02-13 10:15:02,Nia,x\n',
    ],
)
def test_a_quotation_mark_that_stands_alone_in_csv_is_told(raw):
    assert read(raw).report.possibly_truncated


@pytest.mark.parametrize(
    ("edited", "meant"),
    [("1970-01-01T01:00:00", False), ("1969-12-31T19:00:00", False), ("2024-02-13T10:16:00", True)],
)
def test_telegram_s_first_day_of_1970_is_no_edit(edited, meant):
    message = {
        "id": 1, "type": "message", "date": "2019-02-13T10:15:00", "edited": edited,
        "from": "Nia", "from_id": 4463, "text": "hi",
    }  # fmt: skip
    raw = json.dumps({"name": "Olo", "type": "personal_chat", "id": 1, "messages": [message]})
    assert read(raw).messages[0].edited is meant


def test_a_name_whose_blanks_differ_is_one_person_where_there_are_no_ids():
    lines = [
        json.dumps({"at": 1707819300, "author": name, "text": "x"})
        for name in (" Nia Berg ", "Nia  Berg", "Nia Berg")
    ]
    assert read("\n".join(lines)).participants == {"Nia Berg": 3}
