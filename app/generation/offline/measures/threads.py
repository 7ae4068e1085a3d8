"""What a person set going (a promise, a request, a decision) and whether it comes up again."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from app.generation.offline.measures.questions import next_by_other
from app.generation.offline.measures.signals import days_after
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript
from app.generation.retrieval import stem, words_of

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
    `answer` is the next message by another person within a day.
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


def measure_threads(transcript: AnnotatedTranscript) -> dict[str, Threads]:
    """Plans, promises, requests, decisions, blockers and worries, with what became of each."""
    subjects = _subjects(transcript)
    places = _places(transcript, {word for each in subjects.values() for word in each})
    return {signal: _threads(transcript, signal, subjects, places) for signal in TRACED}


def _subjects(transcript: AnnotatedTranscript) -> dict[int, tuple[str, ...]]:
    """The rare words of each message that sets something going."""
    names = {part for name in transcript.people for part in words_of(name)}
    triggers = {
        word
        for signal in (*TRACED, "done", "apology", "thanks")
        for phrase in transcript.lexicon.phrases[signal]
        for word in words_of(phrase)
    }
    dull = names | triggers | transcript.lexicon.common
    positions = sorted({at for signal in TRACED for at in transcript.signals[signal]})
    return {at: _subject(transcript, at, dull) for at in positions}


def _subject(transcript: AnnotatedTranscript, position: int, dull: Set[str]) -> tuple[str, ...]:
    limit = min(SUBJECT_SPREAD_MAX, max(6, int(len(transcript.words) * SUBJECT_SPREAD_SHARE)))
    rare = [
        word
        for word in dict.fromkeys(transcript.words[position])
        if word not in dull
        and len(word) >= SUBJECT_LETTERS_MIN
        and not word.isdigit()
        and transcript.spread[word] <= limit
        and not transcript.lexicon.is_signal(word)
    ]
    starts = [
        transcript.signals[signal][position]
        for signal in TRACED
        if position in transcript.signals[signal]
    ]
    start = max(0, min(starts))
    after = set(transcript.words[position][start : start + SUBJECT_REACH + 1])
    # "The tickets, I'll get them"; in Turkish the verb stands last anyway.
    before = set(transcript.words[position][max(0, start - SUBJECT_REACH) : start])
    near = [word for word in rare if word in after] or [word for word in rare if word in before]
    return tuple(sorted(near, key=lambda word: transcript.spread[word])[:SUBJECT_MAX])


def _places(transcript: AnnotatedTranscript, wanted: Set[str]) -> dict[str, list[int]]:
    """Where the stems of the wanted words occur."""
    stems = {stem(word) for word in wanted}
    relevant = {word: stem(word) for word in transcript.spread if stem(word) in stems}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, words in enumerate(transcript.words):
        for word in words:
            found = relevant.get(word)
            if found is not None:
                places[found].append(at)
    return places


def _threads(
    transcript: AnnotatedTranscript,
    signal: str,
    subjects: Mapping[int, tuple[str, ...]],
    places: Mapping[str, list[int]],
) -> Threads:
    found = [
        _thread(transcript, signal, at, subjects[at], places)
        for at in sorted(transcript.signals[signal])
    ]
    numbers = {transcript.number(at): at for at in transcript.signals[signal]}
    judged = [
        each
        for each in found
        if each.subject and days_after(transcript, numbers[each.number]) >= JUDGED_AFTER_DAYS
    ]
    never = [each for each in judged if each.later is None and each.done is None]
    kept = [each for each in judged if each.later is not None or each.done is not None]
    ignored = [
        each
        for each in found
        if each.answer is None and days_after(transcript, numbers[each.number]) > 1
    ]
    people = range(len(transcript.people))
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
    transcript: AnnotatedTranscript,
    signal: str,
    position: int,
    subject: tuple[str, ...],
    places: Mapping[str, list[int]],
) -> Thread:
    later, word = _later(transcript, position, subject, places)
    done = _done(transcript, position, subject, places)
    answer = next_by_other(transcript, position)
    return Thread(
        number=transcript.number(position),
        by=transcript.who[position],
        on=transcript.date(position),
        quote=quote(transcript.messages[position].text, transcript.signals[signal][position]),
        subject=subject,
        answer=None if answer is None else transcript.number(answer),
        answer_by=None if answer is None else transcript.who[answer],
        later=None if later is None else transcript.number(later),
        later_by=None if later is None else transcript.who[later],
        later_word=word,
        later_days=None if later is None else _days(transcript, position, later),
        done=None if done is None else transcript.number(done),
        done_by=None if done is None else transcript.who[done],
    )


def _days(transcript: AnnotatedTranscript, before: int, after: int) -> float:
    return round((transcript.at[after] - transcript.at[before]) / SECONDS_A_DAY, 1)


def _later(
    transcript: AnnotatedTranscript,
    position: int,
    subject: Sequence[str],
    places: Mapping[str, list[int]],
) -> tuple[int | None, str | None]:
    """The first mention in a later conversation, and the word mentioned."""
    mentions = [
        (at, word)
        for word in subject
        for at in _mentions(transcript, position, places.get(stem(word), []))
        if transcript.conversation[at] > transcript.conversation[position]
    ]
    return min(mentions, default=(None, None), key=lambda each: each[0])


def _done(
    transcript: AnnotatedTranscript,
    position: int,
    subject: Sequence[str],
    places: Mapping[str, list[int]],
) -> int | None:
    """The first later message on the subject that reports something done."""
    reports = transcript.signals["done"]
    found = [
        at
        for word in subject
        for at in _mentions(transcript, position, places.get(stem(word), []))
        if at in reports
    ]
    return min(found, default=None)


def _mentions(transcript: AnnotatedTranscript, position: int, occurrences: list[int]) -> list[int]:
    until = transcript.at[position] + LATER_DAYS * SECONDS_A_DAY
    after = occurrences[bisect_right(occurrences, position) :]
    return [at for at in after if transcript.at[at] <= until]


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
