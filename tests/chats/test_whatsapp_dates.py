"""Clocks of twelve hours, calendars and names of months, in every language that has them."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from app.chats.formats.tables import rows
from app.chats.formats.whatsapp.calendars import to_date
from app.chats.formats.whatsapp.clocks import read_clock
from app.chats.formats.whatsapp.export import parse_export
from app.chats.transcript import AmbiguousDates, DateOrder, UnrecognisedFormat


def read(*lines, **options):
    return parse_export("\n".join(lines) + "\n", **options)


def hours(ranges):
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def test_every_word_for_a_part_of_the_day_means_its_hours():
    wrong = []
    for language, word, ranges in rows("whatsapp/day_periods.tsv"):
        meant = set(hours(ranges))
        for hour in meant:
            if (hour + 12) % 24 in meant:
                continue  # Nights reach over midnight: both readings are its own.
            for written in (f"{(hour - 1) % 12 + 1}:05 {word}", f"{word} {(hour - 1) % 12 + 1}:05"):
                clock = read_clock(written, UTC)
                if clock is None or clock.hour != hour:
                    wrong.append((language, written, clock, hour))
    assert not wrong


@pytest.mark.parametrize("header", ["13/3/24 {} - ", "13/3/24, {} - ", "[13/3/24, {}] "])
def test_every_word_for_a_part_of_the_day_stands_in_headers(header):
    words = {}
    for _, word, ranges in rows("whatsapp/day_periods.tsv"):
        words.setdefault(word, set()).update(hours(ranges))
    for word, meant in words.items():
        for clock in (f"9:05 {word}", f"{word} 9:05"):
            if clock == "em 9:05":
                continue  # Before a time it is Portuguese and means "at".
            chat = read(header.format(clock) + "Nia: hi")
            assert chat.messages[0].text == "hi", clock
            assert chat.messages[0].at.hour in (9, 21)
            assert (chat.messages[0].at.hour in meant) or not meant & {9, 21}, clock
            assert chat.report.format.endswith("12h")


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("9:05 dop.", 9), ("9:05 odp.", 21), ("9:05 vorm.", 9), ("9:05 nachm.", 21),
        ("半夜12:10", 0), ("中午12:30", 12), ("中午1:30", 13), ("凌晨3:10", 3), ("晚上9:30", 21),
        ("மாலை 5:10", 17), ("காலை 9:00", 9), ("रात्री 9:00", None), ("दुपार 1:00", 13),
        ("সকাল 9:00", 9), ("রাত্রি 9:00", 21), ("رات 9:00", 21), ("صبح 9:00", 9),
        ("9:05 asubuhi", 9), ("9:05 mchana", 21), ("9:05 ጥዋት", 9), ("9:05 ከሰዓት", 21),
        ("12:00 AM", 0), ("12:00 p.\u00a0m.", 12), ("12:30\u202fam", 0),
    ],
)  # fmt: skip
def test_parts_of_the_day_are_read_as_people_mean_them(written, hour):
    if hour is not None:
        assert read_clock(written, UTC).hour == hour


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1403/01/01", date(2024, 3, 20)), ("1403/12/30", date(2025, 3, 20)),
        ("۱۴۰۲/۱۲/۲۳", date(2024, 3, 13)), ("1445/09/03", date(2024, 3, 13)),
        ("13/9/1445", date(2024, 3, 23)), ("١٤٤٥/٩/٣", date(2024, 3, 13)),
        ("13/3/2567", date(2024, 3, 13)), ("13/3/2567 BE", date(2024, 3, 13)),
        ("13/9/1445 هـ", date(2024, 3, 23)), ("AP 1402/12/23", date(2024, 3, 13)),
        ("3/18/R4", date(2022, 3, 18)), ("2024. 03. 13.", date(2024, 3, 13)),
        ("13.03.24 г.", date(2024, 3, 13)), ("13. 3. 2024.", date(2024, 3, 13)),
        ("13 Mar 2024", date(2024, 3, 13)), ("Mar 13, 2024", date(2024, 3, 13)),
        ("13. März 2024", date(2024, 3, 13)), ("13 de mar. de 2024", date(2024, 3, 13)),
        ("13 mars 2024", date(2024, 3, 13)), ("13 мар. 2024 г.", date(2024, 3, 13)),
        ("13 مارس 2024", date(2024, 3, 13)), ("13 मार्च 2024", date(2024, 3, 13)),
        ("R6/3/13", date(2024, 3, 13)), ("令和6年3月13日", date(2024, 3, 13)),
        ("平成31年4月3日", date(2019, 4, 3)), ("民國113/3/13", date(2024, 3, 13)),
        ("民國113年3月13日", date(2024, 3, 13)), ("13 במרץ 2024", date(2024, 3, 13)),
        ("13 בפברואר 2024", date(2024, 2, 13)), ("13 फरवरी 2024", date(2024, 2, 13)),
        ("13 फ़र॰ 2024", date(2024, 2, 13)), ("13 Şub 2024", date(2024, 2, 13)),
        ("13 กุมภาพันธ์ 2567", date(2024, 2, 13)), ("3 رمضان 1445", date(2024, 3, 13)),
        ("24 بهمن 1402", date(2024, 2, 13)), ("13 de febrer del 2024", date(2024, 2, 13)),
        ("13 février 2024", date(2024, 2, 13)), ("13 lutego 2024", date(2024, 2, 13)),
        ("13 лютого 2024 р.", date(2024, 2, 13)), ("2024. február 13.", date(2024, 2, 13)),
        ("13. helmikuuta 2024", date(2024, 2, 13)), ("13 Φεβρουαρίου 2024", date(2024, 2, 13)),
        ("13 veljače 2024", date(2024, 2, 13)), ("13 Feabhra 2024", date(2024, 2, 13)),
        ("13 ফেব্রুয়ারি 2024", date(2024, 2, 13)), ("১৩/২/২৪", date(2024, 2, 13)),
        ("13 பிப்ரவரி 2024", date(2024, 2, 13)), ("13-Feb-24", date(2024, 2, 13)),
        ("2024 mar 13", date(2024, 3, 13)), ("2024年3月13日", date(2024, 3, 13)),
    ],
)  # fmt: skip
def test_calendars_and_names_of_months_are_read(written, day):
    assert read(f"{written}, 10:15 - Nia: hi").messages[0].at.date() == day
    assert read(f"[{written}, 10:15:00] Nia: hi").messages[0].at.date() == day


def test_the_first_days_of_persian_years_agree_with_icu():
    on_the_twentieth = {1387, 1391, 1395, 1399, 1403, 1407, 1408, 1411, 1412, 1415, 1416, 1419}
    for year in range(1384, 1420):
        assert to_date(year, 1, 1) == date(year + 621, 3, 20 if year in on_the_twentieth else 21)
    assert to_date(1402, 12, 30) is None
    assert to_date(1403, 13, 1) is None


def test_years_of_the_hijra_follow_one_another_without_a_gap():
    days = [to_date(year, month, 1) for year in range(1420, 1500) for month in range(1, 13)]
    assert {(after - before).days for before, after in pairwise(days)} == {
        29,
        30,
    }
    assert to_date(1446, 1, 1) == date(2024, 7, 7)
    assert to_date(1447, 9, 1) == date(2026, 2, 18)


@pytest.mark.parametrize("written", ["01.02.23", "01-02-23", "1.2.2023"])
def test_dots_and_dashes_mean_the_day_first(written):
    chat = read(f"{written}, 10:15 - Nia: hi")
    assert chat.messages[0].at.date() == date(2023, 2, 1)
    assert chat.report.order_confidence == "by_separator"


def test_evidence_outweighs_dots():
    assert read("01.13.23, 10:15 - Nia: hi").messages[0].at.date() == date(2023, 1, 13)


def test_a_reading_after_today_is_impossible():
    chat = read("01/12/24, 10:15 - Nia: hi", today=date(2024, 2, 1))
    assert chat.messages[0].at == datetime(2024, 1, 12, 10, 15, tzinfo=UTC)
    assert chat.report.order_confidence == "certain"


def test_readings_show_a_line_on_which_they_differ():
    with pytest.raises(AmbiguousDates) as refusal:
        read("02/02/23, 10:00 - Nia: same", "03/02/23, 10:00 - Olo: other", "tail")
    assert [(each["line"], each["line_at"]) for each in refusal.value.facts["readings"]] == [
        ("03/02/23, 10:00 - Olo: other", "2023-02-03"),
        ("03/02/23, 10:00 - Olo: other", "2023-03-02"),
    ]


def test_a_word_that_is_no_month_makes_no_header():
    with pytest.raises(UnrecognisedFormat):
        read("13 Blorb 2024, 10:15 - Nia: hi")


def test_korean_and_japanese_years_of_two_digits_stand_first():
    chat = read("24. 2. 13. 오전 10:15 - Nia: a", "24. 2. 13. 오후 10:16 - Olo: b")
    assert [f"{m.at:%Y-%m-%d %H:%M}" for m in chat.messages] == [
        "2024-02-13 10:15", "2024-02-13 22:16",
    ]  # fmt: skip


def test_years_of_two_digits_that_seem_to_stand_first_are_asked_about():
    lines = [f"24-02-{day}, 10:15 - Nia: a" for day in (13, 14, 15)]
    with pytest.raises(AmbiguousDates) as refusal:
        read(*lines)
    assert [r["date_order"] for r in refusal.value.facts["readings"]] == ["dmy", "ymd"]
    assert read(*lines, date_order=DateOrder.YMD).messages[-1].at.day == 15


def test_a_reading_without_any_day_is_not_offered():
    with pytest.raises(AmbiguousDates) as refusal:
        read("13/02/2094, 10:15 - Nia: a", "14/02/2094, 10:15 - Olo: b")
    assert [r["date_order"] for r in refusal.value.facts["readings"]] == ["dmy"]
    assert refusal.value.facts["readings"][0]["line_at"] == "2094-02-13"
