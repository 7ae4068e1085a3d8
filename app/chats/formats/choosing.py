"""Which of several chats in one file is read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.chats.formats.assembly import Assembly
from app.chats.transcript import EmptyChat, SeveralChats, TooManyChats

CHATS_SHOWN_MAX = 200
CHATS_MAX = 5_000


class ChatChoice(NamedTuple):
    """A chat of a file: what the caller names it by, its title, and how many messages it has."""

    chat: str
    title: str
    messages: int


def choose(choices: Iterable[ChatChoice], asked: str | None) -> str:
    """The chat that is asked for, or the only one. Raises SeveralChats, with those that have the
    most messages, and EmptyChat."""
    filled = sorted((c for c in choices if c.messages), key=lambda c: c.messages, reverse=True)
    if not filled:
        raise EmptyChat
    if asked is not None and any(choice.chat == asked for choice in filled):
        return asked
    if len(filled) > 1:
        raise SeveralChats(chats=[choice._asdict() for choice in filled[:CHATS_SHOWN_MAX]])
    return filled[0].chat


@dataclass(slots=True)
class SeveralAssemblies:
    """The chats of a file in which their messages stand mixed."""

    format: str
    messenger: str
    by_chat: dict[str, Assembly] = field(default_factory=dict[str, Assembly])

    def of(self, chat: str) -> Assembly:
        """The chat of this name. Raises TooManyChats."""
        found = self.by_chat.get(chat)
        if found is None:
            if len(self.by_chat) >= CHATS_MAX:
                raise TooManyChats(chats_max=CHATS_MAX)
            found = self.by_chat[chat] = Assembly(self.format, self.messenger)
        return found

    def chosen(self, asked: str | None) -> Assembly:
        """The one that is read. Raises what `choose` raises."""
        choices = (
            ChatChoice(chat, each.title or chat, len(each.messages))
            for chat, each in self.by_chat.items()
        )
        return self.by_chat[choose(choices, asked)]
