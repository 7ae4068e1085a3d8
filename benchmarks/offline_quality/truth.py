"""What is true of a made-up chat, counted from its messages without a line of the product.

The definitions are those the insights state in words: a conversation begins after six hours of
silence, a reply is the next message by somebody else within a conversation.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

from benchmarks.offline_quality.chat import Chat, Said

SILENCE = timedelta(hours=6)
DAY = timedelta(days=1)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


class Truth:
    """Questions about one chat, and their answers."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.said: Sequence[Said] = chat.said
        self.by_number = {each.number: each for each in chat.said}
        self.people = list(dict.fromkeys(each.author for each in chat.said))
        self.conversations: list[list[Said]] = [[chat.said[0]]]
        for before, after in pairwise(chat.said):
            if after.at - before.at >= SILENCE:
                self.conversations.append([])
            self.conversations[-1].append(after)

    def of(self, author: str, among: Iterable[Said] | None = None) -> list[Said]:
        return [each for each in among or self.said if each.author == author]

    def saying(self, label: str) -> tuple[list[Said], list[Said]]:
        """Messages that surely say it, and those that surely or maybe do."""
        sure = [each for each in self.said if label in each.sure]
        return sure, [each for each in self.said if label in each.sure | each.maybe]

    def opened(self, author: str) -> list[Said]:
        return [talk[0] for talk in self.conversations if talk[0].author == author]

    def alone(self, author: str) -> list[Said]:
        return [
            talk[0] for talk in self.conversations if {each.author for each in talk} == {author}
        ]

    def replies(self, author: str) -> list[tuple[Said, Said]]:
        """(message, reply) by `author`."""
        return [
            (before, after)
            for talk in self.conversations
            for before, after in pairwise(talk)
            if after.author == author != before.author
        ]

    def reply_s(self, author: str, which: Callable[[Said], bool] = lambda _: True) -> float | None:
        """The median in seconds of the replies for which `which` holds."""
        waits = [(b.at - a.at).total_seconds() for a, b in self.replies(author) if which(b)]
        return median(waits) if waits else None

    def next_other(self, said: Said) -> Said | None:
        """The next message by somebody else, within a day."""
        for later in self.said[said.number :]:
            if later.at - said.at > DAY:
                return None
            if later.author != said.author:
                return later
        return None

    def questions(self, author: str | None = None) -> list[Said]:
        return [
            each for each in self.said
            if re.search(r"[?¿？]", each.text) and author in (None, each.author)
        ]  # fmt: skip

    def judged_questions(self) -> list[Said]:
        end = self.said[-1].at
        return [q for q in self.questions() if self.next_other(q) or end - q.at > DAY]

    def open_questions(self) -> list[Said]:
        return [q for q in self.judged_questions() if self.next_other(q) is None]

    def words(self, author: str) -> int:
        return sum(map(self.words_of, self.of(author)))

    def words_of(self, said: Said) -> int:
        return len(_WORD.findall(said.text))

    def silences(self) -> list[tuple[Said, Said]]:
        """(last before, first after), the longest first."""
        gaps = [(a[-1], b[0]) for a, b in pairwise(self.conversations)]
        return sorted(gaps, key=lambda gap: (gap[0].at - gap[1].at, gap[1].number))

    def on(self, day: date) -> list[Said]:
        return [each for each in self.said if each.at.date() == day]

    def days(self) -> Counter[date]:
        return Counter(each.at.date() for each in self.said)

    def before(self, day: date) -> list[Said]:
        return [each for each in self.said if each.at.date() < day]

    def since(self, day: date) -> list[Said]:
        return [each for each in self.said if each.at.date() >= day]

    def holding(self, word: str, among: Iterable[Said] | None = None) -> list[Said]:
        """Messages that hold a word as a whole, in capitals or not."""
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        return [
            each for each in (self.said if among is None else among) if pattern.search(each.text)
        ]

    def scene(self, name: str) -> list[Said]:
        return [each for each in self.said if each.scene == name]

    def streak_days(self) -> int:
        """The longest run of days on which at least two people wrote."""
        writers: dict[date, set[str]] = {}
        for each in self.said:
            writers.setdefault(each.at.date(), set()).add(each.author)
        shared = sorted(day for day, names in writers.items() if len(names) > 1)
        best = run = 0
        for place, day in enumerate(shared):
            run = run + 1 if place and (day - shared[place - 1]).days == 1 else 1
            best = max(best, run)
        return best


def is_after_hours(at: datetime) -> bool:
    """Outside Monday to Friday, 8 to 18 o'clock."""
    return at.weekday() > 4 or not 8 <= at.hour < 18
