"""Telling WhatsApp's own lines from people's: structure first, words second."""

import pytest

from app.chats.formats.whatsapp.export import parse_export

A = "13/02/2024, 10:15 - "
I = "[13/02/24, 10:15:01] "  # noqa: E741 (the header of iOS)


def read(*lines, **options):
    return parse_export("\n".join(lines) + "\n", **options)


def told(chat):
    return [(m.author, m.text, str(m.kind)) for m in chat.messages]


def said(chat):
    return [(m.author, m.text) for m in chat.messages]


def test_a_question_that_sounds_like_an_event_is_a_message():
    chat = read(
        "13/02/2024, 10:15 - Will: Will you be added to the list?",
        "13/02/2024, 10:16 - M: My train left",
        "13/02/2024, 10:17 - Olo: ok",
    )
    assert said(chat) == [
        ("Will", "Will you be added to the list?"), ("M", "My train left"), ("Olo", "ok"),
    ]  # fmt: skip
    assert chat.report.notices == 0


@pytest.mark.parametrize("text", ["Nia left", "Nia added Olo", "Nia changed the subject", "I left"])
@pytest.mark.parametrize("header", [A, I])
def test_what_people_type_stays_theirs_whatever_words_they_use(header, text):
    chat = read(f"{header}Nia: {text}", f"{header}Olo: \u200eimage omitted")
    assert said(chat)[0] == ("Nia", text)


def test_what_stands_under_the_name_of_the_encryption_notice_is_a_notice():
    chat = read(
        "[13/02/24, 10:15:01] Lago: \u200eI messaggi e le chiamate sono crittografati end-to-end.",
        "[13/02/24, 10:15:02] Lago: \u200eNia ha attivato i messaggi effimeri.",
        "[13/02/24, 10:17:01] Nia: ciao",
        "[13/02/24, 10:18:01] Olo: ehi",
    )
    assert chat.title == "Lago"
    assert chat.participants == {"Nia": 1, "Olo": 1}
    assert (chat.report.notices, chat.report.unknown_notices) == (2, 0)


TITLES = [
    "🏖️ Lago 🎉", "Lago: trip", "Lago: a: b", "12:30: x", '"Lago"', "[Lago]", "Lago ] x", "<Lago>",
    "Lago - 2", "13/02/24", "A, B & C", "Media omitted", "(Lago)", "+49 170 1", "Nia left",
]  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_a_group_may_have_any_title(title):
    chat = read(
        f"{I}{title}: \u200eI messaggi e le chiamate sono crittografati end-to-end.",
        f"{I}{title}: \u200eNia ha attivato i messaggi effimeri.",
        f"{I}Nia: ciao",
        f"{I}Olo: ehi",
    )
    assert (chat.title, chat.participants) == (title, {"Nia": 1, "Olo": 1})
    assert (chat.report.notices, chat.report.unknown_notices) == (2, 0)


@pytest.mark.parametrize("title", [*TITLES, 'A "B" C', "“x” y"])
def test_a_new_group_s_whole_title_is_told_by_its_notice(title):
    chat = read(f'{A}Nia created group "{title}"', f"{A}Nia: ciao", f"{A}Olo: ehi")
    assert (chat.title, chat.participants) == (title, {"Nia": 1, "Olo": 1})


def test_a_group_is_no_participant_even_where_its_notices_are_in_unknown_words():
    chat = read(
        f"{I}Lago: \u200eMessages and calls are end-to-end encrypted.",
        f"{I}Lago: Xyzzy blorb Nia",
        f"{I}Nia: hi",
        f"{I}Olo: ho",
    )
    assert chat.title == "Lago"
    assert chat.participants == {"Nia": 1, "Olo": 1}
    assert chat.report.unknown_notices == 1
    assert chat.report.examples[0].text == "Xyzzy blorb Nia"
    assert chat.report.examples[0].line == 2


def test_the_name_of_the_encryption_notice_is_a_person_in_a_chat_of_two():
    chat = read(
        f"{I}Nia: \u200eMessages and calls are end-to-end encrypted.",
        f"{I}Nia: hi",
        f"{I}Olo: ho",
    )
    assert chat.participants == {"Nia": 1, "Olo": 1}
    assert chat.title is None


def test_a_person_who_sent_nothing_but_pictures_is_no_group():
    chat = read(
        f"{I}Nia: \u200eMessages and calls are end-to-end encrypted.",
        f"{I}Nia: \u200eimage omitted",
        f"{I}Olo: ho",
    )
    assert chat.participants == {"Nia": 1, "Olo": 1}


def test_unsigned_notices_may_hold_a_colon():
    chat = read(
        "14/03/2024, 22:28 - Your security code with ACME: Support changed. Tap to learn more.",
        "14/03/2024, 22:29 - Nia added you to a group in the community: Lake people",
        "14/03/2024, 22:30 - Nia: hi",
    )
    assert chat.participants == {"Nia": 1}
    assert (chat.report.notices, chat.report.unknown_notices) == (2, 0)


@pytest.mark.parametrize(
    "notice",
    [
        "Deine Sicherheitsnummer für ACME: Support hat sich geändert. Tippe, um mehr zu erfahren.",
        "Cambió tu código de seguridad con ACME: Support. Pulsa para obtener más información",
        "Il tuo codice di sicurezza con ACME: Support è cambiato. Tocca per saperne di più.",
        "您和 ACME: Support 的安全代码已更改。 点击了解更多。",
        'Nia changed the subject from "Rome: trip" to "Roma: trip"',
        "Nia hat Olo zur Gruppe hinzugefügt: Seeleute",
        "Nia hat dich zu einer Gruppe in der Community hinzugefügt: Seeleute",
        "Olo a été ajouté à la communauté : Gens du lac",
        "Nia adicionou você a um grupo na comunidade: Lago",
        "Du hast ACME: Support blockiert",
        "Hai bloccato ACME: Support",
        "ACME: Support ile güvenlik kodunuz değişti. Daha fazla bilgi için dokunun.",
        "Eine ganz und gar unbekannte Zeile von sehr vielen Wörtern: und noch mehr",
    ],
)
def test_a_notice_with_a_colon_makes_no_participant(notice):
    chat = read(f"{A}{notice}", f"{A}Nia: hi", f"{A}Olo: ho")
    assert chat.participants == {"Nia": 1, "Olo": 1}
    assert chat.report.notices == 1


def test_a_name_of_many_words_is_a_person_who_writes_often():
    name = "The one who left the old house by the lake"
    chat = read(*[f"{A}{name}: {n}" for n in range(3)])
    assert chat.participants == {name: 3}


@pytest.mark.parametrize(
    "header", ["13/02/2024, 10:{} - ", "[13/02/24, 10:{}:00] "], ids=["android", "ios"]
)
def test_a_lone_message_a_minute_late_is_a_message(header):
    chat = read(
        header.format(15) + "Nia: one",
        header.format(17) + "Olo: two",
        header.format(16) + "Pia: my only message",
        header.format(18) + "Nia: three",
    )
    assert len(chat.messages) == 4


def test_a_pasted_header_is_counted_and_shown():
    chat = read(
        "30/12/2024, 22:15 - Ann: look",
        "05/06/2021, 10:00 - Carol: sell the house",
        "more",
        "30/12/2024, 22:16 - Bob: wow",
    )
    assert said(chat)[0][1] == "look\n05/06/2021, 10:00 - Carol: sell the house\nmore"
    assert (chat.report.merged_headers, chat.report.merged_header_lines) == (1, (2,))
    assert chat.report.examples[0].text == "05/06/2021, 10:00 - Carol: sell the house"


def test_of_many_merged_headers_the_first_ten_lines_are_told():
    pasted = [f"05/06/2021, 10:{n:02} - P{n}: x" for n in range(15)]
    end = [f"30/12/2024, 22:16 - Bob: {n}" for n in range(20)]
    report = read("30/12/2024, 22:15 - Ann: look", *pasted, *end).report
    assert report.merged_headers == 15
    assert report.merged_header_lines == tuple(range(2, 12))


def test_names_end_at_a_colon_without_a_space_on_ios():
    chat = read("[2026/7/9 02:28:37] Olo:Hi", "[2026/7/9 02:29:37] Nia: a: b: c")
    assert said(chat) == [("Olo", "Hi"), ("Nia", "a: b: c")]


def test_a_known_name_ends_at_a_colon_without_a_space_on_android():
    chat = read(f"{A}Olo: one", f"{A}Olo:two", f"{A}Nia changed the time to 10:30")
    assert said(chat) == [("Olo", "one"), ("Olo", "two")]
    assert chat.report.notices == 1


@pytest.mark.parametrize(
    ("body", "caption"),
    [
        ("file.jpg  (archivo adjunto)\nlook here", "look here"),
        ("file.jpg (file attached)", ""),
        ("X.jpg <attached>", ""),
        ("X.jpg <adjunto>", ""),
        ("< attached: X.jpg >", ""),
        ("<attached: X.jpg>", ""),
        ("‹attached: X.jpg›", ""),
        ("\u200e<angehängt: 00000012-PHOTO.jpg>", ""),
        ("\u200e<wort in keiner tabelle: 00000012-PHOTO.jpg>", ""),
        ("\u200e<attached: >", ""),
        ("‹Media omitted›", ""),
        ("<Media omitted>", ""),
        ("file.jpg\u200e (file attached)", ""),
        ("file.jpg\u200e\u200f  (archivo adjunto)\nlook here", "look here"),
        ("<attached: a>b.jpg>", ""),
        ("<adjunto: 00000001-no dot>", ""),
        ("look\n<Anhang: a<b.jpg>", "look"),
        ("View once voice message omitted", ""),
        ("<View once voice message omitted>", ""),
    ],
)
@pytest.mark.parametrize("end", [": ", ":"])
@pytest.mark.parametrize("header", [A, I])
def test_media_are_known_by_their_structure(header, end, body, caption):
    chat = read(f"{header}Nia{end}{body}", f"{header}Nia{end}hi", f"{header}Olo{end}ho")
    assert told(chat)[0] == ("Nia", caption, "media")


@pytest.mark.parametrize("header", [A, I])
def test_a_bracketed_line_of_several_authors_is_media_in_any_language(header):
    chat = read(f"{header}Nia: <blorb xyzzy>", f"{header}Olo: <blorb xyzzy>", f"{header}Olo: <ok>")
    assert [m.kind for m in chat.messages] == ["media", "media", "text"]


def test_a_marked_line_of_several_authors_is_media_in_any_language():
    chat = read(f"{I}Nia: \u200eblorb xyzzy", f"{I}Olo: \u200eblorb xyzzy")
    assert [m.kind for m in chat.messages] == ["media", "media"]


def test_a_marked_line_in_unknown_words_is_a_notice_and_told():
    chat = read(f"{I}Nia: \u200eblorb xyzzy", f"{I}Olo: ho")
    assert chat.participants == {"Olo": 1}
    assert (chat.report.notices, chat.report.unknown_notices) == (1, 1)
    assert chat.report.examples[0].kind == "unknown_notice"


@pytest.mark.parametrize(
    "body",
    [
        "\u200e+49 170 123\nring me", "\u200ehi \u200e<xyzzy blorb>", "\u200eHow about places?",
        "\u200eLet us try it!",
    ],
)  # fmt: skip
def test_a_marked_body_is_a_person_s_where_something_proves_it(body):
    assert len(read(f"{I}Nia: {body}", f"{I}Olo: ho").messages) == 2


def unseen():
    """Characters without a width, or of no meaning, that editors and copying leave behind."""
    yield from "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2066\u206a\u061c\u00ad\u034f"
    yield from "\u115f\u180e\u3164\ufe0f\ufeff\ufffb\ufffd\x01\x1b\x7f\0"
    yield from ("\u200b" * 6, "\u2068\u2069", "\ufeff\u200e\u200f")


@pytest.mark.parametrize("char", list(unseen()))
@pytest.mark.parametrize("header", [A, I])
def test_characters_without_a_width_may_stand_before_a_header(header, char):
    chat = read(f"{header}Nia: one", f"{char}{header}Olo: two", f"{header}Nia: three ❤\ufe0f")
    assert [m.text for m in chat.messages] == ["one", "two", "three ❤\ufe0f"]


@pytest.mark.parametrize("blank", [" ", "\t", "    ", "\u00a0", "\u2003", "\u3000", "\u2800"])
@pytest.mark.parametrize("header", [A, I])
def test_a_file_whose_lines_are_indented_is_read_and_a_lone_indented_header_is_counted(
    header, blank
):
    whole = read(f"{blank}{header}Nia: one", f"{blank}{header}Olo: two")
    assert [m.text for m in whole.messages] == ["one", "two"]
    lone = read(f"{header}Nia: one", f"{blank}{header}Olo: two", f"{header}Nia: three")
    assert lone.report.unparsed_lines == 1


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e"])
def test_a_header_behind_what_is_a_newline_elsewhere_is_counted(separator):
    chat = read(f"{A}Nia: one", f"{separator}{A}Olo: two", f"{A}Nia: three")
    assert chat.report.unparsed_lines == 1


@pytest.mark.parametrize(
    "header",
    ["[13/02/24,10:15:01] ", "[13/02/24, 10:15:01\u200e] ", "13/02/24, 10:15 − ",
     "13/02/24, 10:15 ‐ ", "13/02/24, 10:15 ‑ ", "13/02/24, 10:15 -\u200e ",
     "13/02/24, 10:15 h - ", "[13/02/24, 10:15 Uhr] ", "13/02/24, 10:15 น. - "],
)  # fmt: skip
def test_headers_are_read_as_they_are_spelled_elsewhere(header):
    chat = read(f"{header}Nia: one", f"{header}Olo: two")
    assert said(chat) == [("Nia", "one"), ("Olo", "two")]
    assert (chat.messages[0].at.hour, chat.messages[0].at.minute) == (10, 15)


def test_a_sentence_that_begins_like_a_notice_is_kept():
    text = "Waiting for this message to arrive was awful"
    chat = read(f"{A}Nia: {text}", f"{A}Nia: Waiting for this message. This may take a while.")
    assert told(chat) == [("Nia", text, "text"), ("Nia", "", "empty")]


@pytest.mark.parametrize("header", [A, I])
def test_a_name_may_hold_a_colon(header):
    chat = read(
        f"{header}ACME: Support: hello", f"{header}ACME: Support: your bill", f"{header}Nia: a: b"
    )
    assert said(chat) == [
        ("ACME: Support", "hello"), ("ACME: Support", "your bill"), ("Nia", "a: b"),
    ]  # fmt: skip


@pytest.mark.parametrize("header", [A, I])
@pytest.mark.parametrize("name", ["a: b: c", "🌸: x", "Dr.: Nia", "Nia (ACME): Help: Line 2"])
def test_a_name_may_hold_several_colons(header, name):
    chat = read(*[f"{header}{name}: {n}" for n in range(3)], f"{header}Olo: x: y: z")
    assert chat.participants == {name: 3, "Olo": 1}


@pytest.mark.parametrize("name", ["a: b: c", "Lake: 2024", "x: y: z: 1"])
def test_a_mark_proves_a_name_with_any_colons(name):
    chat = read(f"{I}{name}: \u200eimage omitted", f"{I}{name}: hi: ho", f"{I}Nia: hi")
    assert told(chat)[0] == (name, "", "media")
    assert (chat.messages[1].author, chat.messages[1].text) == (name, "hi: ho")


def test_a_name_with_a_colon_may_come_and_go():
    chat = read(
        f"{A}ACME: Support joined using this group's invite link",
        f"{A}ACME: Support: hi",
        f"{A}Nia: yo",
        f"{A}ACME: Support left",
    )
    assert chat.participants == {"ACME: Support": 1, "Nia": 1}
    assert [n.people for n in chat.notices] == [("ACME: Support",), ("ACME: Support",)]


@pytest.mark.parametrize("name", ["Left", "added", "Nia added", "Nia left", "Removed"])
def test_a_name_in_the_words_of_events_is_a_person(name):
    chat = read(f"{A}{name}: hi", f"{A}Olo: ho")
    assert chat.participants == {name: 1, "Olo": 1}


def test_a_notice_proves_a_name_with_a_colon():
    chat = read(
        f"{A}Your security code with ACME: Support changed. Tap to learn more.",
        f"{A}ACME: Support: hello",
        f"{A}Nia: Note: milk",
        f"{A}Nia: hi",
    )
    assert said(chat)[0] == ("ACME: Support", "hello")
    assert said(chat)[1] == ("Nia", "Note: milk")


def test_a_mark_proves_a_name_with_a_colon():
    chat = read(f"{I}ACME: Support: \u200eimage omitted", f"{I}Nia: hi")
    assert told(chat)[0] == ("ACME: Support", "", "media")


def test_languages_from_right_to_left_have_a_mark_of_their_own():
    chat = read(
        f"{I}Nia: \u200fالرسائل والمكالمات مشفرة تمامًا بين الطرفين",
        f"{I}Nia: \u200fتغيّر رمز أمانك المُستخدَم مع Olo. انقر هنا لمعرفة المزيد",
        f"{I}Olo: \u200fلم يتم إدراج الصورة",
        f"{I}Olo: plan.pdf • \u200fصفحتان \u200fلم يتم إدراج المستند",
        f"{I}Nia: \u200fxyzzy",
    )
    assert [(m.author, m.kind) for m in chat.messages] == [("Olo", "media"), ("Olo", "media")]
    assert (chat.report.notices, chat.report.unknown_notices) == (3, 1)


def test_a_number_spelled_with_other_spaces_is_the_same_person():
    chat = read(
        f"{I}\u202a+40\u00a0521\u202c: \u200eMessages and calls are end-to-end encrypted.",
        f"{I}+40 521: \u200eThis message was deleted.",
        f"{I}Nia: hi",
    )
    assert chat.participants == {"+40 521": 1, "Nia": 1}


def test_null_is_a_message_without_words():
    assert told(read(f"{A}Nia: null", f"{A}Nia: null and void")) == [
        ("Nia", "", "empty"), ("Nia", "null and void", "text"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "poll",
    [
        "POLL:\nLunch?\nOPTION: Pizza (2 votes)\nOPTION: Salad (0 votes)",
        "\u200ePOLL:\nLunch?\n\u200eOPTION: Pizza (\u200e2 votes)\n\u200eOPTION: Salad (\u200e0)",
        "UMFRAGE:\nLunch?\nOPTION: Pizza (2 Stimmen)\nOPTION: Salad (0 Stimmen)",
        "XYZZY:\nLunch?\nBLORB: Pizza (2 foo)\nBLORB: Salad (0 foo)",
        "투표:\nLunch?\n옵션: Pizza (2표)\n옵션: Salad (0표)",
    ],
)
@pytest.mark.parametrize("header", [A, I])
def test_polls_are_a_kind_of_their_own(header, poll):
    chat = read(f"{header}Nia: {poll}", f"{header}Olo: hi")
    assert told(chat)[0] == ("Nia", "Lunch?\nPizza (2)\nSalad (0)", "poll")


def test_a_list_that_a_person_wrote_is_no_poll():
    text = "Buy:\nmilk (2 l)\nbread"
    assert told(read(f"{A}Nia: {text}"))[0] == ("Nia", text, "text")


@pytest.mark.parametrize(
    "call",
    ["\u200eMissed voice call", "\u200eVoice call, \u200e5 min", "\u200eVideo call, No answer",
     "\u200eVerpasster Sprachanruf", "\u200eGroup call", "Missed video call",
     "\u200eMissed voice call, \u200eTap to call back"],
)  # fmt: skip
def test_calls_are_a_kind_of_their_own(call):
    assert told(read(f"{I}Nia: {call}", f"{I}Olo: hi"))[0] == ("Nia", "", "call")


def test_a_call_without_an_author_is_a_notice():
    chat = read(f"{A}Missed voice call", f"{A}Nia: Voice call me")
    assert [str(n.kind) for n in chat.notices] == ["call"]
    assert told(chat) == [("Nia", "Voice call me", "text")]


VENUE = "https://foursquare.com/v/123"
MAP = "https://maps.google.com/?q=52.5,-13.4"


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        (A, f"location: {MAP}", MAP),
        (A, f"Standort: {MAP}", MAP),
        (I, f"\u200eLocation: {MAP}", MAP),
        (I, f"\u200eXyzzy: {MAP}", f"Xyzzy\n{MAP}"),
        (I, f"\u200eLake (Road 1): {VENUE}", f"Lake (Road 1)\n{VENUE}"),
        (A, "live location shared", ""),
        (A, "Live-Standort wird geteilt", ""),
    ],
)  # fmt: skip
def test_locations_are_a_kind_of_their_own(header, body, text):
    assert told(read(f"{header}Nia: {body}", f"{header}Olo: hi"))[0] == ("Nia", text, "location")


@pytest.mark.parametrize("text", [MAP, f"see {MAP} or not", "location: somewhere"])
def test_a_link_to_a_map_that_a_person_wrote_is_text(text):
    assert told(read(f"{A}Nia: {text}", f"{A}Olo: hi"))[0] == ("Nia", text, "text")


def test_joins_and_leaves_are_kept_as_data():
    chat = read(
        f"{A}Nia added Olo and Pia", f"{A}Olo joined using this group's invite link",
        f"{A}Pia left", f"{A}Nia removed Olo", f"{A}Nia hat Olo hinzugefügt", f"{A}Nia: hi",
        f"{A}Olo: hi",
    )  # fmt: skip
    assert [(str(n.kind), n.people, n.line) for n in chat.notices] == [
        ("joined", ("Olo", "Pia"), 1),
        ("joined", ("Olo",), 2),
        ("left", ("Pia",), 3),
        ("left", ("Olo",), 4),
        ("joined", ("Nia", "Olo"), 5),
    ]


def test_an_export_of_ios_without_its_marks_still_has_its_events():
    chat = read(f"{I}Nia: Nia added Olo", f"{I}Nia: Nia, are you there?", f"{I}Olo: Olo left it?")
    assert said(chat) == [("Nia", "Nia, are you there?"), ("Olo", "Olo left it?")]


@pytest.mark.parametrize(
    "body", ["Nia left the keys at home", "Nia added sugar to it", "Nia changed the tyres",
             "Nia removed her shoes.", "Nia hat gestern Salz hinzugefügt", "Nia left early"],
)  # fmt: skip
def test_in_an_export_without_marks_a_sentence_about_oneself_is_kept(body):
    chat = read(f"{I}Nia: {body}", f"{I}Olo: hi")
    assert said(chat)[0] == ("Nia", body)


@pytest.mark.parametrize(
    "event", ["Nia left", "Nia added Olo and Pia", "Nia changed the subject to “x”",
              "Nia hat Olo hinzugefügt", "Nia a quitté le groupe", "Nia が参加しました"],
)  # fmt: skip
def test_in_an_export_without_marks_an_event_is_a_notice(event):
    chat = read(f"{I}Nia: {event}", f"{I}Olo: hi")
    assert chat.report.notices == 1
    assert chat.participants == {"Olo": 1}


def test_the_same_export_twice_in_one_file_is_said():
    lines = [f"13/02/2024, 10:{n:02} - {'Nia' if n % 2 else 'Olo'}: {n}" for n in range(20)]
    assert read(*lines, *lines).report.repeated_messages == 20
    assert read(*lines[:12], *lines).report.repeated_messages == 12
    assert read(*lines).report.repeated_messages == 0


def test_a_header_with_words_that_no_table_knows_is_counted():
    chat = read(
        "13/2/24 9:05 AM - Nia: one",
        "13/2/24 9:05 blorb - Olo: two",
        "13/2/24 9:06 AM - Nia: three",
    )
    assert chat.report.unparsed_lines == 1
