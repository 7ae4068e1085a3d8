"""Small chats with planted facts, told by hand and padded with everyday talk."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.chats.message import Message

ZONE = ZoneInfo("Europe/Berlin")
SMALL_TALK = (
    ("the bread from the corner bakery was still warm", "with butter I hope"),
    ("it rained all afternoon here", "same, my shoes are soaked"),
    ("just finished that crime series", "no spoilers, I am two episodes behind"),
    ("my knees hurt after the stairs", "you and your stairs"),
    ("the new neighbour plays the trumpet", "at least it is not drums"),
    ("found ten euros in my coat", "drinks are on you then"),
    ("which tram do you take", "the eleven, always the eleven"),
    ("do you still have my blue umbrella?", "yes it is behind the door"),
    ("what did the landlord say?", "he will paint the hallway in spring"),
    ("how was the choir?", "loud, and the tenor was missing"),
)


class Telling:
    """Collects messages in time order; `pad` adds conversations of small talk."""

    def __init__(self, seed: int = 7) -> None:
        self.lines: list[tuple[datetime, str, str]] = []
        self.random = random.Random(seed)

    def say(self, day: str, clock: str, author: str, text: str) -> None:
        at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE)
        self.lines.append((at, author, text))

    def pad(
        self, first: str, days: int, opener: str, other: str, *, reply_s: int, back_s: int = 60
    ) -> None:
        """One conversation a day: `opener` begins, `other` replies after `reply_s` seconds."""
        begin = datetime.fromisoformat(f"{first}T18:00").replace(tzinfo=ZONE)
        for day in range(days):
            at = begin + timedelta(days=day)
            for ask, answer in self.random.sample(SMALL_TALK, 3):
                self.lines.append((at, opener, ask))
                at += timedelta(seconds=reply_s)
                self.lines.append((at, other, answer))
                at += timedelta(seconds=back_s)

    def messages(self) -> list[Message]:
        ordered = sorted(self.lines, key=lambda line: line[0])
        return [
            Message(number, at, author, text)
            for number, (at, author, text) in enumerate(ordered, start=1)
        ]


def number_of(messages: Iterable[Message], text: str) -> int:
    """The number of the one message with this text."""
    [number] = [message.number for message in messages if message.text == text]
    return number


def friends() -> list[Message]:
    """Ana opens 30 conversations and answers in 60 s, Ben opens 10 later and takes 600 s.

    They quarrel on 12 May 2024; Ben apologises after three hours. Ana promises a bookshelf that
    nobody mentions again, Ben concert tickets, which he buys. Ben's last real question stays open.
    """
    tell = Telling()
    tell.pad("2024-03-01", 30, "Ana", "Ben", reply_s=600)
    tell.pad("2024-04-10", 10, "Ben", "Ana", reply_s=60, back_s=600)
    tell.say("2024-03-04", "20:30", "Ana", "I'll build you a bookshelf from the old planks")
    tell.say("2024-03-06", "20:30", "Ben", "I'll get the concert tickets for us")
    tell.say("2024-03-11", "20:40", "Ben", "I bought the concert tickets, row four!")
    tell.say("2024-03-11", "20:41", "Ana", "thank you so much, you are the best ❤️")
    tell.say("2024-05-12", "14:00", "Ana", "you forgot my birthday dinner, I'm so angry")
    tell.say("2024-05-12", "14:03", "Ben", "that is not fair, you never told me the time")
    tell.say("2024-05-12", "14:05", "Ana", "leave me alone, you don't care")
    tell.say("2024-05-12", "17:05", "Ben", "I'm sorry, I should have asked")
    tell.pad("2024-05-14", 3, "Ana", "Ben", reply_s=600)
    tell.say("2024-05-20", "09:00", "Ben", "would you still come to Lisbon with me?")
    tell.say("2024-05-23", "09:00", "Ben", "the weather is lovely here")
    return tell.messages()
