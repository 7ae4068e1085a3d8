"""Scenes of two people that tell of an event, or only sound like it: the files of `planted/`.

A chat holds every scene of a language between everyday talk. Those of `held_out/` were written
before the rules of events, and never used to mend them.
"""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.offline_quality.chat import Chat, Telling
from benchmarks.offline_quality.lines import UNSEEN, Line

LANGUAGES = ("en", "de", "es", "fr", "pt", "it")
_FOLDER = Path(__file__).with_name("planted")
PEOPLE = ("Ana", "Ben")
BYSTANDERS = ("Cem", "Dora", "Emil")
SCENE_EVERY_DAYS = 3
SCENES_A_CHAT = 8
Scene = tuple[str, list[list[str]]]
"""Its name, and its lines: who says what."""


def scene_chats(seed: int, *, rounds: int, held_out: bool | None = None) -> list[Chat]:
    """Chats of two and of five, of each language and set; `held_out` chooses one of the sets."""
    return [
        chat
        for turn in range(seed, seed + rounds)
        for language in LANGUAGES
        for each in ((False, True) if held_out is None else (held_out,))
        for is_group in (False, True)
        for chat in _chats(language, turn, is_held_out=each, is_group=is_group)
    ]


def _chats(language: str, seed: int, *, is_held_out: bool, is_group: bool) -> Iterator[Chat]:
    """Every scene of a set once, a few in each chat: an insight shows no more than a few events."""
    scenes = list(_scenes(language, is_held_out=is_held_out))
    random.Random(f"{language}{seed}{is_held_out}{is_group}").shuffle(scenes)
    for first in range(0, len(scenes), SCENES_A_CHAT):
        part = scenes[first : first + SCENES_A_CHAT]
        yield _chat(language, seed + first, part, is_held_out=is_held_out, is_group=is_group)


def _scenes(language: str, *, is_held_out: bool) -> Iterator[Scene]:
    folder = _FOLDER / "held_out" if is_held_out else _FOLDER
    content = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
    for section, kinds in content.items():
        for kind, scenes in kinds.items():
            for place, lines in enumerate(scenes):
                yield f"{section}/{kind}/{place}", lines


def _chat(
    language: str, seed: int, scenes: Sequence[Scene], *, is_held_out: bool, is_group: bool
) -> Chat:
    start = datetime(2024, 2, 3, tzinfo=UTC)
    tell = Telling(language, seed, start, unseen=is_held_out and language in UNSEEN)
    dice = random.Random(f"{language}{seed}{is_held_out}{is_group}")
    everybody = [*PEOPLE, *BYSTANDERS] if is_group else list(PEOPLE)
    pace = dict.fromkeys(everybody, 3)
    for turn, (name, lines) in enumerate(scenes):
        day = start + timedelta(days=SCENE_EVERY_DAYS * turn)
        speakers = dice.sample(everybody, len(everybody))
        tell.converse(day.replace(hour=9), speakers, turns=6, pace=pace)
        pair = dice.sample(PEOPLE, 2)
        tell.now = day.replace(hour=17)
        for who, text in lines:
            speaker, _, minutes = who.partition("+")
            tell.wait(int(minutes or 2))
            tell.say(pair["AB".index(speaker)], Line(text), name)
        at = day + timedelta(days=2, hours=9 + turn % 9)
        tell.converse(at, speakers[::-1], turns=6, pace=pace)
    kind = f"scenes-{'group' if is_group else 'pair'}{'-held-out' if is_held_out else ''}"
    return replace(tell.finished(f"{kind}-{language}-{seed}", kind, []), unseen=is_held_out)
