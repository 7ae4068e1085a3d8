"""Writes the sample export: a year between two friends, the same bytes every time.

    python -m samples.generate

`story.txt` holds the dated scenes that make the year (a move, a new job, a race, two quarrels);
`smalltalk.txt` the everyday ones, whose choices and slots are drawn from a seed so that lines
seldom repeat. The result is in the format of an Android phone, day first, 24 hours.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

FOLDER = Path(__file__).parent
SAMPLE = FOLDER / "WhatsApp Chat with Maya.txt"
SEED = 6
NAMES = {"M": "Maya", "J": "Jonas"}
_day = datetime.fromisoformat
FIRST_DAY, LAST_DAY = _day("2024-03-04"), _day("2025-03-02")
# Days on which the two do not speak: after the birthday, after the quarrel about money.
SILENT = [
    (_day("2024-06-21"), _day("2024-06-26")),
    (_day("2024-10-08"), _day("2024-10-21")),
]
# They are together in Lisbon and need no messages.
TOGETHER = (_day("2024-08-10"), _day("2024-08-18"))
_FRESH_TRIES = 12


@dataclass(frozen=True, slots=True)
class Line:
    speaker: str
    text: str
    pause_min: int  # A pause before this line, in minutes; 0 for the usual one.


@dataclass(frozen=True, slots=True)
class Scene:
    when: str
    since: str  # The first day an everyday scene fits the story, or empty.
    lines: list[Line]

    @property
    def is_everyday(self) -> bool:
        return ":" not in self.when


def generate() -> str:
    """The text of the export."""
    writer = _Writer(random.Random(SEED))
    return writer.notice() + "".join(sorted_by_time(writer.year()))


def sorted_by_time(entries: Iterator[tuple[datetime, str]]) -> list[str]:
    ordered = sorted(entries, key=lambda entry: entry[0])
    return [f"{at:%d/%m/%Y, %H:%M} - {said}\n" for at, said in ordered]


def read_scenes(text: str) -> list[Scene]:
    scenes: list[Scene] = []
    pause_min = 0
    for line in text.splitlines():
        if line.startswith("@ "):
            when, _, since = line[2:].partition(" from ")
            scenes.append(Scene(when, since, []))
        elif line.startswith("> "):
            pause_min = int(line[2:].rstrip("h")) * 60
        elif line[:3] in ("M: ", "J: "):
            scenes[-1].lines.append(Line(line[0], line[3:].strip(), pause_min))
            pause_min = 0
    return scenes


class _Writer:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.story = read_scenes((FOLDER / "story.txt").read_text("utf-8"))
        small, _, slots = (FOLDER / "smalltalk.txt").read_text("utf-8").partition("== slots\n")
        self.smalltalk = read_scenes(small)
        self.slots = {
            name: [word.strip() for word in words.split("|")]
            for name, _, words in (line.partition(":") for line in slots.splitlines())
        }
        self.said: Counter[str] = Counter()
        self.played: Counter[int] = Counter()
        self.busy: list[tuple[datetime, datetime]] = []

    def notice(self) -> str:
        return (
            f"{FIRST_DAY:%d/%m/%Y}, 18:22 - Messages and calls are end-to-end encrypted. Only "
            "people in this chat can read, listen to, or share them. Learn more.\n"
        )

    def year(self) -> Iterator[tuple[datetime, str]]:
        for scene in self.story:
            begin = datetime.fromisoformat(scene.when)
            played = list(self.play(scene, begin))
            self.busy.append((begin, played[-1][0]))
            yield from played
        day = FIRST_DAY + timedelta(days=1)
        while day < LAST_DAY:
            yield from self.day(day)
            day += timedelta(days=1)

    def day(self, day: datetime) -> Iterator[tuple[datetime, str]]:
        if any(begin <= day < end for begin, end in SILENT) or TOGETHER[0] <= day < TOGETHER[1]:
            return
        weights = [1, 3, 5, 4, 2] if day.weekday() < 5 else [1, 2, 4, 5, 3]
        for _ in range(self.draw.choices(range(5), weights)[0]):
            number, scene = self.next_scene(day)
            low, high = (int(hour) for hour in scene.when.split("-"))
            begin = day + timedelta(minutes=self.draw.randrange(low * 60, high * 60))
            if all(begin > end or begin + timedelta(hours=1) < start for start, end in self.busy):
                played = list(self.play(scene, begin))
                self.busy.append((begin, played[-1][0]))
                self.played[number] += 1
                yield from played

    def next_scene(self, day: datetime) -> tuple[int, Scene]:
        """One of those played least often, so that the same one seldom returns soon."""
        fitting = [
            (number, scene)
            for number, scene in enumerate(self.smalltalk)
            if scene.since <= day.isoformat()
        ]
        least = sorted(fitting, key=lambda item: (self.played[item[0]], self.draw.random()))
        return self.draw.choice(least[:4])

    def play(self, scene: Scene, begin: datetime) -> Iterator[tuple[datetime, str]]:
        at, speaker = begin, scene.lines[0].speaker
        slots = {"today": f"{begin:%A}".lower()}
        today = f"{begin:%Y-%m-%d}"
        for line in scene.lines:
            if line is not scene.lines[0]:
                slow = 3 if line.speaker != speaker else 1
                at += timedelta(minutes=line.pause_min + self.draw.choice([0, 0, 1, 1, slow, slow]))
            text = self.fresh(line, slots, today) if scene.is_everyday else line.text
            yield at, f"{NAMES[line.speaker]}: {self.marked(text, line.speaker, scene.is_everyday)}"
            speaker = line.speaker

    def fresh(self, line: Line, slots: dict[str, str], today: str) -> str:
        """The line with its choices made, in words not used before if there are any."""
        tries: list[tuple[int, str, dict[str, str]]] = []
        while len(tries) < _FRESH_TRIES and (not tries or tries[-1][0]):
            filled = dict(slots)
            text = self.styled(self.expand(line.text, filled, today), line.speaker)
            tries.append((self.said[text], text, filled))
        _, text, filled = min(tries, key=lambda one: one[0])
        slots.update(filled)
        self.said[text] += 1
        return text

    def expand(self, text: str, slots: dict[str, str], today: str) -> str:
        def choose(found: re.Match[str]) -> str:
            options = found[1].removeprefix("=").split("|")
            if not found[1].startswith("="):
                return self.draw.choice(options)
            # Drawn once for a scene: an answer fits what was said before.
            turn = slots.setdefault("=", str(self.draw.randrange(12)))
            return options[int(turn) % len(options)]

        text = re.sub(r"\[([^\]]*)\]", choose, text)
        return re.sub(r"\{(\w+)\}", lambda found: self.word(found[1], slots, today), text).strip()

    def word(self, slot: str, slots: dict[str, str], today: str) -> str:
        if slot not in slots:
            taken = set(slots.values())
            name = slot.rstrip("0123456789")
            # The last list that has begun: "weather@2024-06-01" sorts behind "weather".
            lists = [key for key in self.slots if f"{key}@".startswith(f"{name}@")]
            words = self.slots[max(key for key in lists if key.partition("@")[2] <= today)]
            slots[slot] = self.draw.choice([word for word in words if word not in taken])
        return slots[slot]

    def styled(self, text: str, speaker: str) -> str:
        """Jonas writes sentences; Maya writes small and sometimes stretches or trails off."""
        if speaker == "J":
            text = re.sub(r"([.?!…])\.(?=\s|$)", r"\1", text)
            text = re.sub(r"(^|[.?!] )([a-z])(?!ttps)", lambda m: m[1] + m[2].upper(), text)
            return re.sub(r"\b(mon|tues|wednes|thurs|fri|satur|sun)day\b", _capital, text)
        if text.startswith("<"):
            return text
        text = text if text.isupper() else text[:1].lower() + text[1:]
        roll = self.draw.random()
        if roll < 0.06:
            return re.sub(r"([aeiou])(\W*)$", r"\1\1\1\2", text)
        if roll < 0.14 and text[-1].isalnum():
            return text + self.draw.choice([" haha", "!!", " 😅", " lol", "…", " 🙃", " ✨"])
        return text

    def marked(self, text: str, speaker: str, is_everyday: bool) -> str:
        if text == "<media>":
            return "<Media omitted>"
        if text == "<deleted>":
            return "You deleted this message" if speaker == "J" else "This message was deleted"
        roll = self.draw.random()
        if is_everyday and roll < 0.004:
            return "You deleted this message" if speaker == "J" else "This message was deleted"
        text = text.replace("//", "\n") if not text.startswith("http") else text
        return f"{text} <This message was edited>" if is_everyday and roll > 0.985 else text


def _capital(found: re.Match[str]) -> str:
    return found[0].capitalize()


if __name__ == "__main__":
    SAMPLE.write_text(generate(), "utf-8", newline="\n")
