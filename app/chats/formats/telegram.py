"""Telegram Desktop's `result.json`: one chat, or all of them."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from app.chats.formats.assembly import OTHER_FORM, Assembly
from app.chats.formats.choosing import CHATS_MAX, ChatChoice, choose
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import Elements, arrays, field_of, json_head, plain_json
from app.chats.formats.tables import known_events
from app.chats.formats.times import (
    SECONDS_DIGITS,
    STEP_DIGITS,
    IsoTimes,
    WrittenInstants,
    from_seconds,
)
from app.chats.message import MessageKind, make_message
from app.chats.transcript import EmptyChat, NoticeKind, TooManyChats, Transcript

_JOINS = frozenset({"invite_members", "join_group_by_link", "join_group_by_request"})
_LEAVES = frozenset({"remove_members"})
_SETTINGS = known_events("telegram")
_CALLS = frozenset({"phone_call", "group_call", "conference_call"})
_LOCATIONS = frozenset({"location_information", "place_name"})
_MEDIA = frozenset(
    {"photo", "file", "media_type", "contact_information", "game_title", "invoice_information"}
)
_MARKED = _LOCATIONS | _MEDIA | {"poll"}
# What says nothing of a message's content; one without a text that has more is a medium: a dice,
# a story, whatever comes.
_PLAIN = frozenset(
    {
        "id", "type", "date", "date_unixtime", "edited", "edited_unixtime", "from", "from_id",
        "author", "text", "text_entities", "reply_to_message_id", "reply_to_peer_id", "via_bot",
        "forwarded_from", "forwarded_from_id", "saved_from", "saved_from_id", "reactions",
        "inline_bot_buttons", "signature",
    }
)  # fmt: skip
# When a message was edited that never was, as exports before 2020 write it.
_NEVER = ("1970-", "1969-")
_SAVED_MESSAGES = "Saved Messages"
_CHAT_TYPES = (
    rb"personal_chat|bot_chat|saved_messages|replies|verification_codes|private_group|"
    rb"private_supergroup|public_supergroup|private_channel|public_channel"
)
_ONE_CHAT = re.compile(rb'"type"\s*:\s*"(?:%s)"' % _CHAT_TYPES)
_MESSAGE = re.compile(rb'"date_unixtime"\s*:|"text_entities"\s*:|"from_id"\s*:\s*"(?:user|channel)')
_ALL_CHATS = re.compile(rb'"personal_information"\s*:|"chats"\s*:\s*\{')


def _recognises(head: bytes) -> bool:
    head = json_head(head)
    return head.startswith(b"{") and (
        (_ONE_CHAT.search(head) is not None and b'"messages"' in head)
        or (_ALL_CHATS.search(head) is not None and b'"about"' in head)
        or _MESSAGE.search(head) is not None
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    choices: list[ChatChoice] = []
    assembly: Assembly | None = None
    times, instants = IsoTimes(options.tz), WrittenInstants(options.tz)
    for chat, title, elements in _chats(plain_json(raw)):
        if len(choices) >= CHATS_MAX:
            raise TooManyChats(chats_max=CHATS_MAX)
        if assembly is not None and chat != options.chat:
            choices.append(ChatChoice(chat, title, _count(elements)))
            continue
        # The chat that was asked for; or the first, which is the only one or none is chosen.
        met = Assembly("telegram-json", "telegram", title=title)
        for batch in elements:
            _read_batch(options.tz, instants, times, met, batch)
        met.take_unread(elements)
        choices.append(ChatChoice(chat, title, len(met.messages)))
        if met.messages:
            assembly = met
    choose(choices, options.chat)
    if assembly is None:
        raise EmptyChat
    return assembly.transcript()


def _chats(raw: bytes) -> Iterator[tuple[str, str, Elements]]:
    """Id, title and messages of each chat; an id that comes again is numbered."""
    met: dict[str, int] = {}
    for head, elements in arrays(raw, "messages"):
        head = head.rpartition(b'"list"')[2]  # Before it stand the account and its contacts.
        chat = str(field_of(head, "id") or 0)
        met[chat] = met.get(chat, 0) + 1
        title = field_of(head, "name") or (
            _SAVED_MESSAGES if field_of(head, "type") == "saved_messages" else ""
        )
        yield chat if met[chat] == 1 else f"{chat}-{met[chat]}", str(title), elements


def _count(elements: Elements) -> int:
    return sum(
        element.__class__ is dict and "text" in element for batch in elements for element in batch
    )


def _read_batch(
    tz: tzinfo, instants: WrittenInstants, times: IsoTimes, chat: Assembly, batch: list[Any]
) -> None:
    # The hot loop of an import.
    say, names, begins, steps = chat.say, chat.names, instants.begins, instants.steps
    messages, text_kind, make = chat.messages, MessageKind.TEXT, make_message
    for told in batch:
        try:
            if (written := told.get("date_unixtime")) is None:
                at, _ = times.read(told["date"])
                chat.lacks("time_zone")
            elif written.__class__ is str and len(written) == SECONDS_DIGITS and written.isdigit():
                at = begins[written[:-STEP_DIGITS]] + steps[written[-STEP_DIGITS:]]
            else:
                at = from_seconds(int(written), tz)
            if told["type"] != "message":
                _read_event(chat, at, told)
                continue
            key, text = told.get("from_id"), told["text"]
            author = names.get(key) or _author(chat, told.get("from"), key)
            if text.__class__ is not str:
                text = _joined(text)
            edited = "edited" in told and not told["edited"].startswith(_NEVER)
            if text and _MARKED.isdisjoint(told):
                messages.append(make((len(messages) + 1, at, author, text, text_kind, edited)))
            else:
                kind, text = _kind_of(told, text)
                say(at, author, text, kind, edited)
        except OTHER_FORM:
            chat.leave_out_element(told)


def _author(chat: Assembly, name: Any, key: Any) -> str:
    if key is None:
        if name is not None:
            return chat.namesake(name)
        chat.lacks("author")
        return chat.author("")
    # A deleted account keeps its id and loses its name.
    return chat.author(key, name if name is not None else key)


def _joined(parts: Any) -> str:
    """A text with entities: a list of plain texts and of objects that hold one."""
    return "".join([part if isinstance(part, str) else part["text"] for part in parts])


def _kind_of(told: Any, text: str) -> tuple[MessageKind, str]:
    if told.keys() <= _PLAIN:
        return MessageKind.TEXT, text
    if "poll" in told:
        return MessageKind.POLL, _poll(told["poll"])
    if not _LOCATIONS.isdisjoint(told):
        place = " ".join(filter(None, (told.get("place_name"), told.get("address"))))
        return MessageKind.LOCATION, place or text
    return MessageKind.MEDIA, text


def _poll(poll: Any) -> str:
    return "\n".join([_text(poll["question"]), *(_text(a["text"]) for a in poll["answers"])])


def _text(told: Any) -> str:
    """Of a poll: a text, one with entities, or in newer versions an object that holds one."""
    match told:
        case {"text": text}:
            return _text(text)
        case str():
            return told
        case _:
            return _joined(told)


def _read_event(chat: Assembly, at: datetime, told: Any) -> None:
    action = str(told.get("action") or told["type"])
    if action in _CALLS and told.get("actor"):
        author = _author(chat, told["actor"], told.get("actor_id"))
        chat.say(at, author, "", MessageKind.CALL)
        return
    members = [name for name in told.get("members") or () if isinstance(name, str)]
    actor = told.get("actor") or ""
    kind = NoticeKind.SETTING if action in _SETTINGS else NoticeKind.UNKNOWN
    if action in _JOINS:
        kind = NoticeKind.JOINED
    elif action in _LEAVES:
        kind = NoticeKind.LEFT
    # Who joins by a link is the actor; of those who were removed the names are told, or not.
    people = members or ([actor] if actor and kind is NoticeKind.JOINED else [])
    words = " ".join(filter(None, (actor, action.replace("_", " "), ", ".join(members))))
    chat.note(at, kind, words, people)


TELEGRAM = Format("telegram", "Telegram (result.json)", _recognises, _read)
