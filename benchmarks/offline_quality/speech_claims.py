"""Claims about what people say: their forms, and when they are true."""

import re
from collections import Counter
from statistics import median
from typing import Any

from benchmarks.offline_quality.chat import Said
from benchmarks.offline_quality.reading import as_int, each_of, fits, is_share, span_of
from benchmarks.offline_quality.truth import Truth

Evidence = list[Said]
V = dict[str, Any]
TENSE_FOUND_MIN = 2
_NOUNS = {
    "for something to be done": "request",
    "with thanks": "thanks", "with laughter": "laughter", "with praise": "praise",
    "affectionate": "affection", "of longing": "longing", "with an apology": "apology",
    "caring": "support", "on errands and times": "logistics", "of celebration": "occasion",
    "with a worry": "worry", "conciliatory": "repair", "good morning": "morning",
    "good night": "night", "tender": "affection", "reporting something done": "done",
    "blocker": "blocker",
    "decision": "decision", "request": "request", "thing to do together": "plan",
    "things to do together": "plan", "promise": "promise", "task": "promise", "trouble": "blocker",
    "laugh": "laughter", "care": "support", "celebration": "occasion", "worr": "worry",
    "affection": "affection", "offer": "promise", "plan": "plan", "time for something": "request",
    "times for something": "request", "thing": "promise", "sharpness": "tension", "thank": "thanks",
    "longing": "longing", "asking after": "support",
}  # fmt: skip


def label(noun: str) -> str | None:
    """What the messages of a claim are said to hold."""
    return next((found for words, found in _NOUNS.items() if words in noun.lower()), None)


def counts_of(t: Truth, what: str) -> tuple[dict[str, int], dict[str, int], set[int]]:
    """By name, how many messages surely say it and may say it; the numbers of the latter."""
    sure, possible = t.saying(what)
    if what == "repair":  # Whoever makes amends apologises or conciliates.
        sure, possible = [], t.saying("amends")[0] + t.saying("apology")[0]
    if what == "apology":
        possible = possible + t.saying("amends")[0]
    low = {name: len(t.of(name, sure)) if sure else 0 for name in t.people}
    high = {name: len(t.of(name, possible)) if possible else 0 for name in t.people}
    return low, high, {each.number for each in possible}


def givers(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None or v["who"] not in t.people:
        return None
    low, high, numbers = counts_of(t, what)
    told = {v["who"]: v["count"]}
    told |= {name: as_int(n) for name, n in each_of(t, v.get("rest")).items()}
    if not told.keys() <= set(t.people):
        return False
    right = all(low[name] <= n <= high[name] for name, n in told.items())
    if "others" in v or len(told) < 4:  # Whoever is not named gave none.
        right = right and not any(low[name] for name in t.people if name not in told)
    if "first" in v:
        rates = sorted(100 * told.get(name, 0) / len(t.of(name)) for name in t.people)
        right = right and all(
            abs(a - b) <= 0.06
            for a, b in zip(sorted((v["first"], v["second"])), rates, strict=True)
        )
    return right and {each.number for each in e} <= numbers


def signal_shift(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    low = {each.number for each in t.saying(what)[0]}
    for told, half in ((v["before"], t.before(v["day"])), (v["since"], t.since(v["day"]))):
        least, most = (
            sum(s.number in which for s in half) * 100 / len(half) for which in (low, numbers)
        )
        if what == "tension":  # Only the sharpest words count here; which, a reader cannot see.
            least = 0.0
        if not least - 0.06 <= told <= most + 0.06:
            return False
    return {each.number for each in e} <= numbers


def peak(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    low = {each.number for each in t.saying(what)[0]}
    [talk] = [talk for talk in t.conversations if e[0] in talk]
    least, most = (sum(s.number in which for s in talk) for which in (low, numbers))
    return (
        talk[0].at.date() <= v["day"] <= talk[-1].at.date()
        and least <= v["count"] <= most
        and {each.number for each in e} <= numbers
    )


def returned(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    sure = [each for each in t.said if each.number in numbers]
    back = [each for each in sure if any(_returns(each, later) for later in sure)]
    count = v.get("count", 0)
    return (
        v["total"] <= len(sure)
        and count <= len(back)
        and is_share(v.get("part", "0%"), count, v["total"])
    )


def _returns(before: Said, after: Said) -> bool:
    wait_s = (after.at - before.at).total_seconds()
    return after.author != before.author and after.number > before.number and wait_s <= 3600


def episode(t: Truth, v: V, e: Evidence) -> bool:
    tense = [each for each in t.said if "tension" in each.sure and each.at.date() == v["day"]]
    if not tense:
        return False
    scene = t.scene(tense[0].scene)
    people = {each.author for each in tense}
    named = set(re.split(r", | and ", v["people"]))
    return (
        TENSE_FOUND_MIN <= v["count"] <= len(tense)
        and named == people
        and _amends(t, v, e, tense, scene)
    )


def _amends(t: Truth, v: V, e: Evidence, tense: Evidence, scene: Evidence) -> bool:
    made_up = [each for each in scene if "amends" in each.sure]
    allowed = {each.number for each in tense + made_up}
    rest = v.get("then", "")
    sorry = re.search(r"(\S.*?) apologised first, (?:(.*?) later|in the same passage)\.", rest)
    if bool(made_up) != bool(sorry) or (sorry and sorry[1] not in made_up[0].author):
        return False
    if sorry and sorry[2]:
        hours = [round((made_up[0].at - each.at).total_seconds() / 3600, 1) for each in tense]
        if not any(fits(span_of(sorry[2]), 3600 * told) for told in hours):
            return False
    calm = re.search(r"Calm talk was back after (.*?)\.$", rest)
    later = [each for each in e if each.number > tense[-1].number]
    gaps = [(c.at - each.at).total_seconds() for c in later for each in tense]
    # The product tells hours to a tenth: three minutes either way are its rounding.
    if calm and not any(fits(span_of(calm[1]), gap + by) for gap in gaps for by in (-180, 0, 180)):
        return False
    calm_from = {each.number for each in t.said if each.number > tense[-1].number}
    outside = [each.number for each in e if each.number not in allowed]
    return len(outside) <= 1 and set(outside) <= calm_from


def first_apologies(t: Truth, v: V, e: Evidence) -> bool:
    scenes = {each.scene for each in t.said if "tension" in each.sure}
    return v["count"] <= v["total"] == len(scenes)


def sharp_words(t: Truth, v: V, e: Evidence) -> bool:
    tense = {each.number for each in t.said if "tension" in each.sure}
    return bool(tense) and v["count"] <= len(tense) and {each.number for each in e} <= tense


def followed_up(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    right = bool(numbers & {each.number for each in e})
    if what == "promise":
        kept = {each.scene for each in t.said if each.scene.startswith("kept")}
        right = right and v.get("count", 1) == len(kept)
    if "total" in v:
        right = right and is_share(v["part"], v["count"], v["total"])
    for who, day in ((v.get("maker"), v.get("on")), (v.get("maker2"), v.get("on2"))):
        right = right and (who is None or any((m.author, m.at.date()) == (who, day) for m in e))
    if "done" in v:
        report = t.by_number[v["done"]]
        right = right and "done" in report.sure and report.author == v["by"] and report in e
    if "again" in v:
        right = right and bool(t.holding(v["word"], [t.by_number[v["again"]]]))
    return right and v.get("count", 0) <= v.get("total", 1) <= len(numbers)


def never_again(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    kept = {each.number for each in t.said if each.scene.startswith("kept")}
    cited = {each.number for each in e}
    latest = [each for each in e if each.at.date() == v["day"] and each.author == v["who"]]
    words = re.findall("“(.+?)”", v["words"])
    silent = all(
        not t.holding(word, [s for s in t.said if s.number > m.number and (s.at - m.at).days < 60])
        for m in latest[-1:] for word in words
    )  # fmt: skip
    by = [as_int(n) for name, n in each_of(t, v.get("by")).items() if name]
    if "by" in v and sum(by) != v["count"]:
        return False
    return (
        cited <= numbers
        and not cited & kept
        and bool(latest)
        and silent
        and v["count"] <= len(numbers)
    )


def latest(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label("task" if v["noun"] == "took on" else v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    first = e[0]
    right = first.number in numbers and (first.at.date(), first.author) == (v["day"], v["who"])
    if "done" in v:
        return right and "done" in t.by_number[v["done"]].sure
    after = t.next_other(first)
    if "next" in v:
        return right and after is not None and after.author == v["next"]
    return right and (after is None) == (
        "silent" in v or first.number == t.said[-1].number or after is None
    )


def answered(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    low, high, numbers = counts_of(t, what)
    if not sum(low.values()) <= v.get("total", 1) <= sum(high.values()):
        return False
    if low != high:  # Which of those that may say it were counted, a reader cannot see.
        return None if v["who"] in t.people else False
    pairs = [(t.by_number[n], after) for n in numbers if (after := t.next_other(t.by_number[n]))]
    waits = [(after.at - each.at).total_seconds() for each, after in pairs]
    first = Counter(after.author for _, after in pairs)
    soon = sum(wait <= 3600 for wait in waits)
    return (
        first[v["who"]] == max(first.values())
        and fits(v["span"], median(waits))
        and v.get("count", soon) == soon
    )


def ignored(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(v["noun"])
    if what is None:
        return None
    _, _, numbers = counts_of(t, what)
    return all(t.next_other(each) is None and each.number in numbers for each in e)


def chapter(t: Truth, v: V, e: Evidence) -> bool | None:
    days = sorted({each.at.date() for each in t.said})
    inside = {day for day in days if _is_in(day, v["when"])}
    period = [each for each in t.said if each.at.date() in inside]
    if "whole" in v["when"]:
        period = list(t.said)
    if len(period) != v["count"]:
        return False
    return _words_counted(t, v["words"], period, t.said if len(period) < len(t.said) else None, e)


def _is_in(day: Any, when: str) -> bool:
    labels = (
        str(day.year),
        f"{day.year} Q{(day.month + 2) // 3}",
        f"{day:%B %Y}",
        f"{day.day} {day:%B %Y}",
    )
    if "the week of" in when:
        monday = day.fromordinal(day.toordinal() - day.weekday())
        return when.endswith(f"the week of {monday.day} {monday:%B %Y}")
    return when.split(" ", 1)[1] in labels


def _words_counted(t: Truth, told: str, period: Evidence, whole: Any, e: Evidence) -> bool:
    """Each word's count here is right, and it is commoner here than in the rest."""
    for word, count in re.findall(r"“(.+?)” \(([\d,]+)\)", told):
        here = t.holding(word, period)
        if len(here) != as_int(count):
            return False
        if whole is not None:
            elsewhere = len(t.holding(word, whole)) - len(here)
            if len(here) * (len(whole) - len(period)) <= elsewhere * len(period):
                return False
    cited = " ".join(each.text.lower() for each in e)
    return all(word.lower() in cited for word, _ in re.findall(r"“(.+?)” \(([\d,]+)\)", told))


def own_words(t: Truth, v: V, e: Evidence) -> bool:
    mine = t.of(v["who"])
    if v["others"] not in (*t.people, "the others"):
        return False
    return _words_counted(t, v["words"], mine, t.said, e) and all(each in mine for each in e)


def lasting(t: Truth, v: V, e: Evidence) -> bool:
    words = re.findall("“(.+?)”", v["words"])
    months = {(each.at.year, each.at.month) for each in t.said}
    enough = all(
        len({(s.at.year, s.at.month) for s in t.holding(word)}) * 2 >= len(months) for word in words
    )
    return enough and all(t.holding(word, e) for word in words)
