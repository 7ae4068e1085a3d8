"""The offline insights speak the language of a chat: every message in every catalog."""

import re
from collections import Counter
from datetime import date, time, timedelta

import pytest
from babel import Locale
from babel.messages.pofile import read_po

from app.generation.offline.language import (
    CATALOGS,
    FOLDER,
    SOURCE,
    Language,
    Period,
    Share,
    Weekday,
    plural_index,
    plural_tags,
)
from tests.support.messages import plural_messages, single_messages

EDGES = (0, 1, 2, 3, 5, 10, 11, 21, 99, 100, 101, 1000, 1_000_000, 2_000_000, 1_000_001)
_PLACE = re.compile(r"\{(\w+)\}")
VALUES = {
    "name": "Zoë {x} %s",
    "other": "Ben",
    "quote": "I'll {bring} it",
    "day": date(2024, 3, 12),
    "span": timedelta(hours=3),
}


def places(message: str) -> Counter[str]:
    return Counter(_PLACE.findall(message))


def catalog(tag: str):
    with (FOLDER / f"{tag}.po").open("rb") as file:
        return read_po(file, locale=tag)


@pytest.mark.parametrize("tag", CATALOGS)
def test_every_message_is_translated_and_keeps_its_places(tag: str):
    told = catalog(tag)
    wrong: list[str] = []
    for message in single_messages():
        entry = told.get(message)
        if entry is None or not entry.string or places(entry.string) != places(message):
            wrong.append(message)
    for one, many in plural_messages().items():
        entry = told.get(one)
        forms = entry.string if entry else ()
        expected = [places(one)] + [places(many)] * (len(plural_tags(tag)) - 1)
        if entry is None or entry.id != (one, many) or [places(f) for f in forms] != expected:
            wrong.append(one)
    assert wrong == []


@pytest.mark.parametrize("tag", CATALOGS)
def test_no_catalog_keeps_what_the_code_no_longer_says(tag: str):
    said = {*single_messages(), *plural_messages()}
    known = {
        each.id if isinstance(each.id, str) else each.id[0] for each in catalog(tag) if each.id
    }
    assert known == said


@pytest.mark.parametrize("tag", CATALOGS)
def test_the_forms_of_a_catalog_are_those_of_the_cldr(tag: str):
    told = catalog(tag)
    assert told.num_plurals == len(plural_tags(tag))
    for message in told:
        assert not message.fuzzy
        if isinstance(message.id, tuple) and message.id:
            assert len(message.string) == told.num_plurals


@pytest.mark.parametrize("tag", [SOURCE, *CATALOGS])
@pytest.mark.parametrize("n", EDGES)
def test_every_message_is_rendered_with_every_edge_number(tag: str, n: int):
    language = Language(tag)
    rule = Locale.parse(tag).plural_form
    assert plural_tags(tag)[plural_index(tag, n)] == rule(n)
    shown = language.shown(n)
    for one, many in plural_messages().items():
        values = {name: VALUES.get(name, "x") for name in places(one) + places(many)} | {"n": n}
        del values["n"]
        text = language.plural(one, many, n=n, **values)
        assert shown in text
        assert "Zoë {x} %s" in text or "name" not in places(one)
        assert not _PLACE.search(text.replace("{x}", "").replace("{bring}", ""))
    for message in single_messages():
        text = language.say(message, **{name: VALUES.get(name, n) for name in places(message)})
        assert not _PLACE.search(text.replace("{x}", "").replace("{bring}", ""))


def test_one_and_many_are_told_apart_in_every_language():
    for tag in (SOURCE, *CATALOGS):
        for one, many in plural_messages().items():
            values = {name: "x" for name in places(one) + places(many) if name != "n"}
            told = [Language(tag).plural(one, many, n=n, **values) for n in (1, 2)]
            assert told[0].replace("1", "") != told[1].replace("2", "")


@pytest.mark.parametrize(
    ("tag", "value", "shown"),
    [
        ("en", date(2024, 5, 12), "12 May 2024"),
        ("de", date(2024, 3, 1), "1. März 2024"),
        ("es", date(2024, 5, 12), "12 de mayo de 2024"),
        ("fr", date(2024, 8, 2), "2 août 2024"),
        ("it", date(2024, 1, 31), "31 gennaio 2024"),
        ("pt", date(2024, 9, 7), "7 de setembro de 2024"),
        ("de", Period(date(2024, 3, 1), "month"), "März 2024"),
        ("fr", Period(date(2024, 2, 1), "month"), "février 2024"),
        ("en", 12_345, "12,345"),
        ("de", 12_345, "12.345"),
        ("de", 2.5, "2,5"),
        ("en", Share(1, 300), "<1%"),
        ("en", Share(299, 300), ">99%"),
        ("de", Share(1, 2), "50\u00a0%"),
        ("it", Weekday(0), "lunedì"),
        ("en", time(18), "18:00"),
        ("en", timedelta(seconds=1), "1 second"),
        ("en", timedelta(seconds=60), "1 minute"),
        ("de", timedelta(hours=2.54), "2,5 Stunden"),
        ("fr", timedelta(days=1), "24\u00a0heures"),
        ("pt", timedelta(days=9), "9 dias"),
    ],
)
def test_values_are_shown_as_the_language_writes_them(tag: str, value: object, shown: str):
    assert Language(tag).shown(value) == shown


def test_a_language_without_a_catalog_is_told_in_english():
    assert Language("tr").tag == SOURCE
    assert Language("").say("Your hour: {start} to {end}", start=time(9), end=time(10)) == (
        "Your hour: 09:00 to 10:00"
    )
