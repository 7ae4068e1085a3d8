"""What somebody set going (a promise, a request, a decision) and whether it comes up again."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from app.chats.retrieval import stem, words_of
from app.insights.facts.questions import next_by_other
from app.insights.facts.signals import days_after
from app.insights.facts.talk import SECONDS_A_DAY, Talk

TRACED = ("plan", "promise", "request", "decision", "blocker", "worry")
SUBJECT_MAX = 3
SUBJECT_REACH = 12
SUBJECT_LETTERS_MIN = 4
SUBJECT_SPREAD_MAX = 60
SUBJECT_SPREAD_SHARE = 0.02
LATER_DAYS = 60
JUDGED_AFTER_DAYS = 7
QUOTE_WORDS = 7
QUOTE_WORDS_MIN = 3
QUOTE_CHARS = 48
THREADS_MAX = 14

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_STOP = re.compile(r"[.!?,;:\n()…]")
_FULL_STOP = re.compile(r"[.!?\n…]")


@dataclass(frozen=True, slots=True)
class Thread:
    """A message that sets something going; people are places in Facts.people.

    `subject` are its rarest words; `later` is the first message of a later conversation, within
    60 days, that holds one of them (`later_word`); `done` one that also reports something done.
    `answer` is the next message by somebody else within a day.
    """

    number: int
    by: int
    on: str
    quote: str
    subject: tuple[str, ...]
    answer: int | None
    answer_by: int | None
    later: int | None
    later_by: int | None
    later_word: str | None
    later_days: float | None
    done: int | None
    done_by: int | None


@dataclass(frozen=True, slots=True)
class Threads:
    """All threads of one kind: `traced` had a subject and a week of chat after them.

    Of those, `came_up` were spoken of again and `never` were not. `open` and `kept` are the
    latest examples, `recent` the latest of all.
    """

    total: int
    traced: int
    came_up: int
    never: int
    done: int
    unanswered: int
    last_on: str | None
    never_by_person: tuple[int, ...]
    kept_by_person: tuple[int, ...]
    recent: tuple[Thread, ...]
    kept: tuple[Thread, ...]
    open: tuple[Thread, ...]
    ignored: tuple[Thread, ...]


def measure_threads(talk: Talk) -> dict[str, Threads]:
    """Plans, promises, requests, decisions, blockers and worries, with what became of each."""
    subjects = _subjects(talk)
    places = _places(talk, {word for each in subjects.values() for word in each})
    return {signal: _threads(talk, signal, subjects, places) for signal in TRACED}


def _subjects(talk: Talk) -> dict[int, tuple[str, ...]]:
    """The rare words of each message that sets something going."""
    names = {part for name in talk.people for part in words_of(name)}
    triggers = {
        word
        for signal in (*TRACED, "done", "apology", "thanks")
        for phrase in talk.lexicon.phrases[signal]
        for word in words_of(phrase)
    }
    dull = names | triggers | talk.lexicon.common
    positions = sorted({at for signal in TRACED for at in talk.signals[signal]})
    return {at: _subject(talk, at, dull) for at in positions}


def _subject(talk: Talk, position: int, dull: Set[str]) -> tuple[str, ...]:
    limit = min(SUBJECT_SPREAD_MAX, max(6, int(len(talk.words) * SUBJECT_SPREAD_SHARE)))
    rare = [
        word
        for word in dict.fromkeys(talk.words[position])
        if word not in dull
        and len(word) >= SUBJECT_LETTERS_MIN
        and not word.isdigit()
        and talk.spread[word] <= limit
        and not talk.lexicon.is_signal(word)
    ]
    starts = [
        talk.signals[signal][position] for signal in TRACED if position in talk.signals[signal]
    ]
    start = max(0, min(starts))
    after = set(talk.words[position][start : start + SUBJECT_REACH + 1])
    # "The tickets, I'll get them"; in Turkish the verb stands last anyway.
    before = set(talk.words[position][max(0, start - SUBJECT_REACH) : start])
    near = [word for word in rare if word in after] or [word for word in rare if word in before]
    return tuple(sorted(near, key=lambda word: talk.spread[word])[:SUBJECT_MAX])


def _places(talk: Talk, wanted: Set[str]) -> dict[str, list[int]]:
    """Where the stems of the wanted words occur."""
    stems = {stem(word) for word in wanted}
    relevant = {word: stem(word) for word in talk.spread if stem(word) in stems}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, words in enumerate(talk.words):
        for word in words:
            found = relevant.get(word)
            if found is not None:
                places[found].append(at)
    return places


def _threads(
    talk: Talk,
    signal: str,
    subjects: Mapping[int, tuple[str, ...]],
    places: Mapping[str, list[int]],
) -> Threads:
    found = [_thread(talk, signal, at, subjects[at], places) for at in sorted(talk.signals[signal])]
    numbers = {talk.number(at): at for at in talk.signals[signal]}
    judged = [
        each
        for each in found
        if each.subject and days_after(talk, numbers[each.number]) >= JUDGED_AFTER_DAYS
    ]
    never = [each for each in judged if each.later is None and each.done is None]
    kept = [each for each in judged if each.later is not None or each.done is not None]
    ignored = [
        each for each in found if each.answer is None and days_after(talk, numbers[each.number]) > 1
    ]
    people = range(len(talk.people))
    return Threads(
        total=len(found),
        traced=len(judged),
        came_up=len(kept),
        never=len(never),
        done=sum(each.done is not None for each in judged),
        unanswered=len(ignored),
        last_on=found[-1].on if found else None,
        never_by_person=tuple(sum(each.by == who for each in never) for who in people),
        kept_by_person=tuple(sum(each.by == who for each in kept) for who in people),
        recent=tuple(found[-THREADS_MAX:]),
        kept=_best(kept),
        open=tuple(never[-THREADS_MAX:]),
        ignored=tuple(ignored[-THREADS_MAX:]),
    )


def _best(kept: Sequence[Thread]) -> tuple[Thread, ...]:
    """The latest, those reported done first; shown in time order."""
    ranked = sorted(kept, key=lambda each: (each.done is not None, each.number))
    return tuple(sorted(ranked[-THREADS_MAX:], key=lambda each: each.number))


def _thread(
    talk: Talk,
    signal: str,
    position: int,
    subject: tuple[str, ...],
    places: Mapping[str, list[int]],
) -> Thread:
    later, word = _later(talk, position, subject, places)
    done = _done(talk, position, subject, places)
    answer = next_by_other(talk, position)
    return Thread(
        number=talk.number(position),
        by=talk.who[position],
        on=talk.date(position),
        quote=quote(talk.messages[position].text, talk.signals[signal][position]),
        subject=subject,
        answer=None if answer is None else talk.number(answer),
        answer_by=None if answer is None else talk.who[answer],
        later=None if later is None else talk.number(later),
        later_by=None if later is None else talk.who[later],
        later_word=word,
        later_days=None if later is None else _days(talk, position, later),
        done=None if done is None else talk.number(done),
        done_by=None if done is None else talk.who[done],
    )


def _days(talk: Talk, before: int, after: int) -> float:
    return round((talk.at[after] - talk.at[before]) / SECONDS_A_DAY, 1)


def _later(
    talk: Talk, position: int, subject: Sequence[str], places: Mapping[str, list[int]]
) -> tuple[int | None, str | None]:
    """The first mention in a later conversation, and the word mentioned."""
    mentions = [
        (at, word)
        for word in subject
        for at in _mentions(talk, position, places.get(stem(word), []))
        if talk.conversation[at] > talk.conversation[position]
    ]
    return min(mentions, default=(None, None), key=lambda each: each[0])


def _done(
    talk: Talk, position: int, subject: Sequence[str], places: Mapping[str, list[int]]
) -> int | None:
    """The first later message on the subject that reports something done."""
    reports = talk.signals["done"]
    found = [
        at
        for word in subject
        for at in _mentions(talk, position, places.get(stem(word), []))
        if at in reports
    ]
    return min(found, default=None)


def _mentions(talk: Talk, position: int, occurrences: list[int]) -> list[int]:
    until = talk.at[position] + LATER_DAYS * SECONDS_A_DAY
    after = occurrences[bisect_right(occurrences, position) :]
    return [at for at in after if talk.at[at] <= until]


def quote(text: str, word_at: int) -> str:
    """A few words of `text` from its word number `word_at` on, up to the next stop."""
    seen = 0
    for match in _WORD.finditer(text):
        seen += len(words_of(match.group()))
        if seen > word_at:
            return _shortened(text[match.start() :])
    return ""


def _shortened(text: str) -> str:
    words = _STOP.split(text, maxsplit=1)[0].split()
    if len(words) < QUOTE_WORDS_MIN:
        words = _FULL_STOP.split(text, maxsplit=1)[0].split()
    short = " ".join(words[:QUOTE_WORDS])[:QUOTE_CHARS].strip()
    return f"{short}…" if len(short) < len(" ".join(words)) else short
