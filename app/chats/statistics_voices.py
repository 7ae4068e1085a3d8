"""What each person of a chat wrote, asked, started and answered."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from app.chats.message import CONVERSATION_SILENCE_S, Message, MessageKind
from app.chats.quantiles import quantile
from app.chats.statistics_words import LINK, WORD, batches, find_emoji, prune

_QUESTION_MARKS = ("?", "？", "؟")


class Tally(BaseModel):
    """Counts of one author or of several together.

    `questions` are messages with a question mark; `average_words` is over messages with text.
    A reply is a message whose predecessor is by another person, less than six hours before; its
    time counts from that predecessor, and the quantiles are nearest-rank. The first message
    and each after a silence of six hours or more start a conversation.
    """

    model_config = ConfigDict(frozen=True)

    messages: int
    words: int
    characters: int
    media: int
    deleted: int
    edited: int
    emoji: int
    questions: int
    links: int
    average_words: float
    longest_message: int | None
    conversations_started: int
    replies: int
    reply_median_s: int | None
    reply_p90_s: int | None


@dataclass(slots=True)
class Lexicon:
    """The words and emoji of a chat, of all its people."""

    words: Counter[str] = field(default_factory=Counter[str])
    emoji: Counter[str] = field(default_factory=Counter[str])


@dataclass(slots=True)
class Voice:
    """A tally in the making, with the parts that cannot be added up later."""

    messages: int = 0
    texts: int = 0
    words: int = 0
    characters: int = 0
    media: int = 0
    deleted: int = 0
    edited: int = 0
    emoji: int = 0
    questions: int = 0
    links: int = 0
    longest: tuple[int, int] = (0, 0)  # Characters, and the negated number: the first wins.
    starts: int = 0
    reply_times_s: list[int] = field(default_factory=list[int])

    def tally(self) -> Tally:
        """What is counted of this voice; reply times as their median and spread."""
        times = sorted(self.reply_times_s)
        return Tally(
            messages=self.messages,
            words=self.words,
            characters=self.characters,
            media=self.media,
            deleted=self.deleted,
            edited=self.edited,
            emoji=self.emoji,
            questions=self.questions,
            links=self.links,
            average_words=round(self.words / self.texts, 2) if self.texts else 0.0,
            longest_message=-self.longest[1] if self.longest[0] else None,
            conversations_started=self.starts,
            replies=len(times),
            reply_median_s=quantile(times, 0.5),
            reply_p90_s=quantile(times, 0.9),
        )


def listen(messages: Sequence[Message]) -> tuple[dict[str, Voice], Lexicon]:
    """Every author's voice, in order of first appearance, and the words of all."""
    by_author: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_author[message.author].append(message)
    lexicon = Lexicon()
    voices = {author: _hear(said, lexicon) for author, said in by_author.items()}
    _time_replies(messages, voices)
    return voices, lexicon


def together(voices: Iterable[Voice]) -> Voice:
    """One voice that sums up all of `voices`."""
    whole = Voice()
    for voice in voices:
        whole.messages += voice.messages
        whole.texts += voice.texts
        whole.words += voice.words
        whole.characters += voice.characters
        whole.media += voice.media
        whole.deleted += voice.deleted
        whole.edited += voice.edited
        whole.emoji += voice.emoji
        whole.questions += voice.questions
        whole.links += voice.links
        whole.longest = max(whole.longest, voice.longest)
        whole.starts += voice.starts
        whole.reply_times_s += voice.reply_times_s
    return whole


def _hear(said: Sequence[Message], lexicon: Lexicon) -> Voice:
    texts = [message.text for message in said if message.text]
    kinds = Counter(message.kind for message in said)
    voice = Voice(
        messages=len(said),
        texts=len(texts),
        characters=sum(map(len, texts)),
        media=kinds[MessageKind.MEDIA],
        deleted=kinds[MessageKind.DELETED],
        edited=sum(message.edited for message in said),
        questions=sum(map(_asks, texts)),
        longest=max((len(message.text), -message.number) for message in said),
    )
    for batch in batches(texts):
        _count_words(batch, voice, lexicon)
    return voice


def _count_words(batch: str, voice: Voice, lexicon: Lexicon) -> None:
    words_only = batch.lower()
    if "http" in words_only or "www." in words_only:
        words_only, links = LINK.subn(" ", words_only)
        voice.links += links
    words = WORD.findall(words_only)
    voice.words += len(words)
    lexicon.words.update(words)
    lexicon.words = prune(lexicon.words)
    if emoji := find_emoji(batch):
        voice.emoji += len(emoji)
        lexicon.emoji.update(emoji)
        lexicon.emoji = prune(lexicon.emoji)


def _asks(text: str) -> bool:
    if not any(mark in text for mark in _QUESTION_MARKS):
        return False
    if "/" not in text:
        return True
    return any(mark in LINK.sub("", text) for mark in _QUESTION_MARKS)


def _time_replies(messages: Sequence[Message], voices: dict[str, Voice]) -> None:
    """Starts and reply times, in elapsed seconds: a clock that is put back ends no silence."""
    voices[messages[0].author].starts += 1
    seconds = [int(message.at.timestamp()) for message in messages]
    authors = [message.author for message in messages]
    for (before, now), (speaker, answerer) in zip(
        pairwise(seconds), pairwise(authors), strict=True
    ):
        silence_s = now - before
        if silence_s >= CONVERSATION_SILENCE_S:
            voices[answerer].starts += 1
        elif speaker != answerer:
            voices[answerer].reply_times_s.append(max(0, silence_s))
