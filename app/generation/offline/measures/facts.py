"""Everything that is measured over a whole chat before an insight is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.chats.statistics_words import LINK, WORD
from app.generation.offline.measures.events import Events, find_events
from app.generation.offline.measures.rhythm import Questions, measure_questions, openings, replies
from app.generation.offline.measures.subjects import Subjects, measure_subjects
from app.generation.offline.measures.transcript import AnnotatedTranscript


@dataclass(frozen=True, slots=True)
class Person:
    """A participant, by falling number of messages; `own` are the positions of them."""

    name: str
    own: list[int]
    words: int

    @property
    def messages(self) -> int:
        return len(self.own)


@dataclass(frozen=True, slots=True)
class Facts:
    """What several insights are written from; lists by person follow `people`."""

    chat: AnnotatedTranscript
    people: tuple[Person, ...]
    openings: list[list[int]]
    replies: list[list[int]]
    questions: Questions
    events: Events
    subjects: Subjects

    @property
    def messages(self) -> int:
        return len(self.chat.who)

    @property
    def languages(self) -> tuple[str, ...]:
        """Those whose word lists were used; without any, `signals` know emoji only."""
        return self.chat.lexicon.languages


def measure(chat: AnnotatedTranscript) -> Facts:
    """The facts of a chat of at least one message."""
    own = chat.by_person(range(len(chat.who)))
    return Facts(
        chat=chat,
        people=tuple(
            Person(name, mine, count_words(chat, mine))
            for name, mine in zip(chat.people, own, strict=True)
        ),
        openings=openings(chat),
        replies=replies(chat),
        questions=measure_questions(chat),
        events=find_events(chat),
        subjects=measure_subjects(chat),
    )


def count_words(chat: AnnotatedTranscript, positions: Sequence[int]) -> int:
    """As the statistics of the chat count them: "I'll" is one word, a link or a number none."""
    text = " ".join([chat.messages[at].text for at in positions])
    if "http" in text or "www." in text:
        text = LINK.sub(" ", text)
    return len(WORD.findall(text))
