"""An export cut into entries: everything that has a header of its own, and the time it has."""

import re
from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import chain, compress, islice, takewhile
from operator import lt

from app.chats.formats.text import Text
from app.chats.formats.times import midnight
from app.chats.formats.whatsapp.clocks import read_clock
from app.chats.formats.whatsapp.dates import DateReading, read_dates
from app.chats.formats.whatsapp.headers import Layout
from app.chats.formats.whatsapp.notices import is_notice
from app.chats.transcript import EXAMPLE_CHARS_MAX, EXAMPLES_MAX, DateOrder, Example, ExampleKind

# So much later than it was written a message may arrive without a word of doubt.
_LATE_MAX = timedelta(hours=1)
# So many lines of a chat are pasted into it at most; one line only if no burst of media or short
# answers has it twice in a minute.
_PASTED_MAX, _LONG_LINE_CHARS, _ANEW_MIN = 30, 40, 3
# So many entries that run back in time are looked for, in so many on each side.
_LATE_LOOKED_AT_MAX, _NEAR_MAX = 1_000, 40
# Parts of the day in languages that write the year first, Korean and Japanese.
_YEAR_FIRST = re.compile("오[전후]|午[前後]")


@dataclass(slots=True)
class Entries:
    """The entries in file order: their times, and what follows their headers.

    `inside` says how many lines of each that look like a header were left in its text; it is
    empty where there are none. `preamble` are the lines before the first header. `repeated` stand
    in the file before, as another export has them.
    """

    ats: list[datetime]
    rests: list[str]
    reading: DateReading
    preamble: list[str]
    inside: list[int] = field(default_factory=list[int])
    impossible: int = 0
    repeated: int = 0
    merged_lines: list[int] = field(default_factory=list[int])
    examples: list[Example] = field(default_factory=list[Example])


def read_entries(
    text: Text, layout: Layout, *, declared: DateOrder | None, tz: tzinfo, today: date
) -> Entries:
    """The entries of `text`. Raises AmbiguousDates."""
    preamble, days_written, clocks_written, rests = _split(text, layout)

    def line_of(index: int) -> str:
        headers = chain.from_iterable(map(layout.pattern.finditer, text.parts()))
        header = next(islice(headers, index, None))
        return header.string[header.start() + 1 :].partition("\n")[0][:EXAMPLE_CHARS_MAX]

    clocks = set(clocks_written)
    is_year_first = any(map(_YEAR_FIRST.search, clocks))
    reading = read_dates(
        days_written, declared=declared, today=today, line_of=line_of, is_year_first=is_year_first
    )
    begins = {written: midnight(day, tz) for written, day in reading.days.items()}
    steps = {written: _step(read_clock(written, tz)) for written in clocks}
    ats = _times(days_written, clocks_written, begins, steps)
    certain = [at for at in ats if at is not None]
    entries = Entries(certain, rests, reading, preamble)
    again = list(_repeated_runs(certain, rests)) if len(certain) == len(ats) else []
    pasted = {index for run in again if len(run) <= _PASTED_MAX for index in run}
    entries.repeated = sum(map(len, again)) - len(pasted)
    if pasted or len(certain) != len(ats) or not _are_all_genuine(certain, rests, layout):
        _merge(entries, text.whole(), layout, ats, _genuine(ats, rests, layout, pasted))
    for number, line in enumerate(entries.preamble, 1):
        if line.strip():
            _show(entries, "unparsed_line", number, line)
    return entries


def author_of(rest: str, layout: Layout) -> str | None:
    """What stands before the first colon of the first line; None if there is none."""
    first = rest.partition("\n")[0]
    name, end, _ = first.partition(layout.author_end)
    if end:
        return name
    return first[:-1] if first.endswith(":") else None


def _split(text: Text, layout: Layout) -> tuple[list[str], list[str], list[str], list[str]]:
    """A part at a time: the pieces of a whole file are several times as large as the file."""
    days: list[str] = []
    clocks: list[str] = []
    rests: list[str] = []
    preamble: list[str] = []
    known: dict[str, str] = {}
    shared = known.setdefault
    for part in text.parts():
        pieces = layout.pattern.split(part)
        if not rests:
            preamble += pieces[0].split("\n")[1:]
        elif pieces[0]:
            rests[-1] += pieces[0]
        firsts, seconds = pieces[1::3], pieces[2::3]
        if layout.time_first:
            firsts, seconds = seconds, firsts
        # The same few thousand strings over and over: one of each is kept.
        days += map(shared, firsts, firsts)
        clocks += map(shared, seconds, seconds)
        rests += pieces[3::3]
    return preamble, days, clocks, rests


def _times(
    days_written: Sequence[str],
    clocks_written: Sequence[str],
    begins: Mapping[str, datetime | None],
    steps: Mapping[str, timedelta | None],
) -> list[datetime | None]:
    return [
        None if (begin := begins[d]) is None or (step := steps[c]) is None else begin + step
        for d, c in zip(days_written, clocks_written, strict=True)
    ]


def _step(clock: time | None) -> timedelta | None:
    return clock and timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)


def _are_all_genuine(ats: Sequence[datetime], rests: Sequence[str], layout: Layout) -> bool:
    """Time never runs far backwards, or only under names that wrote before it first did.

    What `_genuine` would find too, without its two passes.
    """
    late = [
        index
        for index, is_late in enumerate(map(lt, ats[1:], ats), 1)
        if is_late and ats[index - 1] - ats[index] > _LATE_MAX
    ]
    if not late:
        return True
    known = {rest.partition(layout.author_end)[0] for rest in rests[: late[0]]}
    return all(author_of(rests[index], layout) in known for index in late)


def _repeated_runs(ats: Sequence[datetime], rests: Sequence[str]) -> Iterator[range]:
    """Entries that stand in the file already, where time runs back to them: a few lines that a
    person has pasted, or many of another export. One that begins anew is none."""
    late = [index for index, is_late in enumerate(map(lt, ats[1:], ats), 1) if is_late]
    if len(late) > _LATE_LOOKED_AT_MAX:
        late = [n for n in late if ats[n - 1] - ats[n] > _LATE_MAX][:_LATE_LOOKED_AT_MAX]
    end = 0
    for index in late:
        place = _place_before(ats, rests, index)
        if index < end or place is None:
            continue
        end = index + _alike(ats, rests, place, index)
        lines = {_first_line(rest) for rest in rests[index:end]}
        is_telling = len(lines) > 1 or len(max(lines)) > _LONG_LINE_CHARS
        is_anew = place == 0 and end - index >= min(_ANEW_MIN, index)
        if is_telling and not is_anew:
            yield range(index, end)


def _place_before(ats: Sequence[datetime], rests: Sequence[str], index: int) -> int | None:
    """Where the entry at `index` stands already; it is looked for among its neighbours in time."""
    near = bisect_left(ats, ats[index], 0, index)
    line = _first_line(rests[index])
    for place in range(max(0, near - _NEAR_MAX), min(index, near + _NEAR_MAX)):
        if ats[place] == ats[index] and _first_line(rests[place]) == line:
            return place
    return None


def _alike(ats: Sequence[datetime], rests: Sequence[str], place: int, other: int) -> int:
    """How many entries from `other` on are as those from `place` on."""
    return sum(
        1
        for _ in takewhile(
            lambda n: (
                ats[place + n] == ats[other + n]
                and _first_line(rests[place + n]) == _first_line(rests[other + n])
            ),
            range(min(other - place, len(ats) - other)),
        )
    )


def _first_line(rest: str) -> str:
    return rest.partition("\n")[0]


def _genuine(
    ats: Sequence[datetime | None], rests: Sequence[str], layout: Layout, pasted: Container[int]
) -> list[bool]:
    """Which headers are the export's own, and which stand inside a person's text: those that are
    `pasted`, and others.

    A pasted header gives itself away by running back in time under a name that writes
    nowhere in order. The first pass learns the names, so that a late delivery is kept
    although its author had not written before.
    """
    names = [author_of(rest, layout) for rest in rests]
    known: set[str] = set()
    verdicts: list[bool] = []
    for _ in range(2):
        verdicts = []
        latest: datetime | None = None
        for index, (at, name, rest) in enumerate(zip(ats, names, rests, strict=True)):
            is_genuine = (
                at is not None
                and index not in pasted
                and (
                    latest is None
                    or latest - at <= _LATE_MAX
                    or (name in known if name is not None else is_notice(rest))
                )
            )
            verdicts.append(is_genuine)
            if is_genuine:
                latest = at
                if name is not None:
                    known.add(name)
    if verdicts.count(True) * 2 < len(verdicts):
        return [at is not None for at in ats]  # Two exports in one file, not pasted lines.
    return verdicts


def _merge(
    entries: Entries,
    text: str,
    layout: Layout,
    ats: Sequence[datetime | None],
    genuine: Sequence[bool],
) -> None:
    """Leaves the headers that are not genuine in the text of the entry before, as written."""
    spans = [found.span() for found in layout.pattern.finditer(text)]
    kept = list(compress(spans, genuine))
    first = kept[0][0] if kept else len(text)
    entries.preamble[:] = text[:first].split("\n")[1:]
    ends = [*(start for start, _ in kept), len(text)][1:]
    entries.ats = [at for at in compress(ats, genuine) if at is not None]
    entries.rests = [text[after:end] for (_, after), end in zip(kept, ends, strict=True)]
    entries.inside = [0] * len(kept)
    at_entry, line, counted = -1, 0, 0
    for (start, _), at, is_genuine in zip(spans, ats, genuine, strict=True):
        if is_genuine:
            at_entry += 1
            continue
        line, counted = line + text.count("\n", counted, start + 1), start + 1
        if at_entry < 0:
            continue  # A line before the first header, and told as such.
        if at is None:
            entries.impossible += 1
        else:
            entries.merged_lines.append(line)
        entries.inside[at_entry] += 1
        _show(entries, "unparsed_line" if at is None else "merged_header", line, text[start + 1 :])


def _show(entries: Entries, kind: ExampleKind, line: int, text: str) -> None:
    if sum(shown.kind == kind for shown in entries.examples) < EXAMPLES_MAX:
        told = text[:EXAMPLE_CHARS_MAX].partition("\n")[0]
        entries.examples.append(Example(kind, line, told))
