"""Claims about who writes, when and how soon: their forms, and when they are true."""

from collections import Counter
from datetime import timedelta
from statistics import median
from typing import Any

from benchmarks.offline_quality.chat import Said
from benchmarks.offline_quality.reading import as_int, each_of, fits, is_share
from benchmarks.offline_quality.truth import Truth, is_after_hours

Evidence = list[Said]
V = dict[str, Any]


def opened_all(t: Truth, v: V, e: Evidence) -> bool:
    return len(t.opened(v["who"])) == len(t.conversations) == v["total"] and _all_open(
        t, e, v["who"]
    )


def opened_most(t: Truth, v: V, e: Evidence) -> bool:
    mine, rest = len(t.opened(v["who"])), each_of(t, v.get("rest"))
    others = rest.pop("", "")
    openers = {talk[0].author for talk in t.conversations}
    if as_int(others.split()[0] if others else "0") != len(openers - {v["who"], *rest}):
        return False
    return (
        mine == v["count"]
        and v["total"] == len(t.conversations)
        and is_share(v["part"], mine, v["total"])
        and all(len(t.opened(name)) == as_int(count) for name, count in rest.items())
        and mine == max(len(t.opened(name)) for name in t.people)
        and _all_open(t, e, v["who"])
    )


def _all_open(t: Truth, e: Evidence, who: str) -> bool:
    return {each.number for each in e} <= {each.number for each in t.opened(who)}


def one_conversation(t: Truth, v: V, e: Evidence) -> bool:
    return len(t.conversations) == 1 and t.said[0].author == v["who"] and e == [t.said[0]]


def opening_shift(t: Truth, v: V, e: Evidence) -> bool:
    parts: list[float] = []
    for told, starts in zip((v["before"], v["since"]), _starts(t, v["day"]), strict=True):
        mine = [each for each in starts if each.author == v["who"]]
        if not is_share(told, len(mine), len(starts)):
            return False
        parts.append(len(mine) / len(starts))
    way = {"more and more": parts[1] > parts[0], "less and less": parts[1] < parts[0]}
    return way.get(v.get("way", ""), True) and _all_open(t, e, v["who"])


def _starts(t: Truth, day: Any) -> tuple[list[Said], list[Said]]:
    starts = [talk[0] for talk in t.conversations]
    return [s for s in starts if s.at.date() < day], [s for s in starts if s.at.date() >= day]


def longest_silence(t: Truth, v: V, e: Evidence) -> bool:
    before, after = t.silences()[0]
    return (
        fits(v["span"], (after.at - before.at).total_seconds())
        and (v["since"], v["until"]) == (before.at.date(), after.at.date())
        and after.author == v["who"]
        and e == [before, after]
    )


def silences_ended(t: Truth, v: V, e: Evidence) -> bool:
    longest = t.silences()[: v["total"]]
    count = sum(after.author == v["who"] for _, after in longest)
    told = v["total"] if v["count"] == "all" else as_int(v["count"])
    return count == told and {each.number for each in e} == {after.number for _, after in longest}


def into_silence(t: Truth, v: V, e: Evidence) -> bool:
    alone, opened = t.alone(v["who"]), t.opened(v["who"])
    return (
        len(alone) == v["count"] == v["again"]
        and len(opened) == v["total"]
        and is_share(v["part"], len(alone), len(opened))
        and {each.number for each in e} <= {each.number for each in alone}
    )


def last_message(t: Truth, v: V, e: Evidence) -> bool:
    last = [talk[-1] for talk in t.conversations]
    mine = [each.number for each in last if each.author == v["who"]]
    return (
        (len(mine), len(last)) == (v["count"], v["total"])
        and is_share(v["part"], len(mine), len(last))
        and {each.number for each in e} <= set(mine)
    )


def answers_within(t: Truth, v: V, e: Evidence) -> bool:
    told = [(v["who"], v["span"], v["count"])]
    if "other" in v:
        told.append((v["other"], v["slow"], v["more"]))
    medians = {n: t.reply_s(n) for n in t.people if len(t.replies(n)) >= 3}
    quickest = v["who"] in medians and medians[v["who"]] == min(medians.values())
    slowest = "other" not in v or medians[v["other"]] == max(medians.values())
    return (
        quickest
        and slowest
        and all(fits(span, t.reply_s(who)) and len(t.replies(who)) == n for who, span, n in told)
        and _are_exchanges(t, e, {who for who, _, _ in told})
    )


def _are_exchanges(t: Truth, e: Evidence, by: set[str]) -> bool:
    pairs = {n for who in by for a, b in t.replies(who) for n in (a.number, b.number)}
    return {each.number for each in e} <= pairs


def lets_wait(t: Truth, v: V, e: Evidence) -> bool:
    replies = t.replies(v["who"])
    waits = [(b.at - a.at).total_seconds() for a, b in replies]
    slow = sum(wait > 3600 for wait in waits)
    return (
        slow == v["count"]
        and is_share(v["part"], slow, len(waits))
        and fits(v["span"], max(waits))
        and _are_exchanges(t, e, {v["who"]})
    )


def pace_change(t: Truth, v: V, e: Evidence) -> bool:
    early = t.reply_s(v["who"], lambda said: said.at.date() < v["day"])
    late = t.reply_s(v["who"], lambda said: said.at.date() >= v["day"])
    if early is None or late is None:
        return False
    return (
        (late > early) == (v["way"] == "slower")
        and fits(v["before"], early)
        and fits(v["since"], late)
    )


def dayparts(t: Truth, v: V, e: Evidence) -> bool:
    hours = {"at night": 0, "in the morning": 1, "in the afternoon": 2, "in the evening": 3}
    parts = [
        t.reply_s(v["who"], lambda said, part=part: said.at.hour // 6 == part)
        for part in (hours[v["quick"]], hours[v["late"]])
    ]
    return fits(v["fast"], parts[0]) and fits(v["slow"], parts[1])


def asked(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.questions(v["who"])
    rest = each_of(t, v.get("rest"))
    return (
        len(mine) == v.get("count", len(t.of(v["who"])))
        and abs(len(t.of(v["who"])) / len(mine) - v.get("rate", 1)) <= 0.51
        and all(len(t.questions(name)) == as_int(count) for name, count in rest.items())
        and {each.number for each in e} <= {each.number for each in mine}
    )


def none_open(t: Truth, v: V, e: Evidence) -> bool:
    return not t.open_questions() and len(t.judged_questions()) == v["total"]


def met_silence(t: Truth, v: V, e: Evidence) -> bool:
    left, latest = t.open_questions(), t.by_number[v["number"]]
    return (
        (len(left), len(t.judged_questions())) == (v["count"], v["total"])
        and is_share(v["part"], len(left), v["total"])
        and left[-1] == latest
        and (latest.author, latest.at.date()) == (v["who"], v["day"])
        and {each.number for each in e} <= {each.number for each in left}
    )


def met_silence_one(t: Truth, v: V, e: Evidence) -> bool:
    [left] = t.judged_questions()
    return t.open_questions() == [left] == e and (left.author, left.at.date(), left.number) == (
        v["who"],
        v["day"],
        v["number"],
    )


def one_reacted(t: Truth, v: V, e: Evidence) -> bool:
    return len(t.judged_questions()) == 1 and not t.open_questions()


def question_waits(t: Truth, v: V, e: Evidence) -> bool:
    for who, told in ((v["who"], v["span"]), (v.get("other"), v.get("slow"))):
        if who is None:
            continue
        pairs = [(q, t.next_other(q)) for q in t.questions(who)]
        waits = [(after.at - q.at).total_seconds() for q, after in pairs if after]
        if not waits or not fits(told, median(waits)):
            return False
    return True


def first_to_react(t: Truth, v: V, e: Evidence) -> bool:
    reactions = [after for q in t.questions() if (after := t.next_other(q))]
    mine = [each for each in reactions if each.author == v["who"]]
    return (
        (len(mine), len(reactions)) == (v["count"], v["total"])
        and is_share(
            v.get("part", f"{round(100 * len(mine) / len(reactions))}%"), len(mine), len(reactions)
        )
        and {each.number for each in e} <= {each.number for each in mine}
    )


def asks_shift(t: Truth, v: V, e: Evidence) -> bool:
    early, late = t.of(v["who"], t.before(v["day"])), t.of(v["who"], t.since(v["day"]))
    numbers = {each.number for each in t.questions(v["who"])}
    counts = [sum(each.number in numbers for each in part) for part in (early, late)]
    told = [v["early"], v["early_of"], v["late"], v["late_of"]]
    return told == [counts[0], len(early), counts[1], len(late)]


def shares(t: Truth, v: V, e: Evidence) -> bool:
    parts = each_of(t, v["rest"])
    rest = parts.pop("", "")
    return (
        v["total"] == len(t.said)
        and len(parts) >= min(2, len(t.people))
        and all(is_share(told, len(t.of(name)), len(t.said)) for name, told in parts.items())
        and (not rest or rest.split()[0] == str(len(t.people) - len(parts)))
        and {each.author for each in e} <= set(parts)
    )


def words_each(t: Truth, v: V, e: Evidence) -> bool:
    lengths = {name: t.words(name) / len(t.of(name)) for name in (v["one"], v["other"])}
    return (
        t.words(v["who"]) == v["count"]
        and sum(map(t.words, t.people)) == v["total"]
        and abs(lengths[v["one"]] - v["first"]) <= 0.051
        and abs(lengths[v["other"]] - v["second"]) <= 0.051
    )


def quieter(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.of(v["who"])
    return (v["early"] + v["late"], v["day"]) == (len(mine), mine[-1].at.date()) and v["late"] < v[
        "early"
    ]


def fullest_day(t: Truth, v: V, e: Evidence) -> bool:
    days = t.days()
    return (
        days[v["day"]] == v["count"] == max(days.values())
        and abs(len(t.said) / len(days) - v["mean"]) <= 0.51
        and all(each.at.date() == v["day"] for each in e)
    )


def fullest_hour(t: Truth, v: V, e: Evidence) -> bool:
    hours = Counter(each.at.hour for each in t.said)
    weekdays = Counter(f"{each.at:%A}" for each in t.said)
    return (
        hours[v["hour"]] == max(hours.values())
        and v["next"] == (v["hour"] + 1) % 24
        and is_share(v["part"], hours[v["hour"]], len(t.said))
        and ("weekday" not in v or weekdays[v["weekday"]] == max(weekdays.values()))
        and all(each.at.hour == v["hour"] for each in e)
    )


def streak(t: Truth, v: V, e: Evidence) -> bool:
    run = (v["until"] - v["since"]).days + 1
    days = [v["since"] + timedelta(days=at) for at in range(run)]
    both = all(len({each.author for each in t.on(day)}) > 1 for day in days)
    return both and run == v["count"] == t.streak_days()


def after_hours(t: Truth, v: V, e: Evidence) -> bool:
    outside = [each for each in t.said if is_after_hours(each.at)]
    for name, told in each_of(t, v.get("rest")).items():
        count, _, total = told.partition(" of ")
        if (as_int(count), as_int(total)) != (len(t.of(name, outside)), len(t.of(name))):
            return False
    return (
        (v["count"], v["total"]) == (len(outside), len(t.said))
        and is_share(v["part"], len(outside), len(t.said))
        and all(is_after_hours(each.at) for each in e)
    )


def after_hours_all(t: Truth, v: V, e: Evidence) -> bool:
    return all(is_after_hours(each.at) for each in t.said) and v["total"] == len(t.said)


def after_hours_none(t: Truth, v: V, e: Evidence) -> bool:
    return not any(is_after_hours(each.at) for each in t.said)


def after_hours_shift(t: Truth, v: V, e: Evidence) -> bool:
    parts = [
        (sum(is_after_hours(s.at) for s in half), len(half))
        for half in (t.before(v["day"]), t.since(v["day"]))
    ]
    told = [is_share(v["before"], *parts[0]), is_share(v["since"], *parts[1])]
    grown = parts[1][0] / parts[1][1] - parts[0][0] / parts[0][1]
    return all(told) and {"grown": grown > 0, "shrunk": grown < 0}.get(
        v["way"], abs(grown) <= 0.051
    )


def takes_part(t: Truth, v: V, e: Evidence) -> bool:
    def part(name: str) -> int:
        return sum(any(each.author == name for each in talk) for talk in t.conversations)

    parts = {name: part(name) for name in t.people}
    total = len(t.conversations)
    return (
        is_share(v["part"], parts[v["who"]], total)
        and is_share(v["least"], parts[v["other"]], total)
        and parts[v["who"]] == max(parts.values())
        and parts[v["other"]] == min(parts.values())
    )


def a_week(t: Truth, v: V, e: Evidence) -> bool:
    early, late = t.before(v["day"]), t.since(v["day"])
    rates = [
        len(early) / (v["day"] - early[0].at.date()).days * 7,
        len(late) / ((late[-1].at.date() - v["day"]).days + 1) * 7,
    ]
    told = (v["before"], v["since"])
    return all(abs(rate - each) <= 0.56 for rate, each in zip(rates, told, strict=True))


def wrote_part(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.of(v["who"])
    return (v.get("count", len(mine)), v.get("total", len(t.said))) == (
        len(mine),
        len(t.said),
    ) and is_share(v.get("part", "100%"), len(mine), len(t.said))


def media(t: Truth, v: V, e: Evidence) -> bool:
    return False  # No made-up chat holds a medium.
