import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.chats.formats.whatsapp.export import parse_export
from app.chats.message import MessageKind
from app.chats.transcript import AmbiguousDates, DateOrder, TooManyParticipants

ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
BEGIN = datetime(2023, 2, 11, 9, 58, 3, tzinfo=UTC)
TEXTS = (
    "hi", "see you at 8: bring it", "a\n\nb", "line\n- list: x", "👩‍👩‍👧 family", "12/12 is fine",
    "https://example.com/a?b=c", "(no)", "x <y", "<3", "ok.", "¿qué?", "你好", "a > b", " lead",
)  # fmt: skip


def meridiem(at, am, pm):
    return am if at.hour < 12 else pm


def twelve(at):
    return (at.hour - 1) % 12 + 1


# name -> (how a header is written, precision in seconds, written order, family)
HEADERS = {
    "android us": (
        lambda a: f"{a.month}/{a.day}/{a:%y}, {twelve(a)}:{a:%M}\u202f{meridiem(a, 'AM', 'PM')} - ",
        60, "mdy", "android-12h",
    ),
    "android uk": (lambda a: f"{a:%d/%m/%Y, %H:%M} - ", 60, "dmy", "android-24h"),
    "android german": (lambda a: f"{a:%d.%m.%y, %H:%M} - ", 60, "dmy", "android-24h"),
    "android spanish": (
        lambda a: f"{a.day}/{a.month}/{a:%y}, {twelve(a)}:{a:%M} "
        f"{meridiem(a, 'a', 'p')}.\u00a0m. - ",
        60, "dmy", "android-12h",
    ),
    "android swedish": (lambda a: f"{a:%Y-%m-%d %H:%M} - ", 60, "ymd", "android-24h"),
    "android finnish": (
        lambda a: f"{a.day}.{a.month}.{a.year} klo {a.hour}.{a:%M} - ", 60, "dmy", "android-24h",
    ),
    "android croatian": (
        lambda a: f"{a.day}. {a.month}. {a.year}. {a:%H:%M} - ", 60, "dmy", "android-24h",
    ),
    "android hungarian": (lambda a: f"{a:%Y. %m. %d. %H:%M} - ", 60, "ymd", "android-24h"),
    "android indonesian": (lambda a: f"{a:%d/%m/%y %H.%M} - ", 60, "dmy", "android-24h"),
    "android thai": (
        lambda a: f"{a.day}/{a.month}/{a.year + 543} {a:%H:%M} - ", 60, "dmy", "android-24h",
    ),
    "android arabic": (
        lambda a: f"{a.day}\u200f/{a.month}\u200f/{a.year}، {twelve(a)}:{a:%M} "
        f"{meridiem(a, 'ص', 'م')} - ".translate(ARABIC_DIGITS),
        60, "dmy", "android-12h",
    ),
    "android chinese": (
        lambda a: f"{a.year}/{a.month}/{a.day} {meridiem(a, '上午', '下午')}{twelve(a)}:{a:%M} - ",
        60, "ymd", "android-12h",
    ),
    "android korean": (
        lambda a: f"{a.year}년 {a.month}월 {a.day}일 {meridiem(a, '오전', '오후')} "
        f"{twelve(a)}:{a:%M} - ",
        60, "ymd", "android-12h",
    ),
    "android vietnamese": (lambda a: f"{a:%H:%M, %d/%m/%Y} - ", 60, "dmy", "android-24h"),
    "android canadian french": (lambda a: f"{a:%Y-%m-%d %H h %M} - ", 60, "ymd", "android-24h"),
    "ios uk": (lambda a: f"[{a:%d/%m/%Y, %H:%M:%S}] ", 1, "dmy", "ios-24h"),
    "ios us": (
        lambda a: f"\u200e[{a.month}/{a.day}/{a:%y}, {twelve(a)}:{a:%M:%S}\u202f"
        f"{meridiem(a, 'AM', 'PM')}] ",
        1, "mdy", "ios-12h",
    ),
    "ios german": (lambda a: f"[{a:%d.%m.%y, %H:%M:%S}] ", 1, "dmy", "ios-24h"),
    "ios japanese": (
        lambda a: f"[{a:%Y/%m/%d} {meridiem(a, '午前', '午後')}{twelve(a)}:{a:%M:%S}] ",
        1, "ymd", "ios-12h",
    ),
    "ios chinese, meridiem last": (
        lambda a: f"[{a:%Y/%m/%d} {twelve(a)}:{a:%M:%S}{meridiem(a, '上午', '下午')}] ",
        1, "ymd", "ios-12h",
    ),
    "ios before brackets": (lambda a: f"{a:%d/%m/%y, %H:%M:%S}: ", 1, "dmy", "ios-24h"),
}  # fmt: skip


def conversation(precision_s, *, messages=120, seed=7):
    draw = random.Random(seed)
    at = BEGIN
    for _ in range(messages):
        at += timedelta(seconds=draw.randint(0, 60_000))
        shown = at.replace(second=at.second if precision_s == 1 else 0)
        yield shown, draw.choice(["Ann", "Bob O'Neil", "+49 170 1234567"]), draw.choice(TEXTS)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", HEADERS)
def test_every_format_comes_back_exactly_as_it_was_written(name, newline):
    header, precision_s, order, family = HEADERS[name]
    written = list(conversation(precision_s))
    export = "".join(f"{header(at)}{who}: {text}\n" for at, who, text in written)
    chat = parse_export("\ufeff" + export.replace("\n", newline))
    assert [(m.at, m.author, m.text) for m in chat.messages] == written
    assert [m.number for m in chat.messages] == list(range(1, len(written) + 1))
    assert {m.kind for m in chat.messages} == {MessageKind.TEXT}
    assert (chat.report.format, chat.report.date_order) == (family, order)
    assert chat.report.order_confidence == "certain"
    assert chat.report.unparsed_lines == 0
    assert sum(chat.participants.values()) == len(written)


def read(*lines, **options):
    return parse_export("\n".join(lines) + "\n", **options)


def texts(chat):
    return [m.text for m in chat.messages]


def test_names_without_a_space_before_the_text_are_found():
    chat = read("2018/6/13 下午6:00 - Bob:Hi", "2018/6/13 下午6:01 - 小明:你好: 再见")
    assert [(m.author, m.text) for m in chat.messages] == [("Bob", "Hi"), ("小明", "你好: 再见")]


def test_midday_words_are_read_as_people_mean_them():
    chat = read(
        "2018/6/13 凌晨12:10 - Bob: a",
        "2018/6/13 中午11:30 - Bob: b",
        "2018/6/13 中午12:30 - Bob: c",
        "2018/6/13 中午1:30 - Bob: d",
        "2018/6/13 晚上9:30 - Bob: e",
    )
    assert [m.at.hour for m in chat.messages] == [0, 11, 12, 13, 21]


@pytest.mark.parametrize(
    ("body", "text", "kind", "edited"),
    [
        ("<Media omitted>", "", "media", False),
        ("<Multimedia omitido>", "", "media", False),
        ("<Medien ausgeschlossen>", "", "media", False),
        ("<Без медиафайлов>", "", "media", False),
        ("<メディアは含まれていません>", "", "media", False),
        ("<Media omitted>\nLook!", "Look!", "media", False),
        ("\u200eimage omitted", "", "media", False),
        ("image omitted", "", "media", False),
        ("\u200eimagen omitida", "", "media", False),
        ("\u200eBild weggelassen", "", "media", False),
        ("Plan.pdf • \u200e2 pages \u200edocument omitted", "Plan.pdf • 2 pages", "media", False),
        ("\u200e<attached: 00000012-PHOTO-2023.jpg>", "", "media", False),
        ("\u200e<adjunto: 00000012-PHOTO-2023.jpg>", "", "media", False),
        ("\u200e<pièce jointe : 00000012-PHOTO.jpg>", "", "media", False),
        ("The view\n\u200e<attached: 12-PHOTO.jpg>", "The view", "media", False),
        ("IMG-20230101-WA0001.jpg (file attached)\nnice\nplace", "nice\nplace", "media", False),
        ("\u200ePlan final.pdf (archivo adjunto)", "", "media", False),
        ("report.pdf (Datei angehängt)", "", "media", False),
        ("This message was deleted", "", "deleted", False),
        ("\u200eThis message was deleted.", "", "deleted", False),
        ("You deleted this message.", "", "deleted", False),
        ("Se eliminó este mensaje.", "", "deleted", False),
        ("此消息已删除", "", "deleted", False),
        ("see you <This message was edited>", "see you", "text", True),
        ("see you \u200e<This message was edited>", "see you", "text", True),
        ("nos vemos <Se editó este mensaje.>", "nos vemos", "text", True),
        ("a\nb <Diese Nachricht wurde bearbeitet.>", "a\nb", "text", True),
        ("", "", "empty", False),
        ("\u200e", "", "empty", False),
        ("I wrote <Media omitted> once", "I wrote <Media omitted> once", "text", False),
        ("see file.txt (my draft)", "see file.txt (my draft)", "text", False),
        ("the image omitted half of it", "the image omitted half of it", "text", False),
        ("\u200eLocation: https://maps.example/?q=1,2", "https://maps.example/?q=1,2", "location",
         False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", ["31/12/22, 22:15 - ", "[31/12/22, 22:15:12] "])
def test_bodies_are_told_apart(header, body, text, kind, edited):
    message = read(f"{header}Ann: {body}", f"{header}Bob: hi").messages[0]
    assert (message.text, message.kind, message.edited) == (text, kind, edited)


def test_an_empty_body_whose_space_was_trimmed_is_still_a_message():
    chat = read("31/12/22, 22:15 - Ann:", "31/12/22, 22:15 - Bob: x")
    assert [(m.author, m.kind) for m in chat.messages] == [("Ann", "empty"), ("Bob", "text")]


def test_notices_on_android_are_no_messages_and_name_the_group():
    chat = read(
        "31/12/22, 22:15 - Messages and calls are end-to-end encrypted. Tap to learn more.",
        '31/12/22, 22:15 - Bob created group "Rome: the trip"',
        "31/12/22, 22:15 - Bob added Ann",
        "31/12/22, 22:16 - Ann: first",
        '31/12/22, 22:17 - Ann changed the subject from "Rome: the trip" to "Roma: trip"',
        "31/12/22, 22:18 - Bob left",
    )
    assert texts(chat) == ["first"]
    assert chat.title == "Roma: trip"
    assert chat.participants == {"Ann": 1}


def test_notices_on_ios_carry_an_author_and_are_still_no_messages():
    chat = read(
        "[31/12/22, 22:15:00] Rome: \u200eMessages and calls are end-to-end encrypted.",
        "[31/12/22, 22:15:01] Bob: \u200eBob added Ann",
        "[31/12/22, 22:15:02] Ann: first",
        "[31/12/22, 22:15:03] Ann: Bob added sugar",
        "[31/12/22, 22:15:04] Ann: \u200eAnn changed the group description",
    )
    assert texts(chat) == ["first", "Bob added sugar"]
    assert chat.title == "Rome"


def test_the_first_line_is_dropped_only_if_it_is_a_notice():
    assert texts(read("[31/12/22, 22:15:00] Ann: Messages are fun", "[31/12/22, 22:15:01] B: x"))[
        0
    ] == ("Messages are fun")


@pytest.mark.parametrize(
    "notice",
    [
        "Los mensajes y las llamadas están cifrados de extremo a extremo. Nadie fuera…",
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand außerhalb…",
        "メッセージと通話はエンドツーエンドで暗号化されています。",
    ],
)
def test_the_encryption_notice_is_known_in_other_languages(notice):
    chat = read(f"[31/12/22, 22:15:00] Ann: {notice}", "[31/12/22, 22:15:01] Ann: x")
    assert texts(chat) == ["x"]
    assert chat.title is None


def test_a_pasted_header_inside_a_body_stays_text():
    chat = read(
        "30/12/22, 22:15 - Ann: look what they wrote",
        "05/06/21, 10:00 - Carol: sell the house",
        "06/06/21, 10:05 - Dave: never",
        "30/12/22, 22:16 - Bob: wow",
    )
    assert texts(chat) == [
        "look what they wrote\n05/06/21, 10:00 - Carol: sell the house"
        "\n06/06/21, 10:05 - Dave: never",
        "wow",
    ]
    assert list(chat.participants) == ["Ann", "Bob"]
    assert chat.report.unparsed_lines == 0


def test_a_late_delivery_by_a_new_author_stays_a_message():
    chat = read(
        "30/12/22, 22:15 - Ann: a",
        "30/12/22, 22:13 - Bob: sent in a tunnel",
        "30/12/22, 22:16 - Bob: b",
    )
    assert texts(chat) == ["a", "sent in a tunnel", "b"]


def test_a_late_delivery_by_somebody_known_stays_a_message():
    chat = read(
        "30/12/22, 22:15 - Bob: a",
        "30/12/22, 22:16 - Ann: b",
        "30/12/22, 22:13 - Bob: late: very",
        "30/12/22, 22:14 - Ann: c",
    )
    assert texts(chat) == ["a", "b", "late: very", "c"]


def test_a_first_message_from_the_future_does_not_swallow_the_chat():
    chat = read(
        "30/12/30, 22:15 - Ann: my clock was wrong",
        "30/12/22, 22:13 - Bob: a",
        "30/12/22, 22:16 - Ann: b",
        "30/12/22, 22:17 - Bob: c",
    )
    assert len(chat.messages) == 4


def test_a_header_of_another_format_inside_a_body_is_reported():
    chat = read("30/12/22, 22:15 - Ann: pasted", "[05/06/21, 10:00:00] Carol: x", "tail")
    assert texts(chat) == ["pasted\n[05/06/21, 10:00:00] Carol: x\ntail"]
    assert chat.report.unparsed_lines == 1


def test_lines_before_the_first_header_are_counted():
    assert read("a note", "", "30/12/22, 22:15 - Ann: x").report.unparsed_lines == 1


@pytest.mark.parametrize("stamp", ["31/02/23, 10:00", "03/01/23, 25:00", "03/01/23, 10:75"])
def test_an_impossible_time_is_text_of_the_message_before_and_counted(stamp):
    chat = read("30/12/22, 22:15 - Ann: a", f"{stamp} - Bob: b", "04/01/23, 10:00 - Bob: c")
    assert texts(chat) == [f"a\n{stamp} - Bob: b", "c"]
    assert chat.report.unparsed_lines == 1


def test_time_that_never_runs_backwards_decides_the_order():
    chat = read("02/01/23, 10:00 - Ann: a", "03/01/23, 10:00 - Ann: b", "01/02/23, 10:00 - Ann: c")
    assert chat.report.date_order == DateOrder.DMY
    assert chat.report.order_confidence == "by_time_order"


def test_an_open_order_is_refused_with_its_readings():
    with pytest.raises(AmbiguousDates) as refusal:
        read("01/02/23, 10:00 - Ann: a", "03/04/23, 10:00 - Ann: b")
    assert refusal.value.http_status == 422
    assert refusal.value.facts["readings"] == [
        {
            "date_order": "dmy",
            "first_at": "2023-02-01",
            "last_at": "2023-04-03",
            "line": "01/02/23, 10:00 - Ann: a",
            "line_at": "2023-02-01",
        },
        {
            "date_order": "mdy",
            "first_at": "2023-01-02",
            "last_at": "2023-03-04",
            "line": "01/02/23, 10:00 - Ann: a",
            "line_at": "2023-01-02",
        },
    ]


@pytest.mark.parametrize(("declared", "month"), [("dmy", 2), ("mdy", 1)])
def test_an_open_order_is_settled_by_the_caller(declared, month):
    chat = read("01/02/23, 10:00 - Ann: a", date_order=DateOrder(declared))
    assert (chat.messages[0].at.month, chat.report.order_confidence) == (month, "declared")


def test_a_value_above_twelve_outweighs_the_caller():
    chat = read("13/02/23, 10:00 - Ann: a", date_order=DateOrder.MDY)
    assert (chat.report.date_order, chat.report.order_confidence) == ("dmy", "certain")


def test_days_that_mean_the_same_either_way_are_not_ambiguous():
    assert read("05/05/23, 10:00 - Ann: a").report.order_confidence == "certain"


def test_two_digit_years_may_stand_first():
    chat = read("23/05/06, 10:00 - Ann: a", "23/05/07, 10:00 - Ann: b")
    assert chat.messages[0].at == datetime(2023, 5, 6, 10, tzinfo=UTC)


def test_times_are_wall_times_of_the_zone_even_where_the_clock_jumps():
    berlin = ZoneInfo("Europe/Berlin")
    chat = read("26/03/23, 02:30 - Ann: gap", "29/10/23, 02:30 - Ann: fold", tz=berlin)
    assert [m.at.tzinfo for m in chat.messages] == [berlin, berlin]
    assert [m.at.astimezone(UTC).hour for m in chat.messages] == [1, 0]


def test_what_cannot_be_stored_is_replaced():
    chat = read("30/12/22, 22:15 - A\0nn: a\0b\ud800c")
    assert (chat.messages[0].author, chat.messages[0].text) == ("A\ufffdnn", "a\ufffdb\ufffdc")


def test_names_are_bounded_and_freed_from_marks():
    chat = read(
        f"30/12/22, 22:15 - {'x' * 900}: a", "30/12/22, 22:15 - \u202a+49\u00a0170\u202c: b"
    )
    assert [m.author for m in chat.messages] == ["x" * 255, "+49 170"]


def test_more_people_than_a_chat_holds_are_refused():
    lines = [f"30/12/22, 22:15 - P{n}: a" for n in range(1_025)]
    assert len(read(*lines[:1_024]).participants) == 1_024
    with pytest.raises(TooManyParticipants):
        read(*lines)


@pytest.mark.parametrize(("count", "cut"), [(39_000, False), (39_990, True), (40_000, True)])
def test_an_export_near_the_limit_of_the_app_may_be_truncated(count, cut):
    chat = parse_export("30/12/22, 22:15 - Ann: a\n" * count)
    assert chat.report.possibly_truncated is cut


def test_with_media_the_limit_of_the_app_is_lower():
    plain = "30/12/22, 22:15 - Ann: a\n" * 9_999
    attached = "30/12/22, 22:15 - Ann: IMG-20221230-WA0001.jpg (file attached)\n"
    assert parse_export(plain + attached).report.possibly_truncated
    assert not parse_export(plain).report.possibly_truncated
