"""Words that set apart a period of the chat, or a person, from the rest of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import chain
from math import log, sqrt

from app.generation.offline.measures.transcript import AnnotatedTranscript
from app.generation.retrieval import words_of

PERIODS_MAX, PERIODS_MIN = 12, 3
LASTING_MAX = 6
COUNT_MIN = 3
SCORE_MIN = 1.6
LETTERS_MIN = 4
COMMON_SHARE, COMMON_SHARE_SHORT, SHORT_CHAT = 0.05, 0.15, 600
LASTING_SHARE = 0.6
FORMS_MAX, CANDIDATES_MAX = 20, 24
_IDEOGRAPHS = re.compile("[\u30a0-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_GRAINS = ((2400, "year"), (540, "quarter"), (62, "month"), (18, "week"), (3, "day"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A word as it is mostly written, the messages that hold it, and how many others do."""

    word: str
    places: list[int]
    elsewhere: int


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the calendar: its first day, its messages, the word that sets it apart."""

    first: date
    messages: list[int]
    subject: Subject | None


@dataclass(frozen=True, slots=True)
class Subjects:
    """`grain` is year, quarter, month, week or day; `own` are words of each of the people."""

    grain: str
    periods: list[Period]
    lasting: list[Subject]
    own: list[list[Subject]]


def measure_subjects(chat: AnnotatedTranscript) -> Subjects:
    """The chat cut by the calendar, and the words that belong to each part and person."""
    named = _naming(chat)
    days = chat.day[-1] - chat.day[0]
    grain = next((name for floor, name in _GRAINS if days >= floor), "day")
    groups: dict[date, list[int]] = {}
    for at in range(len(chat.day)):
        groups.setdefault(_first_day(chat.on(at), grain), []).append(at)
    bags = {first: _bag(named, messages) for first, messages in groups.items()}
    total: Counter[str] = Counter()
    for bag in bags.values():
        total.update(bag)
    fullest = sorted(groups, key=lambda first: -len(groups[first]))[:PERIODS_MAX]
    return Subjects(
        grain=grain,
        periods=[
            Period(first, groups[first], _subject(chat, bags[first], total, groups[first]))
            if first in fullest
            else Period(first, groups[first], None)
            for first in groups
        ],
        lasting=_lasting(chat, bags, total),
        own=_own(chat, named, total),
    )


def _first_day(day: date, grain: str) -> date:
    match grain:
        case "year":
            return day.replace(month=1, day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "month":
            return day.replace(day=1)
        case "week":
            return date.fromordinal(day.toordinal() - day.weekday())
        case _:
            return day


def _naming(chat: AnnotatedTranscript) -> list[set[str]]:
    """The words of each message that may name a subject: no names, no common or frequent ones."""
    dull = chat.lexicon.common | {part for name in chat.people for part in words_of(name)}
    part = COMMON_SHARE if len(chat.words) > SHORT_CHAT else COMMON_SHARE_SHORT
    limit = max(part * len(chat.words), 2 * COUNT_MIN)
    laughs = {
        form for (signal, _), said in chat.forms.items() if signal == "laughter" for form in said
    }
    telling = {
        word
        for word, count in chat.spread.items()
        if COUNT_MIN <= count <= limit and word not in laughs and _may_name(word, dull)
    }
    return [telling.intersection(words) for words in chat.words]


def _may_name(word: str, dull: AbstractSet[str]) -> bool:
    if word in dull or word[0].isdigit() or len(word) < 2:
        return False
    # Pairs of characters stand for words only where each character carries meaning.
    return (
        len(word) >= LETTERS_MIN if word[0] < "\u2e80" else _IDEOGRAPHS.fullmatch(word) is not None
    )


def _bag(named: Sequence[set[str]], positions: Sequence[int]) -> Counter[str]:
    """In how many of the messages each word stands that may name a subject."""
    return Counter(chain.from_iterable([named[at] for at in positions]))


def _subject(
    chat: AnnotatedTranscript, bag: Counter[str], total: Counter[str], positions: Sequence[int]
) -> Subject | None:
    """The word that sets these messages apart; one that only one conversation holds is chance."""
    found = chat.places(set(_distinct(bag, total)[:CANDIDATES_MAX]), positions)
    spoken = [word for word in found if len({chat.conversation[at] for at in found[word]}) > 1]
    if not spoken:
        return None
    word = max(spoken, key=lambda each: (_weight(chat, found[each]), each))
    places = found[word]
    return Subject(_as_written(chat, word, places), places, total[word] - bag[word])


def _weight(chat: AnnotatedTranscript, places: Sequence[int]) -> float:
    """A subject comes in bursts, a turn of phrase here and there."""
    return log(1 + len(places)) * len(places) / len({chat.conversation[at] for at in places})


def _distinct(bag: Counter[str], total: Counter[str]) -> list[str]:
    """Words whose log-odds here exceed those elsewhere, by how many standard errors.

    Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008), the prior
    being the whole chat scaled to 500 words.
    """
    here, everywhere = sum(bag.values()), sum(total.values())
    elsewhere = everywhere - here
    if not elsewhere:
        return []
    strength = min(500.0, everywhere)
    scale = strength / everywhere
    scored: list[tuple[float, str]] = []
    for word, count in bag.items():
        if count < COUNT_MIN:
            continue
        prior = scale * total[word]
        rest = total[word] - count
        odds = log((count + prior) / max(here + strength - count - prior, 1e-9))
        odds -= log((rest + prior) / max(elsewhere + strength - rest - prior, 1e-9))
        score = odds / sqrt(1 / (count + prior) + 1 / (rest + prior))
        if score >= SCORE_MIN:
            scored.append((-score, word))
    return [word for _, word in sorted(scored)]


def _lasting(
    chat: AnnotatedTranscript, bags: Mapping[date, Counter[str]], total: Counter[str]
) -> list[Subject]:
    """Words of most periods, the most frequent first."""
    if len(bags) < PERIODS_MIN:
        return []
    floor = max(PERIODS_MIN, LASTING_SHARE * len(bags))
    returning = {
        word
        for word, count in total.items()
        if count >= floor and sum(word in bag for bag in bags.values()) >= floor
    }
    places = chat.places(returning)
    words = sorted(returning, key=lambda each: (-_weight(chat, places[each]), each))[:LASTING_MAX]
    return [Subject(_as_written(chat, word, places[word]), places[word], 0) for word in words]


def _own(
    chat: AnnotatedTranscript, named: Sequence[set[str]], total: Counter[str]
) -> list[list[Subject]]:
    """For each person the word used far more than by the others; none in a chat of one."""
    if len(chat.people) < 2:
        return [[] for _ in chat.people]
    found: list[list[Subject]] = []
    for positions in chat.by_person(range(len(chat.who))):
        bag = _bag(named, positions)
        subject = _subject(chat, bag, total, positions)
        found.append([subject] if subject is not None else [])
    return found


def _as_written(chat: AnnotatedTranscript, word: str, found: Sequence[int]) -> str:
    """The word with the capitals it mostly has."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    seen: Counter[str] = Counter()
    for at in found[:FORMS_MAX]:
        seen.update(pattern.findall(chat.messages[at].text))
    return max(seen, key=lambda form: (seen[form], form != word), default=word)
