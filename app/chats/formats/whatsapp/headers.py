"""The shapes a message header takes in the exports of the world, as tables and one algorithm.

`sniff` looks at a sample with one generous expression, takes the commonest shape, and
compiles a narrow expression for that shape alone: about three times as fast as the generous
one. A new locale is a new row in a table.
"""

import re
from collections import Counter
from dataclasses import dataclass

from app.chats.formats.whatsapp.calendars import is_month
from app.chats.formats.whatsapp.clocks import SPACES, is_period, periods_beside

# Characters that only steer the direction of text, or have no width; WhatsApp and those who
# pass an export on sprinkle them over headers.
MARKS = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b\u2060"

# Before a header and inside it any other character without a width may stand, too; in bodies
# they belong to emoji and to letters.
_UNSEEN = (
    MARKS + "\u00ad\u034f\u115f\u1160\u180b-\u180f\u200c\u200d\u2061-\u2064\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\uffa0\ufff9-\ufffb\ufffd\x01-\x08\x0e-\x1b\x7f"
)
_BLANKS = f"{SPACES}\t\u2002\u2003\u2800\u3000"

_SAMPLE_CHARS_MAX = 1_000_000
_SAMPLE_HEADERS_MAX = 1_000

# Every repetition is bounded, so that no file makes an expression backtrack for long.
_MARK = f"[{_UNSEEN}]{{0,3}}"
_LEAD = f"[{_UNSEEN}]{{0,9}}"
_INDENT = f"[{_UNSEEN}{_BLANKS}]{{0,16}}"
_SPACE = f"[{SPACES}]"

# Words some locales put between the date and the time.
_JOIN_WORDS = (
    "klo", r"kl\.?", "à", "às", "om", "at", "um", "em", "alle", "ore", "в", "о", "во", "u", "ob",
    "lúc", "a las", "o godz", "საათზე",
)  # fmt: skip

_YEAR = rf"(?:(?:令和|平成|民國|民国|[RH]){_SPACE}?)?\d{{1,4}}"
# 2567 BE, 1445 هـ, 1402 of the Persian calendar, and the "year" of Bulgarian and Russian.
_AFTER_DATE = (
    rf"(?:\.(?=[,{SPACES}\]])|日|일|{_SPACE}?(?:г\.?|р\.?|г\.в\.)(?=[,{SPACES}\]])"
    rf"|{_SPACE}?(?:BE|B\.E\.|พ\.ศ\.|AH|AP|CE|AD|هـ|ه‍\.ش\.|ه\.ش\.?))?"
)
_BEFORE_DATE = rf"(?:(?:AP|พ\.ศ\.|西元|公元){_SPACE}?)?"
_NUMERIC_DATE = (
    rf"{_BEFORE_DATE}{_YEAR}{_MARK}(?:[/.\-]{_SPACE}?|年{_SPACE}?|년{_SPACE}?){_MARK}"
    rf"\d{{1,2}}{_MARK}(?:[/.\-]{_SPACE}?|月{_SPACE}?|월{_SPACE}?){_MARK}"
    rf"{_YEAR}{_AFTER_DATE}"
)
_WORD = r"[^\W\d_][^\d\s,/\-:\[\]<>]{1,15}"
_OF = rf"(?:de{_SPACE}|del{_SPACE}|d['’])?"
_NAMED_DATE = (
    rf"\d{{1,4}}[.,]?[{SPACES}\-]?{_OF}{_WORD}[.,]{{0,2}}[{SPACES}\-]?{_OF}\d{{1,4}}{_AFTER_DATE}"
    rf"|{_WORD}{_SPACE}\d{{1,2}},?{_SPACE}\d{{4}}"
)
_DATE = rf"(?:{_NUMERIC_DATE}|{_NAMED_DATE})"
_CLOCK = (
    rf"\d{{1,2}}(?:[:.]|{_SPACE}?h{_SPACE}?)\d{{2}}(?:(?:[:.]|{_SPACE}?min{_SPACE}?)\d{{2}})?"
    rf"(?:{_SPACE}?(?:s|h|ч\.|Uhr|น\.?)(?=[{SPACES}\],]|$))?"
)
# A word for a part of the day; which one it is, `clocks` tells.
_PERIOD = r"['’]?[^\W\d_][^\d\n,<>\[\]]{0,22}?"
_TIME = rf"(?:{_PERIOD}{_SPACE}?)?{_CLOCK}(?:{_SPACE}?{_PERIOD})?"
_JOIN = (
    rf"{_MARK}[,،、]?{_MARK}(?:{_SPACE}{{1,2}}(?:{'|'.join(_JOIN_WORDS)})"
    rf"(?=,?{_SPACE}{{1,2}}{_MARK}\d))?(?:,?{_SPACE}{{1,2}}|(?<=[,،、])){_MARK}"
)
_TIME_FIRST = rf"{_CLOCK}(?:{_SPACE}?{_PERIOD})?"
_TIME_FIRST_JOIN = rf"{_MARK}[,،]?{_SPACE}{{1,2}}"
_CLOSE = rf"(?P<close>{_MARK}\]|{_MARK}{_SPACE}[-–—‐‑−]{_MARK}(?={_SPACE})|:(?= ))"
_ANY_HEADER = re.compile(
    rf"\n(?P<indent>{_INDENT})(?P<open>\[?){_MARK}"
    rf"(?:(?P<date>{_DATE})(?P<join>{_JOIN})(?P<time>{_TIME})"
    rf"|(?P<time2>{_TIME_FIRST})(?P<join2>{_TIME_FIRST_JOIN})(?P<date2>{_DATE}))"
    rf"{_CLOSE}",
)
# A header but for words between its time and its end, which no table knows, or for what stands
# before it.
_LIKE_HEADER = re.compile(
    rf"[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]{_INDENT}\[?{_MARK}{_NUMERIC_DATE}{_JOIN}(?:[^\n\d\[\]]{{1,24}})?{_CLOCK}"
    rf"[^\n\[\]]{{0,24}}?(?:\]|{_SPACE}[-–—]{_SPACE})"
)

_ASCII_DIGITS = str.maketrans("123456789", "0" * 9)
_AUTHOR_LINE = re.compile(r"[^:：\n]{1,255}(?P<end>: |:(?=\S)|：)")


@dataclass(frozen=True, slots=True)
class Layout:
    """One export's header: `pattern` splits a text that begins with a newline into
    (before, date, time, rest, date, time, rest, …), or with `time_first` time before date."""

    name: str
    pattern: re.Pattern[str]
    time_first: bool
    author_end: str

    @property
    def is_ios(self) -> bool:
        """Each line has an author, be it a person, a group or WhatsApp itself."""
        return self.name.startswith("ios")

    @property
    def signs_notices(self) -> bool:
        """Notices have an author, too: not yet on iOS before its headers had brackets."""
        return self.is_ios and r"\[" in self.pattern.pattern


def has_header(text: str) -> bool:
    """`sniff` finds a layout in `text`, which begins with a newline."""
    found = _ANY_HEADER.finditer(text, 0, _SAMPLE_CHARS_MAX)
    return any(_shape(header) is not None for header in found)


def sniff(text: str) -> Layout | None:
    """The layout of most headers near the start of `text`; None if there is no header.

    `text` begins with a newline.
    """
    shapes: Counter[str] = Counter()
    examples: dict[str, re.Match[str]] = {}
    ends: Counter[str] = Counter()
    shape_of: dict[str, str | None] = {}
    for found in _ANY_HEADER.finditer(text, 0, _SAMPLE_CHARS_MAX):
        # Headers that differ in the digits alone have one shape.
        undated = found[0].translate(_ASCII_DIGITS)
        if undated not in shape_of:
            shape_of[undated] = _shape(found)
        if (shape := shape_of[undated]) is None:
            continue
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
        author_end=_author_end(ends),
    )


def _author_end(ends: Counter[str]) -> str:
    """What stands between author and text. A colon in a notice counts as one without a space,
    so that it takes many of those to outweigh the usual one."""
    if ends[": "] * 4 >= ends[":"] + ends["："]:
        return ": "
    return ":" if ends[":"] >= ends["："] else "："


def foreign_headers(body: str, layout: Layout) -> int:
    """How many lines inside `body` look like a header, but of another layout than the file's."""
    return sum(
        layout.pattern.match(body, found.start()) is None for found in _LIKE_HEADER.finditer(body)
    )


def _name(header: re.Match[str]) -> str:
    family = "ios" if header["open"] or header["close"] == ":" else "android"
    written = header["time"] or header["time2"]
    clock = re.sub(_CLOCK, "", written).strip(SPACES)
    return f"{family}-{'12h' if clock else '24h'}"


def _shape(header: re.Match[str]) -> str | None:
    """The expression for headers written like this one; None if its date or time is none."""
    date_shape = _date_shape(header["date"] or header["date2"])
    time_shape = _time_shape(header["time"] or header["time2"])
    if date_shape is None or time_shape is None:
        return None
    date_group, time_group = f"({date_shape})", f"({time_shape})"
    if header["time"] is None:
        body = time_group + _literal(header["join2"]) + date_group
    else:
        body = date_group + _literal(header["join"]) + time_group
    opening = r"\[" + _MARK if header["open"] else ""
    # "Bob:" with nothing behind it may have lost its space too, so the last one is optional.
    closing = _literal(header["close"]) + f"{_SPACE}?"
    lead = _INDENT if re.search(f"[{_BLANKS}]", header["indent"]) else _LEAD
    return rf"\n{lead}{opening}{body}{closing}"


_DATE_PIECES = re.compile(rf"(\d+|{_WORD})")


def _date_shape(written: str) -> str | None:
    shape: list[str] = []
    numbers = names = 0
    for piece in _DATE_PIECES.split(written):
        if piece.isdigit():
            numbers += 1
            shape.append(_digits(piece))
        elif len(piece) > 1 and piece[0].isalpha() and is_month(piece):
            names += 1
            shape.append(_WORD)
        else:
            shape.append(_literal(piece))
    # A short word may be a month with its full stop or without: May, Jun, Sept.
    return "".join(shape).replace(_WORD + r"\.", _WORD) if numbers + names == 3 else None


def _digits(sample: str) -> str:
    digit = "[0-9]" if sample.isascii() else r"\d"
    return {4: f"{digit}{{4}}", 3: f"{digit}{{2,3}}"}.get(len(sample), f"{digit}{{1,2}}")


def _time_shape(written: str) -> str | None:
    """None where a word stands beside the clock that no table knows."""
    clock = re.search(_CLOCK, written)
    assert clock is not None  # noqa: S101 - every match of _TIME holds a clock; for the type checker.
    digits = "".join(
        _digits(piece) if piece.isdigit() else _literal(piece)
        for piece in re.split(r"(\d+)", clock[0])
    )
    before, after = written[: clock.start()].strip(SPACES), written[clock.end() :].strip(SPACES)
    if not before and not after:
        return digits
    word = before or after
    if not is_period(word) or (before and after):
        return None
    words = periods_beside(word)
    return f"{words}{_SPACE}?{digits}" if before else f"{digits}{_SPACE}?{words}"


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
