"""What a message's body holds: structure first, words second.

On iOS a body that begins with U+200E, in languages that run from right to left with U+200F, is
WhatsApp's own unless something proves otherwise; what it is, the table of phrases tells.
"""

import re
from collections.abc import Set
from typing import NamedTuple

from app.chats.formats.whatsapp import phrase_table
from app.chats.formats.whatsapp.headers import MARKS
from app.chats.formats.whatsapp.notices import is_encryption_notice
from app.chats.formats.whatsapp.phrase_table import key
from app.chats.message import MessageKind

LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"
_OWN_MARKS = LEFT_TO_RIGHT + RIGHT_TO_LEFT


class Body(NamedTuple):
    """What a message's body holds once the marks of the export are taken off."""

    text: str
    kind: MessageKind = MessageKind.TEXT
    edited: bool = False


_NO_MARKS = dict.fromkeys(map(ord, _OWN_MARKS))
_OPEN, _CLOSE = "[<‹]", "[>›]"
_ATTACHED = phrase_table.keys("attached")
_OMITTED = phrase_table.keys("omitted", "media_omitted", "view_once")
_VIEW_ONCE = tuple(key + end for key in phrase_table.keys("view_once") for end in ".。,،")
_DELETED = phrase_table.keys("deleted", "deleted_by_admin")
_DELETED_BY_ADMIN = phrase_table.templates("deleted_by_admin")
_SENTENCE_WORDS_MIN = 4
_UNDELIVERED = phrase_table.keys("undelivered")
_MISSED_CALLS = frozenset(phrase_table.phrases("missed_call"))
_CALLS = phrase_table.keys("missed_call", "call")
_LIVE_LOCATIONS = phrase_table.keys("live_location")
_LOCATIONS = phrase_table.keys("location")
_POLLS = frozenset(phrase_table.phrases("poll"))
_EDITED_KEYS = phrase_table.keys("edited")

# Marks of media in languages that are not in the table, or not in this wording.
_MEDIA_STEMS = (
    "media|médi|mídi|medien|medii|multim|medya|medier|fichier|ficheiro|archivo|медиа|медіа|وسائط|"
    "מדיה|मीडिया|多媒体|多媒體|媒體|媒体|メディア|미디어|สื่อ|πολυμέσ|view once|multivid|vedlegg"
)
_OMITTED_STEMS = (
    "omitted|omitid|omiss|ocultad|oculta|weggelassen|ausgelassen|ausgeschlossen|absent|omis|"
    "retiré|manquant|omess|esclus|weggelaten|pominięt|пропущен|опущен|не добавлен|отсутств|"
    "dahil edilmedi|eklenmedi|tidak disertakan|省略|忽略|생략|제외|含まれ|استبعاد|הושמט|לא נכלל|"
    "utelämn|uteslut|utelad|udelad|utelat|jätetty|vynech|omise|kihagy|हटा|छोड़|παραλ|ละเว้น|bỏ qua"
)
_OMITTED_LINE = re.compile(rf"(?i)(?=.*(?:{_OMITTED_STEMS})).{{3,200}}")
_BRACKETED = re.compile(rf"{_OPEN}([^<>‹›\n]{{2,120}}){_CLOSE}")
_MEDIA_WORDS = re.compile(rf"(?i){_MEDIA_STEMS}")
_ATTACHED_BRACKETS = re.compile(
    rf"(?:^|(?<=\n)|(?<=[{MARKS}]))[ \u00a0]?{_OPEN}[ \u00a0]?[^<>‹›:：\n]{{2,40}}[ \u00a0]?[:：]"
    rf"[ \u00a0]?(?:[^<>\n]{{1,300}}\.\w{{2,5}}[ \u00a0]?)?{_CLOSE}"
)
# A name of a file that holds brackets, or ends without a dot: known by its label alone.
_ATTACHED_LABEL = re.compile(
    rf"(?:^|\n)[{MARKS}]{{0,3}}{_OPEN}[ \u00a0]?(?P<word>[^<>‹›:：\n]{{2,40}}?)[ \u00a0]?[:：]"
    rf"[^\n]{{1,300}}{_CLOSE}[{MARKS}]{{0,3}}$"
)
_FILE = rf"(?P<mark>[\u200e\u200f]?)(?P<file>[^\n]{{1,300}}\.\w{{2,5}})[{MARKS}]{{0,3}}"
_ATTACHED_AFTER = re.compile(
    rf"{_FILE}[ \u00a0]{{1,3}}(?:[(（][ \u00a0]?(?P<word>[^()（）\n]{{2,40}}?)[ \u00a0]?[)）]"
    rf"|{_OPEN}[ \u00a0]?(?P<angled>[^<>‹›\n]{{2,40}}?)[ \u00a0]?{_CLOSE})[{MARKS} ]{{0,3}}$"
)
_CAMERA_FILE = re.compile(r"(?:IMG|VID|PTT|AUD|STK|DOC)-\d{8}-WA\d+\.")

_EDITED_END = re.compile(rf"[{MARKS} \u00a0]{{0,3}}<([^<>\n]{{4,80}})>[{MARKS}\s]*$")
_EDITED_MARKED = re.compile(r"(?s)(?<=\S)\s?[\u200e\u200f]<[^<>:：\n]{4,80}>[\s\u200e\u200f]*$")

_POLL_OPTION = re.compile(
    rf"[{_OWN_MARKS}]?(?P<label>[^\n:：]{{1,24}})[:：] ?(?P<option>[^\n]{{1,300}}?)"
    rf" ?[(（][{_OWN_MARKS}]?(?P<votes>\d{{1,6}})[^()（）\n]{{0,40}}[)）][{_OWN_MARKS}]?"
)
_PLACE = re.compile(
    r"(?P<place>(?:[^\n]{0,200}\n){0,2}[^\n]{0,200}?)[:：]?\s?(?P<url>https://\S{4,500})\s*"
)
_MAPS = re.compile(
    r"https://(?:maps\.google\.com/\?q=|www\.google\.com/maps|maps\.apple\.com/\?|"
    r"(?:\w+\.)?foursquare\.com/v/)"
)
_CALL_END = re.compile(r"[,，،.。\n(]")

_HEAD_CHARS = 6
# A body whose first or last character or first few letters are none of these is plain text.
ODD_EDGES = frozenset(f"{MARKS}<>‹› )）")
ODD_HEADS = phrase_table.heads(
    [
        phrase.split("{}")[0]
        for phrase in phrase_table.phrases(
            "encrypted", "deleted", "deleted_by_admin", "undelivered", "omitted", "view_once",
            "missed_call", "live_location", "location",
        )
    ],
    length=_HEAD_CHARS,
) | {"null"}  # fmt: skip
HEAD = slice(_HEAD_CHARS)


def read_body(body: str, *, is_ios: bool, shared: Set[str] = frozenset()) -> Body | None:
    """The message in `body`; None when WhatsApp wrote it and no person.

    `shared` are bodies that several authors have, or one author often.
    """
    bare = body.strip(MARKS)
    if not bare or bare.isspace():
        return Body("", MessageKind.EMPTY)
    spoken = key(bare)
    if spoken in _DELETED or _is_deleted_by_admin(spoken, bare):
        return Body("", MessageKind.DELETED)
    if spoken in _UNDELIVERED or bare == "null":
        return Body("", MessageKind.EMPTY)
    is_own = is_ios and is_marked(body)
    found = (
        _read_call(bare, is_own=is_own)
        or _read_medium(body, bare, shared)
        or _read_poll(bare)
        or _read_location(bare, is_own=is_own)
    )
    if found:
        return found
    if is_ios and is_encryption_notice(bare) and (is_own or bare[-1] not in "?？؟"):
        return None
    text, edited = _unedited(bare)
    if is_own and not edited and not _is_sentence(bare):
        return Body("", MessageKind.MEDIA) if body in shared else None
    return Body(text, MessageKind.TEXT if text else MessageKind.EMPTY, edited)


def _is_deleted_by_admin(spoken: str, bare: str) -> bool:
    """The mark with an admin's name; "… by admin because it was rude" is typed."""
    found = _DELETED_BY_ADMIN.fullmatch(spoken)
    if found is None or found.lastindex is None:
        return found is not None
    name = bare[max(0, bare.casefold().find(found[found.lastindex])) :]
    return not name[:1].islower() or len(name.split()) < _SENTENCE_WORDS_MIN


def is_marked(body: str) -> bool:
    """The body begins with the mark of what WhatsApp itself writes on iOS."""
    return body[:1] in (LEFT_TO_RIGHT, RIGHT_TO_LEFT)


def has_own_mark(rest: str) -> bool:
    """One of WhatsApp's own marks stands somewhere in `rest`."""
    return LEFT_TO_RIGHT in rest or RIGHT_TO_LEFT in rest


def _is_sentence(bare: str) -> bool:
    """What no notice has: several lines, a question, an exclamation, somebody who is called or an
    address at its beginning. Old exports mark replies."""
    return "\n" in bare or bare[-1] in "?!？！؟…" or bare.startswith(("@", "https://"))


def could_be_shared(body: str) -> bool:
    """The body has the structure of a mark that WhatsApp writes for a medium."""
    bare = body.strip(MARKS)
    if "\n" in bare:
        return False
    if is_marked(body):
        return True
    found = _BRACKETED.fullmatch(bare.strip())
    # "<ok>" and "<3>" are typed; a mark has several words, or a script without spaces.
    return found is not None and (" " in found[1].strip() or not found[1].isascii())


def _unedited(bare: str) -> tuple[str, bool]:
    found = _EDITED_END.search(bare)
    if found and key(found[1]) in _EDITED_KEYS:
        return bare[: found.start()].strip(MARKS), True
    text = _EDITED_MARKED.sub("", bare)
    return text.strip(MARKS), text != bare


def _read_medium(body: str, bare: str, shared: Set[str]) -> Body | None:
    if (found := _BRACKETED.match(bare)) and _is_omitted(found, body, shared):
        rest = bare[found.end() :]
        if not rest.strip() or rest.startswith("\n") or _unedited(rest)[1]:
            return _medium(rest)
    if found := _ATTACHED_BRACKETS.search(bare):
        return _medium(f"{bare[: found.start()].strip(MARKS)}{bare[found.end() :]}")
    if (
        bare[-1] in ">›"
        and (found := _ATTACHED_LABEL.search(bare))
        and key(found["word"]) in _ATTACHED
    ):
        return _medium(bare[: found.start()])
    first, _, caption = body.partition("\n")
    if (found := _ATTACHED_AFTER.match(first)) and _is_attached(found):
        return _medium(caption)
    spoken = key(bare)
    if (spoken in _OMITTED and not _is_everyday(spoken)) or spoken.startswith(_VIEW_ONCE):
        return _medium("")
    at = max(map(body.rfind, _OWN_MARKS))
    last = body[at + 1 :]
    if at >= 0 and "\n" not in last and len(last) < 80 and _is_omitted_line(last):
        return _medium(body[:at].translate(_NO_MARKS))
    return None


def _is_omitted(found: re.Match[str], body: str, shared: Set[str]) -> bool:
    return (
        key(found[1]) in _OMITTED
        or _MEDIA_WORDS.search(found[1]) is not None
        or body in shared
        or found[0] in shared
    )


def _is_omitted_line(last: str) -> bool:
    return key(last) in _OMITTED or _OMITTED_LINE.fullmatch(last.strip()) is not None


def _is_everyday(spoken: str) -> bool:
    """What people type too: "ei kuvaa" is Finnish for "no picture". Only its mark tells."""
    return spoken in _EVERYDAY


_EVERYDAY = frozenset({"ei kuvaa", "fără audio"})


def _is_attached(line: re.Match[str]) -> bool:
    return (
        bool(line["mark"])
        or key(line["word"] or line["angled"]) in _ATTACHED
        or _CAMERA_FILE.match(line["file"]) is not None
    )


def _medium(caption: str) -> Body:
    text, edited = _unedited(caption)
    return Body(text.strip(f"{MARKS}\n "), MessageKind.MEDIA, edited)


def _read_poll(bare: str) -> Body | None:
    """A poll: its label alone on a line, the question, and options with their votes.

    The options are known by their structure, so that a language without the label is read too.
    """
    label, newline, rest = bare.rstrip("\n").partition("\n")
    is_label = (
        newline and label.rstrip(" :：").strip(MARKS) in _POLLS and label.rstrip()[-1] in ":："
    )
    lines = rest.split("\n")
    options = [_POLL_OPTION.fullmatch(line) for line in lines]
    first = next((at for at, option in enumerate(options) if option), None)
    if first is None or first == 0 or not all(options[first:]):
        return Body(rest.strip(f"{MARKS}\n "), MessageKind.POLL) if is_label else None
    labels = {option["label"] for option in options[first:] if option}
    is_loud = label.endswith(":") and all(word == word.upper() for word in (label, *labels))
    if not is_label and (len(labels) > 1 or len(lines) - first < 2 or not is_loud):
        return None
    told = [f"{option['option']} ({option['votes']})" for option in options[first:] if option]
    return Body("\n".join([*lines[:first], *told]).translate(_NO_MARKS), MessageKind.POLL)


def _read_location(bare: str, *, is_own: bool) -> Body | None:
    spoken = key(bare)
    if spoken in _LIVE_LOCATIONS:
        return Body("", MessageKind.LOCATION)
    found = _PLACE.fullmatch(bare) if "https://" in bare else None
    if found is None:
        return None
    place = found["place"].strip(f"{MARKS}\n :：")
    is_labelled = key(place) in _LOCATIONS
    is_map = _MAPS.match(found["url"]) is not None
    if not is_labelled and not (is_map and place and (is_own or _is_venue(found["url"]))):
        return None
    return Body(found["url"] if is_labelled else f"{place}\n{found['url']}", MessageKind.LOCATION)


def _is_venue(url: str) -> bool:
    return "foursquare.com/v/" in url or "maps.google.com/?q=" in url


def _read_call(bare: str, *, is_own: bool) -> Body | None:
    if bare.rstrip(" .。") in _MISSED_CALLS:
        return Body("", MessageKind.CALL)
    if is_own and key(_CALL_END.split(bare, maxsplit=1)[0]) in _CALLS:
        return Body("", MessageKind.CALL)
    return None
