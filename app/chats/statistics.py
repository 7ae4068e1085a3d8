"""The free statistics of a chat: what people enjoy seeing before they buy anything."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from app.chats.message import Message
from app.chats.statistics_calendar import (
    DayCount,
    MonthCount,
    Silence,
    Streak,
    longest_silence,
    read_calendar,
)
from app.chats.statistics_voices import Tally, listen, together
from app.chats.statistics_words import shown_emoji, telling

AUTHORS_MAX = 50
TOP_WORDS = 30
TOP_EMOJI = 20


class AuthorTally(Tally):
    author: str


class WordCount(BaseModel):
    model_config = ConfigDict(frozen=True)

    word: str
    count: int


class EmojiCount(BaseModel):
    model_config = ConfigDict(frozen=True)

    emoji: str
    count: int


class ChatStatistics(BaseModel):
    """`by_weekday_hour` has seven rows, Monday first, of 24 hours of wall time. At most 50
    authors, most messages first; `others` sums up the rest. Months without a message are
    left out. `longest_message` is a message's number."""

    model_config = ConfigDict(frozen=True)

    first_at: datetime
    last_at: datetime
    participants: int
    active_days: int
    total: Tally
    authors: list[AuthorTally]
    others: Tally | None
    by_weekday_hour: list[list[int]]
    by_month: list[MonthCount]
    busiest_day: DayCount
    longest_streak: Streak
    longest_silence: Silence | None
    top_words: list[WordCount]
    top_emoji: list[EmojiCount]


def compute_statistics(messages: Sequence[Message]) -> ChatStatistics:
    """The statistics of a chat of at least one message, in file order.

    Their size is bounded whatever the chat. Raises ValueError for no messages.
    """
    if not messages:
        raise ValueError("A chat has at least one message.")
    voices, lexicon = listen(messages)
    ranked = sorted(voices.items(), key=lambda item: -item[1].messages)
    others = [voice for _, voice in ranked[AUTHORS_MAX:]]
    calendar = read_calendar(messages)
    times = [message.at for message in messages]
    return ChatStatistics(
        first_at=min(times),
        last_at=max(times),
        participants=len(voices),
        active_days=len(calendar.days),
        total=together(voices.values()).tally(),
        authors=[
            AuthorTally(author=author, **voice.tally().model_dump())
            for author, voice in ranked[:AUTHORS_MAX]
        ],
        others=together(others).tally() if others else None,
        by_weekday_hour=calendar.by_weekday_hour,
        by_month=calendar.by_month(),
        busiest_day=calendar.busiest_day(),
        longest_streak=calendar.longest_streak(),
        longest_silence=longest_silence(messages),
        top_words=top_words(lexicon.words),
        top_emoji=top_emoji(lexicon.emoji),
    )


def top_words(counts: Counter[str]) -> list[WordCount]:
    """The commonest words that say something, most frequent first."""
    return [WordCount(word=word, count=n) for word, n in telling(counts, count=TOP_WORDS)]


def top_emoji(counts: Counter[str]) -> list[EmojiCount]:
    """The commonest emoji, most frequent first."""
    return [
        EmojiCount(emoji=shown_emoji(emoji), count=n) for emoji, n in counts.most_common(TOP_EMOJI)
    ]
