"""When claims are true: recomputed from what was said, without a line of the product.

A headline states some of the values its finding states: a value that is not stated is not asked.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import groupby
from statistics import median
from typing import Any

from benchmarks.offline_quality.chat import Said
from benchmarks.offline_quality.reading import fits, is_share
from benchmarks.offline_quality.truth import Truth, is_after_hours

Evidence = list[Said]
V = dict[str, Any]
HOUR_S = 3600


def same(v: V, **true: object) -> bool:
    """Whether every stated value is the true one."""
    return all(v[name] == value for name, value in true.items() if name in v)


def near(v: V, slack: float, **true: float) -> bool:
    return all(abs(v[name] - value) <= slack for name, value in true.items() if name in v)


def spans(v: V, **true: float | None) -> bool:
    return all(fits(v[name], seconds) for name, seconds in true.items() if name in v)


def shares_of(v: V, **true: tuple[float, float]) -> bool:
    return all(is_share(v[name], *parts) for name, parts in true.items() if name in v)


def within(e: Evidence, allowed: Iterable[Said]) -> bool:
    return {each.number for each in e} <= {each.number for each in allowed}


def _top(t: Truth, v: V, count: Callable[[str], int]) -> bool:
    """`who` has most and `other` next, each as many as stated."""
    counts = {name: count(name) for name in t.people}
    ranked = sorted(counts.values(), reverse=True)
    mine = counts[v["who"]]
    if mine != ranked[0] or ("other" in v and counts[v["other"]] != ranked[1]):
        return False
    return same(v, count=mine, rest=counts.get(v.get("other", ""), 0))


def opened(t: Truth, v: V, e: Evidence) -> bool:
    total = len(t.conversations)
    return (
        _top(t, v, lambda name: len(t.opened(name)))
        and same(v, total=total)
        and shares_of(v, share=(len(t.opened(v["who"])), total))
        and ("total" not in v or within(e, [talk[0] for talk in t.conversations]))
    )


def opening_shift(t: Truth, v: V, e: Evidence) -> bool:
    starts = [talk[0] for talk in t.conversations]
    parts = _parted(starts, v["day"])
    mine = [sum(each.author == v["who"] for each in part) for part in parts]
    told = {"before": (mine[0], len(parts[0])), "since": (mine[1], len(parts[1]))}
    return shares_of(v, **told) and within(e, t.opened(v["who"]))


def _parted(said: Iterable[Said], day: Any) -> tuple[list[Said], list[Said]]:
    told = list(said)
    return [s for s in told if s.at.date() < day], [s for s in told if s.at.date() >= day]


def alone(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.alone(v["who"])
    return same(v, count=len(mine), day=mine[-1].at.date()) and within(e, mine)


def longest_silence(t: Truth, v: V, e: Evidence) -> bool:
    before, after = t.silences()[0]
    return (
        spans(v, span=(after.at - before.at).total_seconds())
        and same(v, since=before.at.date(), until=after.at.date(), who=after.author)
        and ("since" not in v or e == [before, after])
    )


def silences_ended(t: Truth, v: V, e: Evidence) -> bool:
    ends = [b for a, b in t.silences() if (b.at - a.at).total_seconds() >= 2 * 86_400]
    mine = [each for each in ends if each.author == v["who"]]
    return same(v, count=len(mine), total=len(ends)) and within(e, mine)


def last_message(t: Truth, v: V, e: Evidence) -> bool:
    last = [talk[-1] for talk in t.conversations]
    return (
        _top(t, v, lambda name: sum(each.author == name for each in last))
        and same(v, total=len(last))
        and within(e, last)
    )


def answers_within(t: Truth, v: V, e: Evidence) -> bool:
    who, other = v["who"], v["other"]
    medians = {name: t.reply_s(name) or 0 for name in t.people if len(t.replies(name)) >= 3}
    slow = v.get("slow", v["span"])
    return (
        medians[who] == min(medians.values())
        and medians[other] == max(medians.values())
        and spans(v, span=medians[who])
        and fits(slow, medians[other])
        and same(v, count=len(t.replies(who)), rest=len(t.replies(other)))
        and ("count" not in v or within(e, _exchanges(t, [who, other])))
    )


def _exchanges(t: Truth, people: Iterable[str]) -> list[Said]:
    return [each for who in people for pair in t.replies(who) for each in pair]


def pace_change(t: Truth, v: V, e: Evidence) -> bool:
    early = t.reply_s(v["who"], lambda said: said.at.date() < v["day"])
    late = t.reply_s(v["who"], lambda said: said.at.date() >= v["day"])
    return spans(v, before=early, since=late) and within(e, _exchanges(t, [v["who"]]))


def lets_wait(t: Truth, v: V, e: Evidence) -> bool:
    waits = {b.number: (b.at - a.at).total_seconds() for a, b in t.replies(v["who"])}
    slow = {number: wait for number, wait in waits.items() if wait > HOUR_S}
    longest = max(slow, key=lambda number: slow[number])
    return (
        same(v, count=len(slow), total=len(waits))
        and spans(v, span=slow[longest])
        and ("day" not in v or slow_on(t, slow, v))
        and ("day" not in v or within(e, _exchanges(t, [v["who"]])))
    )


def slow_on(t: Truth, slow: dict[int, float], v: V) -> bool:
    """Whether one of the longest waits ended on the day that is named."""
    most = max(slow.values())
    return any(t.by_number[n].at.date() == v["day"] for n, wait in slow.items() if wait == most)


def working_hours(t: Truth, v: V, e: Evidence) -> bool:
    pairs = [pair for name in t.people for pair in t.replies(name)]
    inside = [(b.at - a.at).total_seconds() for a, b in pairs if not is_after_hours(b.at)]
    outside = [(b.at - a.at).total_seconds() for a, b in pairs if is_after_hours(b.at)]
    return spans(v, span=median(inside), slow=median(outside))


def answers_whom(t: Truth, v: V, e: Evidence) -> bool:
    pairs = Counter((b.author, a.author) for name in t.people for a, b in t.replies(name))
    return same(v, count=pairs[v["who"], v["other"]]) and v["count"] == max(pairs.values())


def left_open(t: Truth, v: V, e: Evidence) -> bool:
    left = t.open_questions()
    last = left[-1]
    return (
        same(v, count=len(left), total=len(t.judged_questions()))
        and same(v, who=last.author, day=last.at.date())
        and ("quote" not in v or (v["quote"].rstrip("…") in last.text and within(e, left)))
    )


def left_one_open(t: Truth, v: V, e: Evidence) -> bool:
    return left_open(t, {**v, "count": 1}, e)


def asked(t: Truth, v: V, e: Evidence) -> bool:
    return _top(t, v, lambda name: len(t.questions(name))) and within(e, t.questions())


def reacted_soon(t: Truth, v: V, e: Evidence) -> bool:
    def parts(name: str) -> tuple[int, int]:
        mine = [each for each in t.judged_questions() if each.author == name]
        after = [(q, t.next_other(q)) for q in mine]
        soon = [q for q, said in after if said and (said.at - q.at).total_seconds() <= HOUR_S]
        return len(soon), len(mine)

    who = parts(v["who"])
    if not shares_of(v, share=who) or not same(v, count=who[1]):
        return False
    if "other" not in v:
        return True
    other = parts(v["other"])
    return shares_of(v, other_share=other) and same(v, rest=other[1]) and within(e, t.questions())


def first_to_react(t: Truth, v: V, e: Evidence) -> bool:
    reactions = [after for q in t.questions() if (after := t.next_other(q))]
    mine = [each for each in reactions if each.author == v["who"]]
    return same(v, count=len(mine), total=len(reactions)) and within(e, mine)


def takes_part(t: Truth, v: V, e: Evidence) -> bool:
    parts = {
        name: sum(any(each.author == name for each in talk) for talk in t.conversations)
        for name in t.people
    }
    total = len(t.conversations)
    return (
        shares_of(v, part=(parts[v["who"]], total))
        and parts[v["who"]] == max(parts.values())
        and ("other" not in v or parts[v["other"]] == min(parts.values()))
        and ("other" not in v or shares_of(v, least=(parts[v["other"]], total)))
        and same(v, total=total)
    )


def first_of_the_day(t: Truth, v: V, e: Evidence) -> bool:
    dawns = {each.at.date(): each for each in reversed(t.said)}.values()
    return (
        _top(t, v, lambda name: sum(each.author == name for each in dawns))
        and same(v, total=len(dawns))
        and shares_of(v, share=(sum(each.author == v["who"] for each in dawns), len(dawns)))
    )


def shares(t: Truth, v: V, e: Evidence) -> bool:
    total = len(t.said)
    return (
        _top(t, {k: v[k] for k in ("who", "other") if k in v}, lambda name: len(t.of(name)))
        and shares_of(v, part=(len(t.of(v["who"])), total))
        and ("other" not in v or shares_of(v, rest=(len(t.of(v["other"])), total)))
        and same(v, total=total)
    )


def quieter(t: Truth, v: V, e: Evidence) -> bool:
    before, since = _parted(t.of(v["who"]), v["day"])
    return same(v, before=len(before), since=len(since)) and within(e, t.of(v["who"]))


def words_each(t: Truth, v: V, e: Evidence) -> bool:
    who = v["who"]
    other = v.get("other", who)
    return (
        _top(t, v, t.words)
        and shares_of(v, share=(t.words(who), sum(map(t.words, t.people))))
        and near(v, 0.051, mean=t.words(who) / len(t.of(who)))
        and near(v, 0.051, other_mean=t.words(other) / len(t.of(other)))
    )


def in_a_row(t: Truth, v: V, e: Evidence) -> bool:
    runs = [list(group) for _, group in groupby(t.said, key=lambda each: each.author)]
    long = [run[0] for run in runs if len(run) >= 3]
    return _top(t, v, lambda name: sum(s.author == name for s in long)) and within(e, long)


def fullest_day(t: Truth, v: V, e: Evidence) -> bool:
    days = t.days()
    return (
        days[v["day"]] == v["count"] == max(days.values())
        and near(v, 0.051, mean=len(t.said) / len(days))
        and ("mean" not in v or all(each.at.date() == v["day"] for each in e))
    )


def longest_talk(t: Truth, v: V, e: Evidence) -> bool:
    most = max(map(len, t.conversations))
    return v["count"] == most and any(
        talk[0].at.date() == v["day"]
        and spans(v, span=(talk[-1].at - talk[0].at).total_seconds())
        and ("span" not in v or within(e, talk))
        for talk in t.conversations
        if len(talk) == most
    )


def streak(t: Truth, v: V, e: Evidence) -> bool:
    return v["count"] == t.streak_days() and (
        "since" not in v or (v["until"] - v["since"]).days + 1 == v["count"]
    )


def fullest_hour(t: Truth, v: V, e: Evidence) -> bool:
    hours = Counter(each.at.hour for each in t.said)
    start, end = (int(v[name].split(":")[0]) for name in ("start", "end"))
    return (
        hours[start] == max(hours.values())
        and end == (start + 1) % 24
        and shares_of(v, share=(hours[start], len(t.said)))
        and ("share" not in v or all(each.at.hour == start for each in e))
    )


def fullest_weekday(t: Truth, v: V, e: Evidence) -> bool:
    days = Counter(f"{each.at:%A}" for each in t.said)
    return days[v["weekday"]] == max(days.values()) and shares_of(
        v, share=(days[v["weekday"]], len(t.said))
    )


def named_weekday(t: Truth, v: V, e: Evidence) -> bool:
    return same(v, count=len(t.holding(v["word"]))) and (
        "count" not in v or within(e, t.holding(v["word"]))
    )


def times_of_day(t: Truth, v: V, e: Evidence) -> bool:
    timed = [s for s in t.said if re.search(r"(?<![\d:.])[012]?\d:[0-5]\d(?![\d:.])", s.text)]
    return same(v, count=len(timed), total=len(t.said)) and (
        "who" not in v or (v["mine"] == len(t.of(v["who"], timed)) and within(e, timed))
    )


def after_hours(t: Truth, v: V, e: Evidence) -> bool:
    outside = [each for each in t.said if is_after_hours(each.at)]
    return (
        same(v, count=len(outside), total=len(t.said))
        and shares_of(v, share=(len(outside), len(t.said)))
        and (v.get("count", 0) == 0 or within(e, outside))
    )


def after_hours_each(t: Truth, v: V, e: Evidence) -> bool:
    outside = [each for each in t.said if is_after_hours(each.at)]
    told = ((v["who"], v["total"], v["count"]), (v["other"], v["other_total"], v["rest"]))
    return all(
        (total, count) == (len(t.of(name)), sum(s.author == name for s in outside))
        for name, total, count in told
    ) and within(e, outside)


def after_hours_shift(t: Truth, v: V, e: Evidence) -> bool:
    return _share_shift(t, v, lambda said: is_after_hours(said.at))


def _share_shift(t: Truth, v: V, which: Callable[[Said], bool]) -> bool:
    halves = _parted(t.said, v["day"])
    told = [(sum(map(which, half)), len(half)) for half in halves]
    return shares_of(v, before=told[0], since=told[1])


def night_shift(t: Truth, v: V, e: Evidence) -> bool:
    return _share_shift(t, v, lambda said: said.at.hour >= 22 or said.at.hour < 6)


def a_week(t: Truth, v: V, e: Evidence) -> bool:
    early, late = _parted(t.said, v["day"])
    days = (v["day"] - early[0].at.date()).days, (late[-1].at.date() - v["day"]).days + 1
    return near(v, 0.051, before=len(early) / days[0] * 7, since=len(late) / days[1] * 7)


def length_shift(t: Truth, v: V, e: Evidence) -> bool:
    early, late = _parted(t.said, v["day"])
    means = [sum(t.words_of(each) for each in half) / len(half) for half in (early, late)]
    return near(v, 0.051, before=means[0], since=means[1])


def talk_shift(t: Truth, v: V, e: Evidence) -> bool:
    halves = _parted(t.said, v["day"])
    means = [
        len(half) / sum(any(s in half for s in talk) for talk in t.conversations) for half in halves
    ]
    return near(v, 0.051, before=means[0], since=means[1])


def greetings(t: Truth, v: V, e: Evidence) -> bool:
    said = t.saying(v["what"])[0]
    by = Counter(each.author for each in said)
    return same(v, count=len({each.at.date() for each in said}), total=len(t.days())) and (
        "who" not in v or ((by[v["who"]], len(said)) == (v["mine"], v["all"]) and within(e, said))
    )


def most_laughter(t: Truth, v: V, e: Evidence) -> bool:
    laughing = [[s for s in talk if "laughter" in s.sure] for talk in t.conversations]
    most = max(map(len, laughing))
    return v.get("count", most) == most and any(
        len(each) == most
        and ("count" not in v or within(e, each))
        and each[0].at.date() == v["day"]
        for each in laughing
    )


def said_by(t: Truth, v: V, e: Evidence) -> bool:
    """The form stands in so many messages of that person, counted as plain text."""
    mine = [each for each in t.of(v["who"]) if _holds(each, v["form"])]
    cited = [each for each in e if _holds(each, v["form"])]
    return len(mine) > 1 and same(v, count=len(mine)) and bool(cited)


def _holds(said: Said, form: str) -> bool:
    """Word by word, in capitals or not; signs as they are."""
    return _plain(form) in _plain(said.text) if _plain(form).strip() else form in said.text


def _plain(text: str) -> str:
    """Words in lower case between single spaces."""
    words = re.findall(r"[^\W_]+", text.lower())
    return f" {' '.join(words)} "


def returned(t: Truth, v: V, e: Evidence) -> bool | None:
    """Sure ones and possible ones bound how many there are."""
    sure, possible = t.saying("affection")
    return len(sure) <= v["total"] <= len(possible) and 0 < v["count"] < v["total"]


def media(t: Truth, v: V, e: Evidence) -> bool:
    return False  # No made-up chat holds a medium.


def fullest_period(t: Truth, v: V, e: Evidence) -> bool:
    return any(
        max(counts.values()) == v["count"]
        and same(v, total=len(t.said), periods=len(counts))
        and counts[_spaced(v["period"])] == v["count"]
        for counts in _calendars(t)
    )


def _calendars(t: Truth) -> Iterable[Counter[str]]:
    """Messages by month, by week and by day, under the names of these."""
    for named in (_month, _week, _day):
        yield Counter(map(named, t.said))


def _month(said: Said) -> str:
    return f"{said.at:%B %Y}"


def _week(said: Said) -> str:
    monday = said.at.date() - timedelta(days=said.at.weekday())
    sunday = monday + timedelta(days=6)
    if monday.year != sunday.year:
        return f"{monday.day} {monday:%b %Y} – {sunday.day} {sunday:%b %Y}"
    first = f"{monday.day}" if monday.month == sunday.month else f"{monday.day} {monday:%b}"
    return f"{first} – {sunday.day} {sunday:%b %Y}"


def _day(said: Said) -> str:
    return f"{said.at.day} {said.at:%B %Y}"


def _spaced(text: str) -> str:
    return " ".join(text.split())


def word_of_a_period(t: Truth, v: V, e: Evidence) -> bool:
    holding = t.holding(v["word"])
    period = _spaced(v["period"])
    here = [each for each in holding if period in (_month(each), _week(each), _day(each))]
    return (v["count"], v["rest"]) == (len(here), len(holding) - len(here)) and within(e, here)


def lasting(t: Truth, v: V, e: Evidence) -> bool:
    holding = t.holding(v["word"])
    if "periods" not in v:
        return same(v, count=len(holding))
    is_cut_so = v["periods"] in [len(counts) for counts in _calendars(t)]
    return same(v, count=len(holding)) and is_cut_so and within(e, holding)


def own_word(t: Truth, v: V, e: Evidence) -> bool:
    holding = t.holding(v["word"])
    mine = t.of(v["who"], holding)
    rest = len(holding) - len(mine)
    return same(v, count=len(mine), rest=rest) and ("rest" not in v or within(e, mine))


def wrote(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.of(v["who"])
    return shares_of(v, share=(len(mine), len(t.said))) and within(e, mine)


def nothing(t: Truth, v: V, e: Evidence) -> bool:
    return bool(e)


def event(t: Truth, v: V, e: Evidence, label: str) -> bool:
    """Its first message says what the label names, by the person and on the day that are told."""
    first = e[0]
    return (
        label in first.sure | first.maybe
        and (first.author, first.at.date()) == (v["who"], v["day"])
        and _quotes(v["quote"], first)
        and ("reply" not in v or any(_quotes(v["reply"], each) for each in e))
        and ("other" not in v or v["other"] in {each.author for each in e})
    )


def _quotes(quote: str, said: Said) -> bool:
    return said.text.startswith(quote.rstrip("…"))


def promise(t: Truth, v: V, e: Evidence) -> bool:
    later = t.said[e[0].number :]
    ends = next(talk for talk in t.conversations if e[0] in talk)[-1].number
    if "word" in v and any(s.number > ends for s in t.holding(v["word"], later)):
        return False
    if "again" in v and not (e[-1].at.date() == v["later"] and t.holding(v["again"], e[1:])):
        return False
    return event(t, v, e, "promise")


def repair(t: Truth, v: V, e: Evidence) -> bool:
    last = e[-1]
    said = last.sure | last.maybe
    return (
        ("apology" in said or "amends" in said)
        and (last.author, last.at.date()) == (v["who"], v["later"])
        and spans(v, span=(last.at - e[0].at).total_seconds())
        and _quotes(v["quote"], last)
    )


def apologised(t: Truth, v: V, e: Evidence) -> bool:
    sorry = [s for s in e if s.author == v["who"] and s.sure & {"apology", "amends"}]
    return any(fits(v["span"], (s.at - one.at).total_seconds()) for s in sorry for one in e)


def birthday(t: Truth, v: V, e: Evidence) -> bool:
    return any("occasion" in s.sure and s.author == v["who"] for s in t.on(v["day"]))


_LABELS = {
    "announcement": "promise",
    "plan": "plan",
    "decision": "decision",
    "request": "request",
    "trouble": "blocker",
    "worry": "worry",
    "worries": "worry",
}


def counted_events(t: Truth, v: V, e: Evidence) -> bool | None:
    label = next((_LABELS[word] for word in _LABELS if v["what"].startswith(word)), None)
    return None if label is None else 0 < v["count"] <= len(t.saying(label)[1])


def quarrels(t: Truth, v: V, e: Evidence) -> bool:
    scenes = {each.scene for each in t.said if "tension" in each.sure}
    return 0 < v["count"] <= len(scenes) and any("tension" in s.sure for s in t.on(v["day"]))
