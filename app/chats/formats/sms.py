"""SMS Backup & Restore's XML, of SMS and MMS; exporters of Signal for Android write it, too.

It is read as text: the app writes emoji as halves of surrogate pairs, which no XML parser takes,
and so there are no entities to expand either.
"""

import html
import re
from collections.abc import Iterator
from datetime import tzinfo
from operator import itemgetter

from app.chats.formats.assembly import ME, OTHER_FORM, Assembly
from app.chats.formats.choosing import SeveralAssemblies
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import Text, clean_text, head_text, read_text
from app.chats.formats.times import DAY_S, END_S, FIRST_S, Instants, from_milliseconds
from app.chats.message import MessageKind, make_message
from app.chats.transcript import Transcript

_ROOT = re.compile(r"<smses[\s>]")
_TAGS = ("sms", "mms", "part", "addr")
_RECORD = re.compile(rf"<(?P<tag>{'|'.join(_TAGS)})\s")
_ATTRIBUTE = re.compile(r"([\w.:-]+)\s*=\s*(\"[^\"]*\"|'[^']*')(\s*)")
_WANTED = ("address", "date", "type", "body", "contact_name")
_FORMS_MAX, _ATTRIBUTES_MAX, _LOOKED_AT_MAX = 8, 64, 1_000
_END_BYTES = 1_000
_PAIR = re.compile(r"&#(5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d);&#(5632\d|56[3-9]\d\d|57[0-2]\d\d|573[0-3]\d|5734[0-3]);")  # fmt: skip  # noqa: E501
_RECEIVED, _DRAFT = "1", "3"
_FROM_TYPE = "137"
_NO_VALUES = frozenset({"", "null", "(Unknown)"})
_LAYOUT = re.compile(r"[\d()\s./-]+")
_HEAD = re.compile(r"<(?:sms|mms)\s")
_MEDIA = re.compile(r"(?i)(?!text/plain|application/smil)\S")

Fields = dict[str, str]


def _recognises(head: bytes) -> bool:
    text = head_text(head)
    return _ROOT.search(text) is not None or (
        text.lstrip().startswith(("<?xml", "<sms", "<mms")) and _HEAD.search(text) is not None
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    text = read_text(raw)
    reader = _Reader(options.tz)
    if is_cut := not text.encoded[-_END_BYTES:].rstrip().endswith(b">"):
        text = Text(text.encoded[: text.encoded.rfind(b"<")], text.replaced)
        reader.unread += 1
    for part in _whole_records(text):
        reader.read(part)
    reader.end()
    chosen = reader.chats.chosen(options.chat)
    chosen.replaced_bytes, chosen.unparsed_lines = text.replaced, reader.unread
    chosen.is_cut = is_cut
    chosen.lacks("author")  # Of the owner of the backup no name is told.
    return chosen.transcript()


def _whole_records(text: Text) -> Iterator[str]:
    """The text in parts that begin with a record, after the first."""
    rest = ""
    for part in text.parts():
        rest += part
        if last := _last_record(rest):
            yield rest[:last]
            rest = rest[last:]
    yield rest


def _last_record(text: str) -> int:
    """Where the last record begins; 0 if that is not seen near the end."""
    at = len(text)
    for _ in range(_LOOKED_AT_MAX):
        at = text.rfind("<", 0, at)
        if at <= 0 or _RECORD.match(text, at):
            return max(0, at)
    return 0


class _Reader:
    """Reads the records of a file into its chats."""

    def __init__(self, tz: tzinfo) -> None:
        self.chats = SeveralAssemblies("sms-backup-restore", "sms")
        self.unread = 0
        self._tz = tz
        self._instants = Instants(tz)
        self._names: dict[str, str] = {}
        # By number and name: the chat, and the names of the other and of the owner in it.
        self._known: dict[tuple[str, str], tuple[Assembly, str, str]] = {}
        self._forms: list[re.Pattern[str]] = []
        self._mms: Fields | None = None
        self._parts: list[Fields] = []

    def read(self, text: str) -> None:
        """The records that begin in `text`."""
        at = 0
        while True:
            start = at
            for form in self._forms:
                at = self._read_alike(form, text, at)
            if at > start:
                continue
            record = _RECORD.search(text, at)
            if record is None:
                return
            following = _RECORD.search(text, record.end())
            at = following.start() if following else len(text)
            self._read_any(record[1], _ATTRIBUTE.findall(text, record.end(), at))

    def _read_alike(self, form: re.Pattern[str], text: str, at: int) -> int:
        """Reads what follows in one form, and returns where that ends."""
        # The hot loop of an import.
        match, known, instants = form.match, self._known, self._instants
        days, steps, text_kind, make = instants.days, instants.steps, MessageKind.TEXT, make_message
        pick = itemgetter(*(form.groupindex[name] - 1 for name in _WANTED))
        while met := match(text, at):
            at = met.end()
            if self._mms is not None:
                self.end()
            address, date, kind, body, contact = pick(met.groups())
            chat = known.get((address, contact))
            if chat is None:
                self._read_sms(address, date, kind, body, contact)
                continue
            told, other, own = chat
            if kind == _DRAFT:
                self.unread += 1
                continue
            try:
                seconds = int(date) // 1000
                if FIRST_S <= seconds < END_S:
                    when = days[seconds // DAY_S] + steps[seconds % DAY_S]
                else:
                    when = instants.milliseconds(int(date))
            except ValueError:
                self.unread += 1
                continue
            author, said = other if kind == _RECEIVED else own, told.messages
            if body and "&" not in body:
                said.append(make((len(said) + 1, when, author, body, text_kind, False)))
            else:
                told.say(when, author, _plain(body))
        return at

    def end(self) -> None:
        """To be called behind the last record: several tell of an MMS."""
        if self._mms is not None:
            self._read_mms(self._mms, self._parts)
            self._mms, self._parts = None, []

    def _read_any(self, tag: str, attributes: list[tuple[str, str, str]]) -> None:
        fields = {name: quoted[1:-1] for name, quoted, _ in attributes}
        if tag in ("part", "addr"):
            self._parts.append(fields)
            return
        self.end()
        if tag == "mms":
            self._mms, self._parts = fields, []
            return
        self._read_sms(*(fields.get(name, "") for name in _WANTED))
        if len(self._forms) < _FORMS_MAX and len(attributes) < _ATTRIBUTES_MAX:
            self._forms.append(_form_of(attributes))

    def _read_sms(self, address: str, date: str, kind: str, body: str, contact: str) -> None:
        if kind == _DRAFT:
            self.unread += 1
            return
        chat, title = self._chat(address, contact)
        self._say(chat, title, date, title if kind == _RECEIVED else ME, _plain(body))
        told = self.chats.by_chat.get(chat)
        if told is not None and _plain(contact) not in _NO_VALUES:
            self._known[address, contact] = told, told.author(title), told.author(ME)

    def _read_mms(self, fields: Fields, parts: list[Fields]) -> None:
        if fields.get("msg_box") == _DRAFT:
            self.unread += 1
            return
        address = fields.get("address", "")
        chat, title = self._chat(address, fields.get("contact_name", ""))
        texts = [_plain(part.get("text", "")) for part in parts if part.get("ct") == "text/plain"]
        written = "\n".join(text for text in texts if text not in _NO_VALUES)
        is_media = any(_MEDIA.match(part.get("ct", "")) for part in parts)
        sender = ME
        if fields.get("msg_box") == _RECEIVED:
            by = next((p.get("address", "") for p in parts if p.get("type") == _FROM_TYPE), "")
            sender = self._names.get(_number(by), by) if "~" in chat and by else title
        kind = MessageKind.MEDIA if is_media else MessageKind.TEXT
        self._say(chat, title, fields.get("date", ""), sender, written, kind)

    def _say(
        self,
        chat: str,
        title: str,
        milliseconds: str,
        sender: str,
        text: str,
        kind: MessageKind = MessageKind.TEXT,
    ) -> None:
        try:
            at = from_milliseconds(milliseconds, self._tz)
            told = self.chats.by_chat.get(chat) or self.chats.of(chat)
            told.say(at, told.names.get(sender) or told.author(sender), text, kind)
            told.title = title
        except OTHER_FORM:
            self.unread += 1

    def _chat(self, address: str, contact: str) -> tuple[str, str]:
        """The chat with a number or several, and its title."""
        chat = "~".join(sorted(map(_number, address.split("~"))))
        name = _plain(contact)
        if name in _NO_VALUES:
            return chat, self._names.get(chat) or _plain(address).replace("~", ", ")
        self._names[chat] = name
        return chat, name


def _form_of(attributes: list[tuple[str, str, str]]) -> re.Pattern[str]:
    """An expression for an SMS with these attributes, quoted as these are."""
    missing = set(_WANTED)
    form = [r"\s*+<sms\s++"]
    for name, value, gap in attributes:
        quote, between = value[0], " " if gap == " " else r"\s*+"
        group = f"?P<{name}>" if name in missing else "?:"
        form.append(rf"{re.escape(name)}={quote}({group}[^{quote}]*+){quote}{between}")
        missing.discard(name)
    return re.compile("".join([*form, r"\s*+/?>", *(f"(?P<{name}>)" for name in sorted(missing))]))


def _number(address: str) -> str:
    """A telephone number without its layout; what is none, as it is."""
    digits = address.removeprefix("+")
    if digits.isdigit() or not _LAYOUT.fullmatch(digits):
        return address
    return re.sub(r"[^\d+]", "", address)


def _plain(value: str) -> str:
    if "&" not in value:
        return value
    return clean_text(html.unescape(_PAIR.sub(_joined, value)))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1]) - 0xD800, int(pair[2]) - 0xDC00
    return chr(0x10000 + (high << 10) + low)


SMS = Format("sms", "SMS Backup & Restore (XML)", _recognises, _read)
