"""WhatsApp's lines as they are met beside those that are known: names that hold a colon in notices,
notices that come again, polls with a blank line behind."""

import pytest

from app.chats.formats.whatsapp.export import parse_export

A = "13/02/2024, 10:15 - "
I = "[13/02/24, 10:15:01] "  # noqa: E741 (the header of iOS)
L = "\u200e"


def read(*lines, **options):
    return parse_export("\n".join(lines) + "\n", **options)


def told(chat):
    return [(m.author, m.text, str(m.kind)) for m in chat.messages]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Nia pinned a message", "setting"),
        ("You blocked this contact", "setting"),
        ("Nia amebandika ujumbe", "unknown"),
    ],
)
def test_a_notice_that_comes_often_on_ios_is_no_medium(event, kind):
    chat = read(*[f"{I}Nia: {L}{event}"] * 3, f"{I}Olo: hi")
    assert told(chat) == [("Olo", "hi", "text")]
    assert [str(notice.kind) for notice in chat.notices] == [kind] * 3


def test_a_notice_in_known_words_under_several_names_is_no_medium():
    event = f"{L}Disappearing messages were turned off"
    chat = read(f"{I}Nia: {event}", f"{I}Olo: {event}", f"{I}Olo: hi")
    assert (len(chat.messages), chat.report.notices) == (1, 2)


@pytest.mark.parametrize("header", [A, I])
@pytest.mark.parametrize("label", ["POLL:", "UMFRAGE:", "XYZZY:"])
def test_a_blank_line_may_follow_a_poll(header, label):
    poll = f"{L}{label}\nWhere?\n{L}OPTION: a: b ({L}2 votes)\n{L}OPTION: c ({L}1 vote)\n"
    chat = read(f"{header}Nia: {poll}", f"{header}Olo: hi")
    assert told(chat)[0] == ("Nia", "Where?\na: b (2)\nc (1)", "poll")


@pytest.mark.parametrize("body", ["@\u2068Olo\u2069 come here", "https://lake.example/a"])
def test_a_marked_body_that_calls_somebody_or_is_an_address_is_a_person_s(body):
    assert told(read(f"{I}Nia: {L}{body}", f"{I}Olo: ho"))[0] == ("Nia", body, "text")


def test_a_business_with_a_colon_in_its_name_is_no_group_in_its_own_chat():
    chat = read(
        f"{I}ACME: Support: {L}Messages and calls are end-to-end encrypted.",
        f"{I}ACME: Support: {L}This chat is with a business account. Tap to learn more.",
        f"{I}ACME: Support: Hello",
        f"{I}Nia: hi",
    )
    assert told(chat) == [("ACME: Support", "Hello", "text"), ("Nia", "hi", "text")]
    assert chat.title is None


@pytest.mark.parametrize(
    "notice",
    [
        'Nia muutis teemat "Rome: trip" -> "Roma: trip"',
        "Nia a remplacé le sujet « Rome : trip » par « Roma : trip »",
        "Nia が件名を「Rome: trip」に変更しました",
        "Nia xyzzy „Rome: trip“",
        "Nia xyzzy “Rome: trip” blorb",
    ],
)
def test_a_colon_inside_a_quotation_ends_no_name_in_any_language(notice):
    chat = read(f"{A}{notice}", f"{A}Nia: hi", f"{A}Olo: ho")
    assert (chat.participants, chat.report.notices) == ({"Nia": 1, "Olo": 1}, 1)


@pytest.mark.parametrize(
    "name", ['Nia "the cat" Berg', "Nia „Katze“ Berg", "Nia «Kot» Berg", 'Nia 5"']
)
def test_a_name_with_a_quotation_is_a_person(name):
    chat = read(f'{A}{name}: she said "hi"', *[f"{A}{name}: {n}" for n in range(2)])
    assert chat.participants == {name: 3}


@pytest.mark.parametrize(
    "notice",
    [
        "ACME: Support joined using this group's invite link",
        "ACME: Support joined from the community",
        'ACME: Support created group "Lake"',
        "ACME: Support changed their phone number to a new number. Tap to message or add the new "
        "number.",
        "ACME: Support's security code changed. Tap to learn more.",
        "ACME: Support ist mit dem Einladungslink dieser Gruppe beigetreten",
        "ACME: Support se unió usando el enlace de invitación de este grupo",
        "ACME: Support a rejoint le groupe via le lien d'invitation",
        "ACME: Support entrou usando o link de convite deste grupo",
        "ACME: Support neemt deel via de groepsuitnodigingslink",
        "Your chat with ACME: Support is now with a business account.",
        "You're now chatting with ACME: Support's business account",
        "Nia hat ACME: Support hinzugefügt",
        "Nia heeft ACME: Support toegevoegd",
        "Nia, ACME: Support kişisini ekledi",
        "Nia님이 ACME: Support님을 초대했습니다",
    ],
)
def test_a_notice_about_a_name_with_a_colon_is_no_message(notice):
    chat = read(f"{A}{notice}", f"{A}Nia: hi", f"{A}Olo: ho")
    assert (chat.participants, chat.report.notices) == ({"Nia": 1, "Olo": 1}, 1)


@pytest.mark.parametrize(
    "text",
    [
        "Nia joined using this group's invite link",
        "Olo is now an admin",
        "somebody changed the group icon",
        "Olo left",
        "they joined the group",
    ],
)
def test_a_lone_message_in_the_words_of_a_notice_is_kept(text):
    chat = read(f"{A}Nia: hi", f"{A}Kai: {text}", f"{A}Olo: ho")
    assert told(chat)[1] == ("Kai", text, "text")


def test_a_name_that_begins_like_a_notice_is_a_person():
    chat = read(f"{A}Your Mum: Olo left", f"{A}Nia: hi", f"{A}Olo: ho")
    assert told(chat)[0] == ("Your Mum", "Olo left", "text")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (f"{L}<attached: {{}}.jpg>", "media"),
        ("<adjunto: {}.jpg>", "media"),
        ("‹Anhang: {}.jpg›", "media"),
        ("location: https://maps.google.com/?q={},2", "location"),
        ("Standort: https://maps.google.com/?q={},2", "location"),
    ],
)
@pytest.mark.parametrize("header", [A, I])
def test_who_sends_nothing_but_media_or_places_keeps_the_name(header, body, kind):
    chat = read(*[f"{header}Nia: {body.format(n)}" for n in range(3)], f"{header}Olo: hi")
    assert chat.participants == {"Nia": 3, "Olo": 1}
    assert {str(m.kind) for m in chat.messages if m.author == "Nia"} == {kind}


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("<attached: 1.jpg>", "media"), ("image omitted", "media"), ("<Bearbeitet>", "text")],
)
def test_a_caption_may_end_with_a_colon(mark, kind):
    chat = read(f"{I}Nia: look here: {L}{mark}", f"{I}Olo: x", f"{I}Nia: ok")
    assert told(chat)[0] == ("Nia", "look here:", kind)


def test_an_edited_message_that_ends_with_a_colon_is_all_that_its_author_wrote():
    chat = read(f"{I}Nia: the list: {L}<This message was edited>", f"{I}Olo: x")
    assert told(chat)[0] == ("Nia", "the list:", "text")


@pytest.mark.parametrize("header", [A, I])
def test_who_calls_another_by_name_keeps_the_own_name(header):
    chat = read(f"{header}Nia: Olo: come", f"{header}Olo: why", f"{header}Nia: Olo: now")
    assert chat.participants == {"Nia": 2, "Olo": 1}


@pytest.mark.parametrize("prefix", ["Re", "PS", "Q", "1", "note", "_x"])
@pytest.mark.parametrize("header", [A, I])
def test_two_messages_that_begin_alike_do_not_make_a_name(header, prefix):
    chat = read(*[f"{header}Nia: {prefix}: {n}" for n in range(2)], f"{header}Olo: hi")
    assert chat.participants == {"Nia": 2, "Olo": 1}


def test_who_is_added_to_a_community_is_told_without_its_name():
    chat = read(f"{A}Nia added Olo to the community: Lake people", f"{A}Nia: hi")
    assert [(str(n.kind), n.people) for n in chat.notices] == [("joined", ("Olo",))]


def test_a_group_that_joins_a_community_is_no_person_who_joined():
    chat = read(
        f"{A}This group was added to the community: Lake people",
        f'{A}Nia added the group "Cooks" to the community',
        f"{A}Nia: hi",
    )
    assert [(str(n.kind), n.people) for n in chat.notices] == [("setting", ())] * 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("This message was deleted by admin Olo Berg.", "deleted"),
        ("This message was deleted by admin olo", "deleted"),
        ("This message was deleted by admin ~ Olo: the one and only", "deleted"),
        ("This message was deleted by admin because it was rude", "text"),
    ],
)
@pytest.mark.parametrize("header", [A, I])
def test_what_an_admin_deleted_is_told_from_a_sentence_about_it(header, body, kind):
    assert told(read(f"{header}Nia: {body}", f"{header}Olo: ho"))[0][2] == kind


@pytest.mark.parametrize("day", ["13", "14"])
def test_lines_of_the_chat_that_are_pasted_into_it_stay_text_and_are_told(day):
    chat = read(
        "13/02/2024, 10:15 - Nia: a",
        "13/02/2024, 10:16 - Olo: b",
        f"{day}/02/2024, 10:17 - Pia: see:",
        "13/02/2024, 10:15 - Nia: a",
        "13/02/2024, 10:16 - Olo: b",
        "funny",
        f"{day}/02/2024, 10:18 - Nia: yes",
    )
    assert chat.participants == {"Nia": 2, "Olo": 1, "Pia": 1}
    assert chat.messages[2].text.count("\n") == 3
    assert chat.report.merged_header_lines == (4, 5)


def test_a_burst_of_media_that_arrives_late_is_not_taken_for_pasted_lines():
    chat = read(
        *[f"{A}Nia: <Media omitted>"] * 3,
        "13/02/2024, 10:16 - Olo: wow",
        *[f"{A}Nia: <Media omitted>"] * 2,
        f"{A}Nia: ok",
    )
    assert (len(chat.messages), chat.report.merged_headers) == (7, 0)


def test_exports_that_overlap_in_one_file_are_told():
    first = [f"13/02/2024, {10 + n // 60}:{n % 60:02} - Nia: {n}" for n in range(100)]
    second = [f"13/02/2024, {10 + n // 60}:{n % 60:02} - Nia: {n}" for n in range(40, 150)]
    chat = read(*first, *second)
    assert (len(chat.messages), chat.report.repeated_messages) == (210, 60)


@pytest.mark.parametrize(
    "text",
    [
        "View once photo please",
        "Messages and calls are end-to-end encrypted, they say",
        "Rome:\nwas\nDay: 1 (3 Museums)\nDay: 2 (4 Museums)",
    ],
)
def test_what_a_person_types_in_the_app_s_words_keeps_its_words(text):
    assert told(read(f"{A}Nia: {text}", f"{A}Olo: ho"))[0] == ("Nia", text, "text")


@pytest.mark.parametrize(
    "event", ["~\u202fNia amebandika ujumbe", "\u202a+49\u00a0170\u202c amebandika ujumbe"]
)
def test_a_notice_about_its_author_is_known_however_the_name_is_spelled(event):
    author = event.removesuffix(" amebandika ujumbe")
    chat = read(*[f"{I}{author}: {L}{event}"] * 3, f"{I}Olo: x")
    assert (chat.participants, chat.report.unknown_notices) == ({"Olo": 1}, 3)


def test_notices_had_no_author_on_ios_before_its_headers_had_brackets():
    old = "13/02/14, 10:15:01: "
    chat = read(
        f"{old}Nia changed the subject to “Rome: trip”",
        f"{old}ACME: Support joined using this group's invite link",
        f"{old}Nia: a: b",
        f"{old}Olo: ho",
    )
    assert (chat.participants, chat.report.notices) == ({"Nia": 1, "Olo": 1}, 2)


@pytest.mark.parametrize(
    "notice",
    [
        "Nia creó el grupo “{}”",
        "Nia a créé le groupe « {} »",
        "Nia utworzył(a) grupę „{}”",
        "Nia skapade gruppen ”{}”",
        'Nia, "{}" grubunu oluşturdu',
        "Nia létrehozta a(z) „{}” csoportot",
        "Niaがグループ「{}」を作成しました",
        "Nia创建了群组“{}”",
        'أنشأ Nia المجموعة "{}"',
        'Nia יצר/ה את הקבוצה "{}"',
        'Nia zmienił temat z "Lago" na "{}"',
        "Nia changed the subject from ‘Rome’ to ‘{}’",
    ],
)
@pytest.mark.parametrize("title", ["Mare", "Mare: 2024"])
def test_a_group_s_title_is_told_in_other_languages(notice, title):
    chat = read(f"{A}{notice.format(title)}", f"{A}Nia: hi", f"{A}Olo: ho")
    assert (chat.title, chat.participants) == (title, {"Nia": 1, "Olo": 1})
