"""Sentences that Messenger and Instagram write into a chat as if a person had: English ones, and
in the languages of `meta_sentences.tsv` those of what was sent and of who left.

Newer exports tell no type of a message. A sentence is known by all of its words and by whom it
is about: "You", or its author, by the whole name or the first one. That leaves to people what they
write of each other.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.chats.formats.tables import rows
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind

SENTENCE_CHARS_MAX = 400
_OWNER = "You"
_WHOSE = "(?:your|his|her|their|my)"
_CALL = "(?:(?:audio|video|voice|group) )?(?:call|chat)"


class Sentence(NamedTuple):
    """What a sentence tells: a message of its author, with `text`, or a notice. `people` are those
    who joined or left."""

    kind: MessageKind | NoticeKind
    text: str = ""
    people: tuple[str, ...] = ()


_MEDIUM = Sentence(MessageKind.MEDIA)


def _any(*patterns: str) -> str:
    return "(?:" + "|".join(patterns) + ")"


# Behind the name. A full stop where Messenger always writes one: a person rather leaves it out.
_BY_SOMEBODY = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in {
            "media": _any(
                r"sent (?:a|an|\d{1,4}) (?:photo|video|GIF|sticker|voice message|voice clip|audio"
                r"|audio message|video message|file|attachment|link|post|reel|story|contact)s?\.",
                r"shared (?:a|an) (?:photo|video|link|post|reel|story|profile|album)\.",
            ),
            "location": r"(?:sent|shared) a (?:live |pinned )?location\.",
            "deleted": r"unsent a message\.?",
            "poll": r"created a poll: (?P<question>.+?)\.?",
            "call": _any(
                rf"started (?:a|an) {_CALL}\.?",
                rf"missed (?:{_WHOSE}|a|an) {_CALL}(?: (?:from|with) .{{1,80}})?\.?",
                r"called (?P<callee>.{1,80})\.",
            ),
            "called": _any(
                rf"(?:joined|left|ended) the {_CALL}\.?", rf"declined {_WHOSE} {_CALL}\."
            ),
            "joined": _any(
                r"joined the group(?: .{1,80})?\.", r"added (?P<added>.{1,300}) to the group\."
            ),
            "left": _any(r"left the group\.", r"removed (?P<removed>.{1,300}) from the group\."),
            "setting": _any(
                r"named the group .+",
                r"created the group\.",
                r"removed the group (?:name|photo|description)\.",
                r"changed the group (?:name|photo|description)(?: .+)?\.?",
                rf"set (?:the nickname for .+|{_WHOSE}(?: own)? nickname) to .+",
                rf"cleared (?:the nickname for .+|{_WHOSE}(?: own)? nickname)\.",
                r"set the (?:emoji|quick reaction) to .+",
                r"changed the (?:chat )?(?:theme|colou?rs?)(?: to .+)?\.",
                r"(?:liked|loved) a message\.?",
                r"[Rr]eacted .{1,16} to (?:your|a|.{1,80}'s) message\.?",
                r"voted for .+ in the poll: .+",
                rf"(?:changed|removed) {_WHOSE} votes? .+ in the poll: .+",
                r"(?:un)?pinned a message\.",
                r"(?:made .+ an admin|(?:added|removed) .+ as (?:a group|an) admin)\.",
                r"is (?:now|no longer) an admin\.",
                r"turned (?:on|off) (?:disappearing messages|vanish mode|member approval)\b.*",
                r"waved at .{1,80}[.!]",
                r"(?:created|started|edited|changed|deleted) (?:a|the) (?:plan|reminder)\b.*",
                r"responded (?:Going|Can't Go|Maybe) to .+",
                r"is (?:on Messenger|now connected on Messenger)\b.*",
            ),
        }.items()
    )
)
_BY_NOBODY = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in {
            "deleted": _any(
                r"This message was unsent\.?",
                r"This message is no longer available because it was unsent.*",
            ),
            "call": r"Missed (?:audio|video|voice) (?:call|chat)\.?",
            "called": _any(
                rf"The {_CALL} (?:has )?ended\.?", r"(?:Audio|Video|Voice) (?:call|chat) ended\.?"
            ),
            "setting": _any(
                r"You are now connected on Messenger[.!]?",
                r"You can now (?:message and )?call each other and see .+",
                r"Say hi to your new (?:Facebook friend|connection)\b.*",
                r"This poll is no longer available\.?",
                r"This person is unavailable on Messenger\.?",
                r"Messages and calls are secured with end-to-end encryption\..*",
                r"Reacted .{1,16} to your message ?",
                r"(?:Liked|Loved) a message ?",
            ),
        }.items()
    )
)  # fmt: skip
_MISSED = re.compile(rf"(?P<who>.{{1,80}}) missed your {_CALL}\.?")
_FIRST_WORDS = ("You", "This", "Missed", "The", "Audio", "Video", "Voice", "Say", "Messages",
                "Reacted", "Liked", "Loved")  # fmt: skip
_KINDS: dict[str, MessageKind | NoticeKind] = {
    "media": MessageKind.MEDIA,
    "location": MessageKind.LOCATION,
    "deleted": MessageKind.DELETED,
    "poll": MessageKind.POLL,
    "call": MessageKind.CALL,
    "called": NoticeKind.CALL,
    "joined": NoticeKind.JOINED,
    "left": NoticeKind.LEFT,
    "setting": NoticeKind.SETTING,
}


def translated() -> dict[str, str]:
    """What stands behind an author's name in other languages: a sentence and its kind."""
    return {sentence: kind for _, kind, sentence in rows("meta_sentences.tsv")}


_TRANSLATED = translated()


class Sentences:
    """The sentences of a chat among `people`."""

    def __init__(self, people: Iterable[str]) -> None:
        self._firsts: set[str] = set(_FIRST_WORDS)
        self._known: dict[str, tuple[str, ...]] = {}
        for name in people:
            self._names_of(name)

    def may_be(self, author: str, text: str) -> bool:
        """`text` begins as a sentence of the messenger does: most do not."""
        if author not in self._known:
            self._names_of(author)
        return text.partition(" ")[0] in self._firsts

    def read(self, author: str, text: str) -> Sentence | None:
        """What the messenger itself tells; None if a person wrote it. `author` is whom the export
        names: it is who did something, or who called."""
        if not self.may_be(author, text) or len(text) > SENTENCE_CHARS_MAX:
            return None
        names = self._known[author]
        if met := _BY_NOBODY.fullmatch(text):
            return _told(met, author, text)
        for name in names:
            if kind := _TRANSLATED.get(text.removeprefix(f"{name} ")):
                is_left = kind == NoticeKind.LEFT
                return Sentence(NoticeKind.LEFT, text, (author,)) if is_left else _MEDIUM
        for name in (*names, _OWNER):
            if text.startswith(f"{name} ") and (met := _BY_SOMEBODY.fullmatch(text, len(name) + 1)):
                called = met["callee"]
                is_known = called in self._others(author) or (called == "you" and name != _OWNER)
                return _told(met, author, text) if called is None or is_known else None
        missed = _MISSED.fullmatch(text)
        if missed and missed["who"] in self._others(author):
            return Sentence(MessageKind.CALL)
        return None

    def _names_of(self, name: str) -> tuple[str, ...]:
        """The whole name and the first one, which may begin a sentence from now on."""
        names = self._known.get(name)
        if names is None:
            first = name.partition(" ")[0]
            names = self._known[name] = tuple(dict.fromkeys((name, first)))
            self._firsts.add(first)
        return names

    def _others(self, author: str) -> set[str]:
        return {name for of, names in self._known.items() if of != author for name in names}


def _told(met: re.Match[str], subject: str, text: str) -> Sentence:
    groups = met.groupdict()
    name = next(name for name in _KINDS if groups.get(name) is not None)
    kind = _KINDS[name]
    if isinstance(kind, MessageKind):
        return Sentence(kind, groups.get("question") or "")
    if kind in (NoticeKind.JOINED, NoticeKind.LEFT):
        others = groups["added"] or groups["removed"]
        people = re.split(r", and |, | and ", others) if others else [subject]
        return Sentence(kind, text, tuple(one for one in people if one not in ("you", "You")))
    return Sentence(kind, text)
