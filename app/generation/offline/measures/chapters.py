"""What a chat is about, period by period: words far commoner there than elsewhere."""

import re
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import chain
from math import log, sqrt

from app.generation.offline.measures.sampling import spread_over
from app.generation.offline.measures.transcript import AnnotatedTranscript
from app.generation.retrieval import words_of

PERIODS_MAX = 12
SUBJECTS_MAX = 4
LASTING_MAX = 6
COUNT_MIN = 3
SCORE_MIN = 1.6
LETTERS_MIN = 4
COMMON_SHARE = 0.05
COMMON_SHARE_SHORT = 0.15
SHORT_CHAT = 600
LASTING_SHARE = 0.6
SAMPLE_MAX = 4
SMALL_PERIOD = 8
FORMS_MAX = 20
CANDIDATES_MAX = 24
_IDEOGRAPHS = re.compile("[\u30a0-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_GRAINS = ((2400, "year"), (540, "quarter"), (62, "month"), (18, "week"), (3, "day"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A word, the messages of the period that hold it, and some of their numbers."""

    word: str
    count: int
    sample: tuple[int, ...]
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A period of the chat with the words that set it apart, the clearest first."""

    label: str
    messages: int
    subjects: tuple[Subject, ...]
    sample: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chapters:
    """`grain` is year, quarter, month, week, day or chat; `periods` counts also the dropped.

    `lasting` are words that return in most periods. `own` are, for each of Facts.people, words
    this person uses far more than the others.
    """

    grain: str
    periods: int
    chapters: tuple[Chapter, ...]
    busiest: str
    lasting: tuple[Subject, ...]
    own: tuple[tuple[Subject, ...], ...]


def measure_chapters(transcript: AnnotatedTranscript) -> Chapters:
    """The chat cut by the calendar, and the words that belong to each part."""
    named = _naming(transcript)
    grain, labels = _labels(transcript)
    groups: dict[str, list[int]] = {}
    for at, label in enumerate(labels):
        groups.setdefault(label, []).append(at)
    bags = {label: _bag(named, positions) for label, positions in groups.items()}
    total: Counter[str] = Counter()
    for bag in bags.values():
        total.update(bag)
    chapters = [
        _chapter(transcript, label, positions, bags[label], total)
        for label, positions in groups.items()
    ]
    busiest = max(groups, key=lambda label: len(groups[label]))
    return Chapters(
        grain=grain,
        periods=len(groups),
        chapters=tuple(_shown(chapters)),
        busiest=busiest,
        lasting=_lasting(transcript, list(bags.values()), total),
        own=_own(transcript, total, named),
    )


def _dull(transcript: AnnotatedTranscript) -> AbstractSet[str]:
    """Words that name no subject: common ones, names, and those in every twentieth message."""
    names = {part for name in transcript.people for part in words_of(name)}
    part = COMMON_SHARE if len(transcript.words) > SHORT_CHAT else COMMON_SHARE_SHORT
    limit = max(part * len(transcript.words), 2 * COUNT_MIN)
    frequent = {word for word, count in transcript.spread.items() if count > limit}
    laughs = {
        word for word in transcript.spread if "haha" in word or "jaja" in word or "hehe" in word
    }
    return transcript.lexicon.common | names | frequent | laughs


def _labels(transcript: AnnotatedTranscript) -> tuple[str, list[str]]:
    days = transcript.day[-1] - transcript.day[0]
    grain = next((name for floor, name in _GRAINS if days >= floor), "chat")
    cache: dict[int, str] = {}
    for day in transcript.day:
        if day not in cache:
            cache[day] = _label(date.fromordinal(day), grain)
    return grain, [cache[day] for day in transcript.day]


def _label(day: date, grain: str) -> str:
    if grain == "year":
        return str(day.year)
    if grain == "quarter":
        return f"{day.year} Q{(day.month + 2) // 3}"
    if grain == "month":
        return f"{day:%B %Y}"
    if grain == "week":
        monday = date.fromordinal(day.toordinal() - day.weekday())
        return f"the week of {monday.day} {monday:%B %Y}"
    return f"{day.day} {day:%B %Y}" if grain == "day" else "the whole chat"


def _naming(transcript: AnnotatedTranscript) -> list[set[str]]:
    """The words of each message that may name a subject."""
    dull = _dull(transcript)
    telling = {word for word in transcript.spread if _may_name(word, dull)}
    return [telling.intersection(words) for words in transcript.words]


def _bag(named: Sequence[set[str]], positions: Sequence[int]) -> Counter[str]:
    """In how many of the messages each word stands that may name a subject."""
    return Counter(chain.from_iterable([named[at] for at in positions]))


def _may_name(word: str, dull: AbstractSet[str]) -> bool:
    if word in dull or word[0].isdigit() or len(word) < 2:
        return False
    # Pairs of characters stand for words only where each character carries meaning.
    return (
        len(word) >= LETTERS_MIN if word[0] < "\u2e80" else _IDEOGRAPHS.fullmatch(word) is not None
    )


def _chapter(
    transcript: AnnotatedTranscript,
    label: str,
    positions: list[int],
    bag: Counter[str],
    total: Counter[str],
) -> Chapter:
    scores = dict(_distinct(bag, total)[:CANDIDATES_MAX])
    places = _where(transcript, set(scores), positions)
    spoken = [word for word in scores if _is_spoken_of(transcript, places[word])]
    # A subject comes in bursts, a turn of phrase here and there.
    spoken.sort(key=lambda word: -scores[word] * _burst(transcript, places[word]))
    subjects = [_subject(transcript, word, places[word]) for word in spoken[:SUBJECTS_MAX]]
    return Chapter(
        label=label,
        messages=len(positions),
        subjects=tuple(subjects),
        sample=tuple(map(transcript.number, spread_over(positions, SAMPLE_MAX))),
    )


def _is_spoken_of(transcript: AnnotatedTranscript, found: Sequence[int]) -> bool:
    """A word one person says once over and over is no subject."""
    people = {transcript.who[at] for at in found}
    return len(people) > 1 or len({transcript.conversation[at] for at in found}) > 1


def _burst(transcript: AnnotatedTranscript, found: Sequence[int]) -> float:
    """Messages with the word in each conversation that has any."""
    return len(found) / len({transcript.conversation[at] for at in found})


def _subject(transcript: AnnotatedTranscript, word: str, found: Sequence[int]) -> Subject:
    people = Counter(transcript.who[at] for at in found)
    return Subject(
        word=_as_written(transcript, word, found),
        count=len(found),
        sample=tuple(map(transcript.number, spread_over(found, SAMPLE_MAX))),
        people=tuple(who for who, _ in people.most_common(3)),
    )


def _as_written(transcript: AnnotatedTranscript, word: str, found: Sequence[int]) -> str:
    """The word with the capitals it mostly has."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    seen: Counter[str] = Counter()
    for at in found[:FORMS_MAX]:
        seen.update(pattern.findall(transcript.messages[at].text))
    return max(seen, key=lambda form: (seen[form], form != word), default=word)


def _distinct(bag: Counter[str], total: Counter[str]) -> list[tuple[str, float]]:
    """Words, and how far their log-odds here exceed those elsewhere, in standard errors.

    Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008), the prior
    being the whole chat scaled to 500 words.
    """
    here, everywhere = sum(bag.values()), sum(total.values())
    elsewhere = everywhere - here
    scale = min(500.0, everywhere) / everywhere if everywhere else 0.0
    strength = scale * everywhere
    scored: list[tuple[float, str]] = []
    for word, count in bag.items():
        if count < COUNT_MIN:
            continue
        prior = scale * total[word]
        rest = total[word] - count
        if not elsewhere:
            scored.append((count, word))
            continue
        odds = log((count + prior) / max(here + strength - count - prior, 1e-9))
        odds -= log((rest + prior) / max(elsewhere + strength - rest - prior, 1e-9))
        score = odds / sqrt(1 / (count + prior) + 1 / (rest + prior))
        if score >= SCORE_MIN:
            scored.append((score, word))
    scored.sort(key=lambda each: (-each[0], each[1]))
    return [(word, score) for score, word in scored]


def _shown(chapters: list[Chapter]) -> list[Chapter]:
    """The periods worth telling, in time order: at most twelve, the fullest ones."""
    worth = [each for each in chapters if each.messages >= SMALL_PERIOD] or chapters
    ranked = sorted(range(len(worth)), key=lambda place: -worth[place].messages)[:PERIODS_MAX]
    return [worth[place] for place in sorted(ranked)]


def _lasting(
    transcript: AnnotatedTranscript, bags: Sequence[Counter[str]], total: Counter[str]
) -> tuple[Subject, ...]:
    """Words of most periods that come in bursts, as subjects do and phrases do not."""
    if len(bags) < 3:  # Two periods make no pattern.
        return ()
    floor = max(3, LASTING_SHARE * len(bags))
    words = [
        word
        for word, count in total.items()
        if count >= floor and sum(word in bag for bag in bags) >= floor
    ]
    places = _where(transcript, set(words))
    bursts = {word: _burst(transcript, found) for word, found in places.items()}
    ranked = sorted(bursts, key=lambda word: (-bursts[word] * log(1 + total[word]), word))
    return tuple(_subject(transcript, word, places[word]) for word in ranked[:LASTING_MAX])


def _own(
    transcript: AnnotatedTranscript, total: Counter[str], named: Sequence[set[str]]
) -> tuple[tuple[Subject, ...], ...]:
    if len(transcript.people) < 2:
        return ((),) * len(transcript.people)
    own: list[list[int]] = [[] for _ in transcript.people]
    for at, who in enumerate(transcript.who):
        own[who].append(at)
    shown: list[tuple[Subject, ...]] = []
    for positions in own:
        ranked = _distinct(_bag(named, positions), total)[:SUBJECTS_MAX]
        words = [word for word, _ in ranked]
        places = _where(transcript, set(words), positions)
        shown.append(tuple(_subject(transcript, word, places[word]) for word in words))
    return tuple(shown)


def _where(
    transcript: AnnotatedTranscript, words: set[str], positions: Sequence[int] | None = None
) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {word: [] for word in words}
    for at in positions if positions is not None else range(len(transcript.words)):
        for word in words.intersection(transcript.words[at]):
            places[word].append(at)
    return places
