"""Exports of every messenger but WhatsApp, rendered from messages as the real exporters write
them. Names and texts are made up; the structure is documented in docs/import.md."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

TITLE = "Lake house"
OWN = "Me"
KOREAN_WEEKDAYS = "월화수목금토일"


class Said(NamedTuple):
    """A message to be rendered; `at` in UTC."""

    at: datetime
    author: str
    text: str


@dataclass(frozen=True)
class Layout:
    """How a messenger's export is written. `step_s` is the precision of its times; `is_exact`:
    whatever a text holds comes back; `pairs`: the owner of the export and one other write."""

    render: Callable[[Sequence[Said]], str]
    step_s: int = 1
    is_exact: bool = False
    pairs: bool = False
    own: str = OWN
    title: str | None = TITLE


def telegram(messages: Sequence[Said]) -> str:
    return json.dumps(_telegram_chat(messages, 4242), ensure_ascii=False, indent=1)


def telegram_all(messages: Sequence[Said]) -> str:
    empty = {"name": "Nobody", "type": "personal_chat", "id": 7, "messages": []}
    told = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Nia", "bio": '"messages": ['},
        "contacts": {"about": "", "list": [{"first_name": "Olo", "date": "2024-01-01T00:00:00"}]},
        "chats": {"about": "", "list": [empty, _telegram_chat(messages, 4242)]},
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _telegram_chat(messages: Sequence[Said], chat: int) -> dict[str, object]:
    return {
        "name": TITLE,
        "type": "private_supergroup",
        "id": chat,
        "messages": [
            {
                "id": number,
                "type": "message",
                "date": f"{m.at:%Y-%m-%dT%H:%M:%S}",
                "date_unixtime": str(int(m.at.timestamp())),
                "from": m.author,
                "from_id": f"user{int.from_bytes(m.author.encode(), 'big')}",
                "text": m.text
                if number % 2
                else [m.text[:1], {"type": "bold", "text": m.text[1:]}],
                "text_entities": [{"type": "plain", "text": m.text}],
            }
            for number, m in enumerate(messages)
        ],
    }


def meta(messages: Sequence[Said]) -> str:
    """Newest first, each byte of UTF-8 a character of its own."""
    told = {
        "participants": [{"name": _bytewise(name)} for name in {m.author for m in messages}],
        "messages": [
            {
                "sender_name": _bytewise(m.author),
                "timestamp_ms": int(m.at.timestamp() * 1000),
                "content": _bytewise(m.text),
                "is_geoblocked_for_viewer": False,
            }
            for m in reversed(messages)
        ],
        "title": _bytewise(TITLE),
        "is_still_participant": True,
        "thread_path": "inbox/lakehouse_123",
        "magic_words": [],
    }
    return json.dumps(told, indent=2)


def _bytewise(text: str) -> str:
    return text.encode().decode("latin-1")


def meta_encrypted(messages: Sequence[Said]) -> str:
    told = {
        "participants": sorted({m.author for m in messages}),
        "threadName": TITLE,
        "messages": [
            {
                "isUnsent": False,
                "media": [],
                "reactions": [],
                "senderName": m.author,
                "text": m.text,
                "timestamp": int(m.at.timestamp() * 1000),
                "type": "text",
            }
            for m in reversed(messages)
        ],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def discord(messages: Sequence[Said]) -> str:
    told = {
        "guild": {"id": "1", "name": "Friends", "iconUrl": "https://example.org/i.png"},
        "channel": {
            "id": "2", "type": "GuildTextChat", "categoryId": "3", "category": "Text",
            "name": TITLE, "topic": None,
        },
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2025-01-01T00:00:00+00:00",
        "messages": [
            {
                "id": str(number), "type": "Default",
                "timestamp": m.at.isoformat(timespec="milliseconds"),
                "timestampEdited": None, "callEndedTimestamp": None, "isPinned": False,
                "content": m.text,
                "author": {
                    "id": m.author.encode().hex(), "name": "user", "discriminator": "0000",
                    "nickname": m.author, "color": None, "isBot": False, "roles": [],
                    "avatarUrl": "https://example.org/a.png",
                },
                "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [],
            }
            for number, m in enumerate(messages)
        ],
        "messageCount": len(messages),
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, indent=2)


def json_lines(messages: Sequence[Said]) -> str:
    return "".join(
        json.dumps({"at": m.at.isoformat(), "author": m.author, "text": m.text}) + "\n"
        for m in messages
    )


def signal_export_json(messages: Sequence[Said]) -> str:
    return "".join(
        json.dumps(
            {
                "date": m.at.replace(tzinfo=None).isoformat(), "sender": m.author,
                "body": m.text + "  ", "quote": "", "sticker": None, "reactions": [],
                "attachments": [], "deleted": False, "call": False, "missed": False,
            },
            ensure_ascii=False,
        ) + "\n"
        for m in messages
    )  # fmt: skip


def signal_export_markdown(messages: Sequence[Said]) -> str:
    return "".join(f"[{m.at:%Y-%m-%d %H:%M:%S}] {m.author}: {m.text}  \n\n" for m in messages)


def sigtop_text(messages: Sequence[Said]) -> str:
    blocks = [f"Conversation: {TITLE} (group)\n"]
    for m in messages:
        sent = f"{m.at:%a}, {m.at.day} {m.at:%b %Y %H:%M:%S} +0000"
        is_own = m.author == "You"
        sender = "You\nType: outgoing" if is_own else f"{m.author} (+49170)\nType: incoming"
        received = "" if is_own else f"Received: {sent}\n"
        body = f"\n{m.text}\n" if m.text else ""
        blocks.append(f"From: {sender}\nSent: {sent}\n{received}{body}")
    return "\n".join(blocks) + "\n"


def sigtop_short(messages: Sequence[Said]) -> str:
    return "".join(
        f"{m.at:%Y-%m-%d %H:%M} {m.author}:{' ' + m.text if m.text else ''}\n" for m in messages
    )


def sigtop_json(messages: Sequence[Said]) -> str:
    told = ",\n".join(
        json.dumps(
            {
                "id": str(number), "conversationId": "c0ffee",
                "type": "outgoing" if m.author == "You" else "incoming",
                "sent_at": int(m.at.timestamp() * 1000), "received_at": number,
                "timestamp": int(m.at.timestamp() * 1000), "body": m.text, "attachments": [],
                "source": m.author, "sourceServiceId": m.author.encode().hex(),
            }
        )
        for number, m in enumerate(messages)
    )  # fmt: skip
    return f"[\n{told}\n]\n"


def signal_android(messages: Sequence[Said]) -> str:
    return "".join(f"[{m.at:%b %d, %Y %H:%M:%S}] <{m.author}> {m.text}\n" for m in messages)


def sms(messages: Sequence[Said]) -> str:
    records = "".join(
        f'  <sms protocol="0" address="+491701234567" date="{int(m.at.timestamp() * 1000)}"'
        f' type="{2 if m.author == OWN else 1}" subject="null" body={_quoted(m.text)} toa="null"'
        f' sc_toa="null" service_center="null" read="1" status="-1" locked="0" date_sent="0"'
        f' sub_id="-1" readable_date="{m.at:%b %d, %Y %H:%M:%S}" contact_name={quoteattr(TITLE)}'
        " />\n"
        for m in messages
    )
    return (
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n"
        "<!--File Created By SMS Backup & Restore v10.15-->\n"
        f'<smses count="{len(messages)}" backup_set="x" backup_date="1" type="full">\n'
        f"{records}</smses>\n"
    )


def _quoted(text: str) -> str:
    """As the app writes it: what is beyond the first plane as halves of a surrogate pair."""
    escaped = quoteattr(text, {"\n": "&#10;"})
    return "".join(
        char if ord(char) < 0x10000 else "".join(f"&#{half};" for half in _halves(char))
        for char in escaped
    )


def _halves(char: str) -> tuple[int, int]:
    above = ord(char) - 0x10000
    return 0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF)


def wechat(messages: Sequence[Said]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["localId", "TalkerId", "Type", "SubType", "IsSender", "CreateTime", "Status", "StrContent",
         "StrTime", "Remark", "NickName", "Sender"]
    )  # fmt: skip
    for number, m in enumerate(messages):
        writer.writerow(
            [number, 3, 1, 0, 0, int(m.at.timestamp()), "", m.text, f"{m.at:%Y-%m-%d %H:%M:%S}",
             "", m.author, f"wxid_{m.author.encode().hex()}"]
        )  # fmt: skip
    return out.getvalue()


def chatlog(messages: Sequence[Said]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Time", "SenderName", "Sender", "TalkerName", "Talker", "Content"])
    for m in messages:
        writer.writerow(
            [m.at.replace(tzinfo=None).isoformat(), m.author, m.author.encode().hex(), TITLE,
             "1@chatroom", m.text]
        )  # fmt: skip
    return out.getvalue()


def line(messages: Sequence[Said]) -> str:
    return _line(messages, _japanese_day, "{:%H:%M}")


def _japanese_day(at: datetime) -> str:
    return f"{at:%Y/%m/%d}({'月火水木金土日'[at.weekday()]})"


def line_english(messages: Sequence[Said]) -> str:
    return _line(messages, lambda at: f"{at:%a, %d/%m/%Y}", "{:%I:%M%p}")


def _line(messages: Sequence[Said], day: Callable[[datetime], str], time: str) -> str:
    lines = [f"[LINE] Chat history in {TITLE}", "Saved on: 2025/01/01 09:00"]
    last = None
    for m in messages:
        if m.at.date() != last:
            lines += ["", day(m.at)]
            last = m.at.date()
        text = '"' + m.text.replace('"', '""') + '"' if "\n" in m.text else m.text
        lines.append(f"{time.format(m.at)}\t{m.author}\t{text}")
    return "\r\n".join(lines) + "\r\n"


def kakaotalk_pc(messages: Sequence[Said]) -> str:
    lines = [f"{TITLE} 님과 카카오톡 대화", "저장한 날짜 : 2025-01-01 22:14:03", ""]
    last = None
    for m in messages:
        if m.at.date() != last:
            lines.append(f"--------------- {_korean_day(m.at, weekday=True)} ---------------")
            last = m.at.date()
        lines.append(f"[{m.author}] [{_korean_time(m.at)}] {m.text}")
    return "\r\n".join(lines) + "\r\n"


def kakaotalk_phone(messages: Sequence[Said]) -> str:
    lines = [f"{TITLE} 님과 카카오톡 대화", "저장한 날짜 : 2025년 1월 1일 오후 10:14", ""]
    last = None
    for m in messages:
        stamp = f"{_korean_day(m.at)} {_korean_time(m.at)}"
        if m.at.date() != last:
            lines += ["", stamp]
            last = m.at.date()
        lines.append(f"{stamp}, {m.author} : {m.text}")
    return "\n".join(lines) + "\n"


def kakaotalk_english(messages: Sequence[Said]) -> str:
    lines = [f"KakaoTalk Chats with {TITLE}", "Date Saved : January 1, 2025 at 10:14 PM", ""]
    lines += [
        f"{m.at:%B} {m.at.day}, {m.at:%Y} at {m.at.hour % 12 or 12}:{m.at:%M %p}, {m.author} :"
        f" {m.text}"
        for m in messages
    ]
    return "\n".join(lines) + "\n"


def kakaotalk_mac(messages: Sequence[Said]) -> str:
    """Times bare, names and texts between quotation marks."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for m in messages:
        out.write(f"{m.at:%Y-%m-%d %H:%M:%S},")
        writer.writerow([m.author, m.text])
    return "Date,User,Message\n" + out.getvalue()


def _korean_day(at: datetime, *, weekday: bool = False) -> str:
    day = f"{at.year}년 {at.month}월 {at.day}일"
    return f"{day} {KOREAN_WEEKDAYS[at.weekday()]}요일" if weekday else day


def _korean_time(at: datetime) -> str:
    return f"{'오전' if at.hour < 12 else '오후'} {at.hour % 12 or 12}:{at.minute:02}"


def imessage(messages: Sequence[Said]) -> str:
    return "".join(
        f"{m.at:%b %d, %Y} {int(f'{m.at:%I}'):2}:{m.at:%M:%S %p}"
        f"{' (Read by them after 5 seconds)' if m.author == OWN else ''}\n{m.author}\n{m.text}\n\n"
        for m in messages
    )


LAYOUTS: dict[str, Layout] = {
    "telegram": Layout(telegram, is_exact=True),
    "telegram-all": Layout(telegram_all, is_exact=True),
    "meta": Layout(meta, is_exact=True),
    "meta-encrypted": Layout(meta_encrypted, is_exact=True),
    "discord": Layout(discord, is_exact=True),
    "json-lines": Layout(json_lines, is_exact=True, title=None),
    "signal-export-json": Layout(signal_export_json, is_exact=True, title=None),
    "signal-export-md": Layout(signal_export_markdown, title=None),
    "sigtop-text": Layout(sigtop_text, own="You"),
    "sigtop-short": Layout(sigtop_short, step_s=60, own="You", title=None),
    "sigtop-json": Layout(sigtop_json, is_exact=True, own="You", title=None),
    "signal-android": Layout(signal_android, title=None),
    "sms": Layout(sms, is_exact=True, pairs=True),
    "wechat": Layout(wechat, title=None),
    "chatlog": Layout(chatlog),
    "line": Layout(line, step_s=60),
    "line-english": Layout(line_english, step_s=60),
    "kakaotalk-pc": Layout(kakaotalk_pc, step_s=60),
    "kakaotalk-phone": Layout(kakaotalk_phone, step_s=60),
    "kakaotalk-english": Layout(kakaotalk_english, step_s=60),
    "kakaotalk-mac": Layout(kakaotalk_mac, is_exact=True, title=None),
    "imessage": Layout(imessage, title=None),
}


def chat_of(count: int, *, step_s: int = 60, people: Sequence[str] = ("Nia", "Olo")) -> list[Said]:
    """A chat of so many messages, one each minute."""
    start = datetime(2024, 2, 13, 10, 15, tzinfo=UTC).timestamp()
    return [
        Said(
            datetime.fromtimestamp(start + number * step_s, UTC),
            people[number % len(people)],
            f"message number {number}, about the lake house and the weather",
        )
        for number in range(count)
    ]
