"""Every phrase of the table is read as what it is, on both platforms."""

import pytest

from app.chats.formats.whatsapp.export import parse_export
from app.chats.formats.whatsapp.phrase_table import languages, table

HEADERS = {"android": "13/02/2024, 10:15 - ", "ios": "[13/02/24, 10:15:01] "}
BY_KIND = {
    "deleted": "deleted", "deleted_by_admin": "deleted", "undelivered": "empty",
    "omitted": "media", "media_omitted": "media", "view_once": "media", "attached": "media",
    "missed_call": "call", "call": "call", "location": "location", "live_location": "location",
    "poll": "poll", "edited": "text",
}  # fmt: skip


def body(kind, phrase, platform):
    mark = "\u200e" if platform == "ios" else ""
    phrase = phrase.replace("{}", "Olo")
    match kind:
        case "media_omitted":
            return f"{mark}<{phrase}>"
        case "attached":
            return f"{mark}<{phrase}: 00000012-PHOTO.jpg>" if mark else f"plan.pdf ({phrase})"
        case "location":
            return f"{mark}{phrase}: https://maps.google.com/?q=52.5,-13.4"
        case "poll":
            return f"{mark}{phrase}:\nLunch?\n{mark}A: Pizza ({mark}2)\n{mark}A: Salad ({mark}0)"
        case "edited":
            return f"see you {mark}<{phrase}>"
        case _:
            return f"{mark}{phrase}"


@pytest.mark.parametrize("platform", HEADERS)
@pytest.mark.parametrize("stop", ["", "."])
@pytest.mark.parametrize("language", languages())
def test_every_phrase_of_a_language_is_known(language, stop, platform):
    header = HEADERS[platform]
    wrong = []
    for _, kind, phrase in (row for row in table() if row[0] == language):
        if kind not in BY_KIND or (platform == "android" and kind in ("call", "omitted")):
            continue  # Calls have no author there, and media stand in brackets.
        written = body(kind, phrase, platform)
        if stop and kind in ("deleted", "undelivered", "deleted_by_admin", "missed_call"):
            written += stop
        chat = parse_export(f"{header}Nia: {written}\n{header}Olo: hi\n")
        first = chat.messages[0]
        if (first.author, first.kind, first.edited) != ("Nia", BY_KIND[kind], kind == "edited"):
            wrong.append((kind, phrase, first))
    assert not wrong


@pytest.mark.parametrize("language", languages())
def test_every_notice_of_a_language_is_known(language):
    wrong = []
    for _, kind, phrase in (row for row in table() if row[0] == language):
        if kind not in ("encrypted", "security_code", "missed_call", "call"):
            continue
        line = phrase.replace("{}", "ACME: Support")
        chat = parse_export(f"{HEADERS['android']}{line}.\n{HEADERS['android']}Nia: hi\n")
        if chat.participants != {"Nia": 1} or chat.report.unknown_notices:
            wrong.append((kind, phrase, chat.participants))
        if kind in ("encrypted", "security_code"):
            ios = parse_export(f"{HEADERS['ios']}Nia: \u200e{line}.\n{HEADERS['ios']}Nia: hi\n")
            if len(ios.messages) != 1 or ios.report.unknown_notices:
                wrong.append(("ios", kind, phrase))
    assert not wrong


def test_a_phrase_stands_in_the_table_once():
    rows = table()
    assert len(set(rows)) == len(rows)
    assert {row[0] for row in rows} == set(languages())
