"""The shapes a message header takes in the exports of the world, as tables and one algorithm.

`sniff` looks at a sample with one generous expression, takes the commonest shape, and
compiles a narrow expression for that shape alone: about three times as fast as the generous
one. A new locale is a new row in a table.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import time, tzinfo

# Characters that only steer the direction of text; WhatsApp sprinkles them over headers.
MARKS = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
SPACES = " \u00a0\u202f\u2009\u2007"

_SAMPLE_CHARS_MAX = 1_000_000
_SAMPLE_HEADERS_MAX = 1_000

# Every repetition is bounded, so that no file makes an expression backtrack for long.
_MARK = f"[{MARKS}]{{0,3}}"
_SPACE = f"[{SPACES}]"

# Morning and afternoon, language by language: the spellings are expressions, matched without
# regard to case. The third column is a midday word: 11 and 12 o'clock, then 1 after noon.
_MERIDIEMS: tuple[tuple[str, str, str | None], ...] = (
    (rf"a\.?{_SPACE}?m\.?", rf"p\.?{_SPACE}?m\.?", None),
    ("上午|凌晨|清晨|早上", "下午|晚上|傍晚", "中午"),
    ("午前", "午後", None),
    ("오전", "오후", None),
    ("ص", "م", None),
    (r"ق\.ظ\.?", r"ب\.ظ\.?", None),
    (r"लुप|पूर्वाह्न|सुबह", "अपराह्न|शाम", "दोपहर"),
    ('לפנה["״]צ', 'אחה["״]צ', None),
    ("ก่อนเที่ยง", "หลังเที่ยง", None),
    (r"π\.μ\.", r"μ\.μ\.", None),
    ("öö", "ös", None),
    ("SA", "CH", None),
    (r"de\.", r"du\.", None),
    (r"vm\.", r"nm\.", None),
    (r"fm\.?", r"em\.?", None),
    (r"PG", "PTG", None),
    (r"e paradites", "e pasdites", None),
)

# Words some locales put between the date and the time.
_JOIN_WORDS = ("klo", r"kl\.?", "à", "às", "om", "at", "um", "em", "alle", "в", "lúc", "a las")

_ANY_MERIDIEM = "(?i:" + "|".join(p for row in _MERIDIEMS for p in row if p is not None) + ")"
_DATE = (
    rf"\d{{1,4}}{_MARK}(?:[/.\-]{_SPACE}?|年{_SPACE}?|년{_SPACE}?){_MARK}"
    rf"\d{{1,2}}{_MARK}(?:[/.\-]{_SPACE}?|月{_SPACE}?|월{_SPACE}?){_MARK}"
    rf"\d{{1,4}}(?:\.(?=[,{SPACES}\]])|日|일|{_SPACE}?г\.)?"
)
_CLOCK = (
    rf"\d{{1,2}}(?:[:.]|{_SPACE}?h{_SPACE}?)\d{{2}}(?:(?:[:.]|{_SPACE}?min{_SPACE}?)\d{{2}})?"
    rf"(?:{_SPACE}?(?:s|ч\.|Uhr)(?=[{SPACES}\],]))?"
)
_TIME = rf"(?:{_ANY_MERIDIEM}{_SPACE}?)?{_CLOCK}(?:{_SPACE}?{_ANY_MERIDIEM})?"
_JOIN = (
    rf"{_MARK}[,،、]?{_MARK}(?:{_SPACE}{{1,2}}(?:{'|'.join(_JOIN_WORDS)}))?,?{_SPACE}{{1,2}}{_MARK}"
)
_TIME_FIRST_JOIN = rf"{_MARK}[,،]?{_SPACE}{{1,2}}"
_CLOSE = rf"(?P<close>{_MARK}\]|{_MARK}{_SPACE}[-–—](?={_SPACE})|:(?= ))"
_ANY_HEADER = re.compile(
    rf"\n{_MARK}(?P<open>\[?){_MARK}"
    rf"(?:(?P<date>{_DATE})(?P<join>{_JOIN})(?P<time>{_TIME})"
    rf"|(?P<time2>{_TIME})(?P<join2>{_TIME_FIRST_JOIN})(?P<date2>{_DATE}))"
    rf"{_CLOSE}",
)

# What stands between an author and the text, in the order it is looked for.
_AUTHOR_ENDS = (": ", ":", "：")
_AUTHOR_LINE = re.compile(r"[^:：\n]{1,255}(?P<end>: |:(?=\S)|：)")

_NUMBERS = re.compile(r"\d+")
_AM, _PM, _MIDDAY = (
    re.compile("|".join(row[i] or "(?!)" for row in _MERIDIEMS), re.IGNORECASE) for i in range(3)
)


@dataclass(frozen=True, slots=True)
class Layout:
    """One export's header: `pattern` splits a text that begins with a newline into
    (before, date, time, rest, date, time, rest, …), or with `time_first` time before date."""

    name: str
    pattern: re.Pattern[str]
    time_first: bool
    author_end: str


def sniff(text: str) -> Layout | None:
    """The layout of most headers near the start of `text`; None if there is no header.

    `text` begins with a newline.
    """
    shapes: Counter[str] = Counter()
    examples: dict[str, re.Match[str]] = {}
    ends: Counter[str] = Counter()
    for found in _ANY_HEADER.finditer(text, 0, _SAMPLE_CHARS_MAX):
        shape = _shape(found)
        shapes[shape] += 1
        examples.setdefault(shape, found)
        if author := _AUTHOR_LINE.match(text, found.end() + 1):
            ends[author["end"]] += 1
        if shapes.total() == _SAMPLE_HEADERS_MAX:
            break
    if not shapes:
        return None
    shape = shapes.most_common(1)[0][0]
    return Layout(
        name=_name(examples[shape]),
        pattern=re.compile(shape),
        time_first=examples[shape]["time"] is None,
        author_end=max(_AUTHOR_ENDS, key=lambda end: ends[end]),
    )


def foreign_headers(body: str, layout: Layout) -> int:
    """How many lines inside `body` look like a header, but of another layout than the file's."""
    return sum(
        layout.pattern.match(body, found.start()) is None for found in _ANY_HEADER.finditer(body)
    )


def read_clock(written: str, tz: tzinfo) -> time | None:
    """The time of day that `written` means, meridiem included; None if there is no such time."""
    try:
        # Nearly every time is of this kind: "22:15" or "22:15:07".
        hour, minute, second = (*map(int, written.split(":")), 0)[:3]
        return time(hour, minute, second, 0, tz)
    except ValueError:
        return _read_spelled_clock(written, tz)


def _read_spelled_clock(written: str, tz: tzinfo) -> time | None:
    hour, minute, second = (*(int(n) for n in _NUMBERS.findall(written)), 0)[:3]
    if hour <= 12:
        hour = _hour_of_day(hour, _NUMBERS.sub("", written))
    try:
        return time(hour, minute, second, 0, tz)
    except ValueError:
        return None


def _hour_of_day(hour: int, word: str) -> int:
    if _MIDDAY.search(word):
        return hour if hour >= 11 else hour + 12
    if _AM.search(word):
        return hour % 12
    if _PM.search(word):
        return hour % 12 + 12
    return hour


def _name(header: re.Match[str]) -> str:
    family = "ios" if header["open"] or header["close"] == ":" else "android"
    written = header["time"] or header["time2"]
    return f"{family}-{'12h' if _meridiem_rows(written) else '24h'}"


def _shape(header: re.Match[str]) -> str:
    """The expression for headers written like this one."""
    date_group = f"({_date_shape(header['date'] or header['date2'])})"
    time_group = f"({_time_shape(header['time'] or header['time2'])})"
    if header["time"] is None:
        body = time_group + _literal(header["join2"]) + date_group
    else:
        body = date_group + _literal(header["join"]) + time_group
    opening = r"\[" + _MARK if header["open"] else ""
    # "Bob:" with nothing behind it may have lost its space too, so the last one is optional.
    closing = _literal(header["close"]) + f"{_SPACE}?"
    return rf"\n{_MARK}{opening}{body}{closing}"


def _date_shape(written: str) -> str:
    pieces = re.split(r"(\d+)", written)
    return "".join(_digits(piece) if piece.isdigit() else _literal(piece) for piece in pieces)


def _digits(sample: str) -> str:
    digit = "[0-9]" if sample.isascii() else r"\d"
    return f"{digit}{{4}}" if len(sample) == 4 else f"{digit}{{1,2}}"


def _time_shape(written: str) -> str:
    rows = _meridiem_rows(written)
    clock = re.search(r"\d.*\d", written)
    assert clock is not None  # noqa: S101 - every match of _TIME holds a clock; for the type checker.
    digits = "".join(
        _digits(piece) if piece.isdigit() else _literal(piece)
        for piece in re.split(r"(\d+)", clock[0])
    )
    before, after = written[: clock.start()], written[clock.end() :]
    if not rows:
        return _literal(before) + digits + _literal(after)
    words = "|".join(p for row in rows for p in row if p is not None)
    if _meridiem_rows(before):
        return f"(?i:{words}){_SPACE}?{digits}{_literal(after)}"
    return f"{digits}{_SPACE}?(?i:{words})"


def _meridiem_rows(written: str) -> list[tuple[str, str, str | None]]:
    word = re.sub(r"\d.*\d", "", written).strip(SPACES)
    return [
        row
        for row in _MERIDIEMS
        if any(p is not None and re.fullmatch(p, word, re.IGNORECASE) for p in row)
    ]


def _literal(written: str) -> str:
    """`written` as an expression in which spaces are alike and direction marks optional."""
    shape: list[str] = []
    for char in written:
        if char in SPACES:
            shape.append(_SPACE)
        elif char in MARKS:
            shape.append(_MARK)
        else:
            shape.append(re.escape(char))
    return "".join(shape)
