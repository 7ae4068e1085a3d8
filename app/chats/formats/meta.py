"""Instagram's and Messenger's `message_1.json`, of "Download your information" and of encrypted
chats; the parts of a long chat may follow one another."""

import re
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import HEAD_BYTES, Format, ReadingOptions
from app.chats.formats.json_stream import arrays, field_of, json_head, plain_json
from app.chats.formats.meta_sentences import Sentence, Sentences
from app.chats.formats.times import Instants
from app.chats.message import MessageKind, make_message
from app.chats.transcript import NoticeKind, Transcript

_DOWNLOADED = re.compile(rb'"sender_name"\s*:')
_ENCRYPTED = re.compile(rb'"senderName"\s*:')
_PARTICIPANTS = re.compile(rb'"participants"\s*:\s*\[')
_MEDIA = frozenset({"photos", "videos", "audio_files", "gifs", "files", "sticker", "media"})
_BYTES_OF_ONE = re.compile(
    "[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_TEXT = MessageKind.TEXT
_MARKED = _MEDIA | {"is_unsent", "type", "users", "call_duration", "share"}
_FULL_STOPS = (".", "。", "।", "۔")
_TEXT_TYPES = frozenset({"Generic", "Share", "Call", "Payment", "text", "media", "link"})


def _recognises(head: bytes) -> bool:
    head = json_head(head)
    return (
        head.startswith(b"{")
        and _PARTICIPANTS.search(head) is not None
        and (_DOWNLOADED.search(head) is not None or _ENCRYPTED.search(head) is not None)
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    raw = plain_json(raw)
    is_encrypted = _DOWNLOADED.search(raw, 0, HEAD_BYTES) is None
    assembly = Assembly("meta-encrypted-json" if is_encrypted else "meta-json", "meta")
    read = _read_encrypted if is_encrypted else _read_downloaded
    times = Instants(options.tz)
    sentences = Sentences(_people(raw))
    told = field_of(raw, "title")
    for head, elements in arrays(raw, "messages"):
        told = told or field_of(head, "threadName")
        assembly.read_elements(elements, partial(read, times, sentences))
        assembly.take_unread(elements)
    assembly.title = repaired(told) if isinstance(told, str) else None
    return assembly.transcript()


def _people(raw: bytes) -> list[str]:
    """The names of those who take part, as far as the file tells them in its first part."""
    names: list[str] = []
    for _, elements in islice(arrays(raw, "participants"), 1):
        for participant in chain.from_iterable(elements):
            match participant:
                case str(name) | {"name": str(name)}:
                    names.append(repaired(name))
                case _:
                    pass
    return names


def repaired(text: str) -> str:
    """`text` with its characters put together again: the export writes each byte of UTF-8 as a
    character of its own. What is no such text stays as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:  # Cut inside a character, or mis-encoded in part.
        return _BYTES_OF_ONE.sub(
            lambda met: met[0].encode("latin-1").decode("utf-8", "replace"), text
        )
    except UnicodeEncodeError:
        return text


def _read_downloaded(times: Instants, sentences: Sentences, chat: Assembly, told: Any) -> None:
    at, name = times.milliseconds(told["timestamp_ms"]), told["sender_name"]
    author = chat.names.get(name) or chat.author(name, repaired(name))
    text = told.get("content") or ""
    if not text.isascii():
        text = repaired(text)
    if text and _MARKED.isdisjoint(told) and not sentences.may_be(author, text):
        said = chat.messages
        said.append(make_message((len(said) + 1, at, author, text, _TEXT, False)))
        return
    kind = told.get("type", "Generic")
    if told.get("is_unsent"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif kind in ("Subscribe", "Unsubscribe"):
        people = [repaired(user["name"]) for user in told.get("users") or ()]
        joined = kind == "Subscribe"
        chat.note(at, NoticeKind.JOINED if joined else NoticeKind.LEFT, text, people or [author])
    elif told.get("call_duration") is not None or kind == "Call":
        chat.say(at, author, "", MessageKind.CALL)
    elif kind not in _TEXT_TYPES:
        chat.note(at, NoticeKind.UNKNOWN, f"{kind}: {text}")
    elif sentence := sentences.read(author, text):
        _tell(chat, at, author, sentence, _link_of(told))
    elif told.get("share"):
        _say_shared(chat, at, author, text, _link_of(told))
    elif not _MEDIA.isdisjoint(told) and any(map(told.get, _MEDIA.intersection(told))):
        chat.say(at, author, text, MessageKind.MEDIA)
    else:
        chat.say(at, author, text)


def _tell(chat: Assembly, at: datetime, author: str, sentence: Sentence, link: str) -> None:
    """What a sentence of the messenger tells; of a medium, `link` is what was shared."""
    kind = sentence.kind
    if isinstance(kind, MessageKind):
        chat.say(at, author, link if kind is MessageKind.MEDIA else sentence.text, kind)
    else:
        chat.note(at, kind, sentence.text, sentence.people)


def _say_shared(chat: Assembly, at: datetime, author: str, text: str, link: str) -> None:
    if text.startswith(f"{author} ") and text.endswith(_FULL_STOPS):
        # "Nia sent an attachment.", in any language.
        chat.say(at, author, link, MessageKind.MEDIA)
    else:
        chat.say(at, author, text if not link or link in text else f"{text}\n{link}".strip())


def _link_of(told: Any) -> str:
    """The address of what was shared, or its text where it has none."""
    share: Any = told.get("share")
    return (share.get("link") or repaired(share.get("share_text") or "")) if share else ""


def _read_encrypted(times: Instants, sentences: Sentences, chat: Assembly, told: Any) -> None:
    at, name = times.milliseconds(told["timestamp"]), told["senderName"]
    author, text = chat.names.get(name) or chat.author(name), told.get("text") or ""
    is_plain = told.get("type") == "text" and not (told.get("isUnsent") or told.get("media"))
    if is_plain and text.__class__ is str and text and not sentences.may_be(author, text):
        said = chat.messages
        said.append(make_message((len(said) + 1, at, author, text, _TEXT, False)))
        return
    if told.get("isUnsent"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif told.get("type", "text") not in _TEXT_TYPES:
        chat.note(at, NoticeKind.UNKNOWN, f"{told['type']}: {text}")
    elif sentence := sentences.read(author, text):
        _tell(chat, at, author, sentence, "")
    else:
        chat.say(at, author, text, MessageKind.MEDIA if told.get("media") else MessageKind.TEXT)


META = Format("meta", "Instagram and Messenger (message_1.json)", _recognises, _read)
