"""The kinds of chats the offline insights are judged on, each with the facts planted in it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from benchmarks.offline_quality.chat import Chat, Extra, Plant, Telling
from benchmarks.offline_quality.lines import READ, UNREAD, UNSEEN
from benchmarks.offline_quality.scenes import LANGUAGES as EVENT_LANGUAGES

PAIRS = (("Ana", "Ben"), ("Zoë", "Karim"), ("Lucía", "+49 170 1234567"))
CROWD = (
    "Ines",
    "Tom",
    "Mehmet",
    "Sofie",
    "Jean-Luc",
    "Priya",
    "Olaf",
    "Carla",
    "Dmitri",
    "Eve",
    "Femi",
    "Greta",
    "Hugo",
    "Ida",
    "+44 7700 900123",
)
EVENING, NOON = 19, 12


def chats(seed: int, *, rounds: int) -> list[Chat]:
    """Every kind in every language, `rounds` times: the same for the same seed."""
    told: list[Chat] = []
    for turn in range(seed, seed + rounds):
        for language in READ:
            told += [
                pair(language, turn),
                calm(language, turn),
                one_sided(language, turn),
                group(language, turn),
                short(language, turn, quarrel=True),
                short(language, turn, quarrel=False),
            ]
        for language in UNSEEN:
            told += [
                pair(language, turn, unseen=True),
                group(language, turn, unseen=True),
                short(language, turn, quarrel=True, unseen=True),
                short(language, turn, quarrel=False, unseen=True),
            ]
        told += [unread(language, turn) for language in UNREAD]
        told.append(monologue(turn))
    return told


def english(day: datetime) -> str:
    return f"{day.day} {day:%B %Y}"


def _start(seed: int) -> datetime:
    return datetime(2024, 3, 2 + seed % 5, tzinfo=UTC)


def pair(language: str, seed: int, *, unseen: bool = False) -> Chat:
    """Four months of two people with a quarrel in May, promises, a silence, topics, greetings."""
    tell = Telling(language, seed, _start(seed), unseen=unseen)
    one, two = PAIRS[seed % len(PAIRS)]
    pace = {one: 3, two: 22}
    extras = _pair_extras(tell, one, two)
    day = _start(seed)
    quarrel_on = datetime(2024, 5, 11 + seed % 9, 15, tzinfo=UTC)
    silence = (0, day, day)
    for turn in range(70):
        opener = one if turn % 10 < 7 else two
        other = two if opener == one else one
        hour = EVENING if turn % 5 else NOON
        at = day.replace(hour=hour, minute=tell.random.randrange(40))
        tell.converse(at, [opener, other], turns=6, pace=pace, extras=extras[turn])
        last, day = day, day + timedelta(days=1)
        if turn == 20:
            tell.ask_into_silence(two, "open")
            day += timedelta(days=2)
        if turn == 40:
            day += timedelta(days=11)
            silence = (11, last, day)
        if last.date() == quarrel_on.date():
            tell.quarrel(last.replace(hour=14), (one, two), "quarrel", which=seed)
    if not any(each[4] == "quarrel" for each in tell._said):
        raise RuntimeError("the quarrel fell into a silence")
    plants = [*_rhythm_plants(one, two), *_speech_plants(tell, one, two)]
    plants += _quarrel(quarrel_on, (one, two), language)
    plants.append(
        Plant(
            "longest silence",
            ("friendship", "who_reaches_out"),
            ("longest silence", english(silence[1]), english(silence[2])),
        )
    )
    plants.append(_open_question())
    return tell.finished(f"pair-{language}-{seed}", "pair", plants)


def _pair_extras(tell: Telling, one: str, two: str) -> defaultdict[int, list[Extra]]:
    extras: defaultdict[int, list[Extra]] = defaultdict(list)
    say = tell.lines.saying
    for turn in range(0, 70, 7):
        extras[turn].append(Extra(one, say["morning"][turn % len(say["morning"])], "morning"))
    for place, line in enumerate(say["thanks"] * 3):
        extras[3 + 5 * place].append(Extra(two, line, "thanks"))
    for place, line in enumerate(say["laughter"] * 4):
        extras[2 + 6 * place].append(Extra(one if place % 4 else two, line, "laughter"))
    for place, line in enumerate(say["apology"] * 2):
        extras[9 + 4 * place].append(Extra(two, line, "apology"))
    for label, at, who in (
        ("plan", 11, one),
        ("worry", 24, two),
        ("decision", 18, one),
        ("blocker", 28, two),
        ("request", 33, one),
        ("affection", 44, one),
    ):
        for place, line in enumerate(say[label] * (1 + (label == "affection"))):
            extras[at + 3 * place].append(Extra(who, line, label))
    for place, line in enumerate(tell.lines.broken):
        extras[6 + 8 * place].append(Extra(two, line, f"broken{place}"))
    for place, (promise, report) in enumerate(tell.lines.kept):
        extras[8 + 8 * place].append(Extra(one, promise, f"kept{place}"))
        extras[11 + 8 * place].append(Extra(one, report, f"kept{place}"))
    for place, topic in enumerate(tell.lines.topics):
        for each, line in enumerate(topic.lines * 2):
            extras[2 + 22 * place + 2 * each].append(
                Extra((one, two)[each % 2], line, f"topic{place}")
            )
    return extras


def _open_question() -> Plant:
    words = ("else wrote for a day",)
    return Plant("open question", ("friendship", "listening"), words, "open")


def _rhythm_plants(one: str, two: str) -> list[Plant]:
    return [
        _opener(one),
        _pace((one, "3 minutes"), (two, "22 minutes")),
        Plant("busiest hour", ("romance", "rituals"), (f"{EVENING}:00 to {EVENING + 1}:00",)),
    ]


def _opener(name: str) -> Plant:
    return Plant("who initiates", ("friendship", "who_reaches_out"), (f"{name} opened",))


def _pace(fast: tuple[str, str], slow: tuple[str, str]) -> Plant:
    words = (f"Half of {fast[0]}'s", f"within {fast[1]}", f"half of {slow[0]}'s", slow[1])
    return Plant("reply times", ("friendship", "listening"), words)


def _quarrel(on: datetime, people: tuple[str, str], language: str) -> list[Plant]:
    """Only where the product knows how a quarrel reads."""
    insight = ("friendship", "rough_patches")
    plant = Plant("quarrel in May", insight, (english(on), *people), "quarrel", only=True)
    return [plant] if language in EVENT_LANGUAGES else []


def _speech_plants(tell: Telling, one: str, two: str) -> list[Plant]:
    say = tell.lines.saying
    plants = [
        Plant(
            "recurring subject", ("friendship", "chapters"), (f"“{topic.word}”",), f"topic{place}"
        )
        for place, topic in enumerate(tell.lines.topics)
    ]
    for kind, label, who, insight in (
        ("thanks", "thanks", two, ("family", "care")),
        ("laughter", "laughter", one, ("friendship", "warmth_and_humour")),
        ("affection", "affection", one, ("romance", "affection")),
        ("good mornings", "morning", one, ("romance", "rituals")),
        ("who apologises", "apology", two, ("romance", "tension_and_repair")),
    ):
        if say[label]:
            plants.append(Plant(kind, insight, (who,), label))
    return plants


def calm(language: str, seed: int) -> Chat:
    """Two people with everyday talk alone: whatever is claimed of their words is false."""
    tell = Telling(language, seed + 100, _start(seed))
    one, two = PAIRS[(seed + 1) % len(PAIRS)]
    day = _start(seed)
    for turn in range(45):
        opener = two if turn % 4 else one
        at = day.replace(hour=18, minute=tell.random.randrange(40))
        tell.converse(at, [opener, one if opener == two else two], turns=7, pace={one: 2, two: 6})
        day += timedelta(days=1 + (turn % 9 == 0))
    plants = [
        _opener(two),
        _pace((one, "2 minutes"), (two, "6 minutes")),
        Plant("busiest hour", ("romance", "rituals"), ("18:00 to 19:00",)),
    ]
    return tell.finished(f"calm-{language}-{seed}", "calm", plants)


def one_sided(language: str, seed: int) -> Chat:
    """One writes and writes; the other answers now and then."""
    tell = Telling(language, seed + 200, _start(seed))
    one, two = PAIRS[seed % len(PAIRS)]
    day = _start(seed)
    for turn in range(30):
        at = day.replace(hour=20, minute=tell.random.randrange(40))
        speakers = [one, one, one, one, one, two] if turn % 3 == 0 else [one]
        tell.converse(
            at, speakers, turns=6 if turn % 3 == 0 else 4, pace={one: 4, two: 30}, ask_share=0
        )
        day += timedelta(days=2)
    tell.ask_into_silence(one, "open")
    tell.converse(day + timedelta(days=3, hours=20), [one], turns=2, pace={one: 5}, ask_share=0)
    plants = [
        Plant(
            "who initiates",
            ("friendship", "who_reaches_out"),
            (f"{one} opened 31 of 31 conversations",),
        ),
        Plant("who writes more", ("family", "who_is_heard"), (one, two, "%")),
        Plant(
            "unanswered openings",
            ("friendship", "who_reaches_out"),
            (f"Nobody answered in 21 conversations that {one} opened",),
        ),
        _open_question(),
    ]
    return tell.finished(f"one-sided-{language}-{seed}", "one-sided", plants)


def group(language: str, seed: int, *, unseen: bool = False) -> Chat:
    """Fifteen people; the first opens most, two of them quarrel in May, one decides."""
    tell = Telling(language, seed + 300, _start(seed), unseen=unseen)
    say = tell.lines.saying
    day = datetime(2024, 4, 8, tzinfo=UTC)
    pace = {name: 1 + place // 4 for place, name in enumerate(CROWD)}
    extras: defaultdict[int, list[Extra]] = defaultdict(list)
    for label, at, who in (
        ("decision", 5, 1),
        ("blocker", 9, 2),
        ("request", 14, 3),
        ("occasion", 20, 4),
        ("support", 25, 5),
    ):
        for place, line in enumerate(say[label]):
            extras[at + 2 * place].append(Extra(CROWD[who], line, label))
    for place, line in enumerate(tell.lines.broken[:1]):
        extras[12 + place].append(Extra(CROWD[6], line, "broken0"))
    quarrel_on = day
    for turn in range(45):
        opener = 0 if turn % 2 == 0 else turn % 15
        speakers = [CROWD[opener], *tell.random.sample([n for n in CROWD if n != CROWD[opener]], 4)]
        at = day.replace(hour=17, minute=tell.random.randrange(15))
        tell.converse(at, speakers, turns=10, pace=pace, extras=extras[turn])
        day += timedelta(days=1)
        if turn == 33:
            quarrel_on = day
            tell.quarrel(day.replace(hour=11), (CROWD[7], CROWD[8]), "quarrel", which=seed + 1)
            day += timedelta(days=1)
    plants = [
        _opener(CROWD[0]),
        Plant("busiest hour", ("romance", "rituals"), ("17:00 to 18:00",)),
        *_quarrel(quarrel_on, (CROWD[7], CROWD[8]), language),
    ]
    return tell.finished(f"group-{language}-{seed}", "group", plants)


def short(language: str, seed: int, *, quarrel: bool, unseen: bool = False) -> Chat:
    """Twenty messages of two people, with a quarrel or without."""
    tell = Telling(language, seed + 400, _start(seed), unseen=unseen)
    one, two = PAIRS[(seed + 2) % len(PAIRS)]
    day = datetime(2024, 5, 3 + seed % 9, tzinfo=UTC)
    pace = {one: 2, two: 4}
    plants: list[Plant] = []
    if quarrel:
        tell.quarrel(day.replace(hour=10), (one, two), "quarrel")
        plants += _quarrel(day, (one, two), language)
        tell.converse(
            day + timedelta(days=1, hours=10), [two, one], turns=13, pace=pace, ask_share=0
        )
    else:
        tell.converse(day + timedelta(hours=10), [one, two], turns=9, pace=pace, ask_share=0)
        thanks = [Extra(two, tell.lines.saying["thanks"][0], "thanks")]
        tell.converse(
            day + timedelta(days=1, hours=10),
            [two, one],
            turns=10,
            pace=pace,
            ask_share=0,
            extras=thanks,
        )
    name = f"short-{'quarrel' if quarrel else 'calm'}-{language}-{seed}"
    return tell.finished(name, "short", plants)


def unread(language: str, seed: int) -> Chat:
    """A language without word lists: rhythm is told, of words nothing."""
    tell = Telling(language, seed + 500, _start(seed))
    one, two = PAIRS[1]
    day = _start(seed)
    for turn in range(30):
        at = day.replace(hour=EVENING, minute=tell.random.randrange(40))
        tell.converse(at, [one, two] if turn % 5 else [two, one], turns=6, pace={one: 5, two: 15})
        day += timedelta(days=1)
    plants = [_opener(one), _pace((one, "5 minutes"), (two, "15 minutes"))]
    return tell.finished(f"unread-{language}-{seed}", "unread", plants)


def monologue(seed: int) -> Chat:
    """Notes to oneself: nobody answers, and nobody is blamed for it."""
    tell = Telling("en", seed + 600, _start(seed))
    for turn in range(25):
        at = _start(seed) + timedelta(days=turn, hours=9)
        tell.converse(at, ["Ana"], turns=3, pace={"Ana": 10}, ask_share=0)
    return tell.finished(f"monologue-en-{seed}", "monologue", [])
