"""Headlines: their forms, and when they are true. Their evidence is that of all findings."""

from statistics import median
from typing import Any

from benchmarks.offline_quality.chat import Said
from benchmarks.offline_quality.reading import fits, is_share
from benchmarks.offline_quality.speech_claims import counts_of, label
from benchmarks.offline_quality.truth import Truth, is_after_hours

Evidence = list[Said]
V = dict[str, Any]


def _most(t: Truth, counts: dict[str, float], who: str) -> bool:
    return counts[who] == max(counts.values())


def _opened(t: Truth) -> dict[str, float]:
    return {name: len(t.opened(name)) for name in t.people}


def words_by_person(t: Truth) -> dict[str, float]:
    return {name: t.words(name) for name in t.people}


def so_far(t: Truth, v: V, e: Evidence) -> bool:
    opened = _opened(t)
    begun = v["by"].split(" begun by ")[-1].removeprefix("begun by ").removesuffix(" in turn")
    names = [name for name in t.people if name in begun]
    return v["total"] == len(t.conversations) and all(_most(t, opened, name) for name in names)


def reaches_out(t: Truth, v: V, e: Evidence) -> bool:
    opened = _opened(t)
    return (
        _most(t, opened, v["who"])
        and v["total"] == len(t.conversations)
        and is_share(v.get("part", "100%"), opened[v["who"]], v["total"])
    )


def about_equally(t: Truth, v: V, e: Evidence) -> bool:
    return sorted(_opened(t).values()) == sorted((v["one"], v["two"]))


def equally_often(t: Truth, v: V, e: Evidence) -> bool:
    opened = _opened(t)
    return all(_most(t, opened, name) for name in t.people if name in v["names"])


def paces(t: Truth, v: V, e: Evidence) -> bool:
    medians = {name: t.reply_s(name) for name in t.people if len(t.replies(name)) >= 3}
    known = [each for each in medians.values() if each is not None]
    if not known or medians.get(v["who"]) != min(known):
        return False
    if "other" in v and medians.get(v["other"]) != max(known):
        return False
    pairs = [(v["who"], v["span"]), (v.get("other"), v.get("slow", v["span"]))]
    return all(fits(span, t.reply_s(who)) for who, span in pairs if who)


def writes_begins(t: Truth, v: V, e: Evidence) -> bool:
    writes = v.get("who") or v["begins"]
    return _most(t, words_by_person(t), writes) and _most(t, _opened(t), v.get("begins") or writes)


def equal_words(t: Truth, v: V, e: Evidence) -> bool:
    words = sorted(words_by_person(t).values())
    return words[1] - words[0] <= 0.081 * sum(words) and (
        "begins" not in v or _most(t, _opened(t), v["begins"])
    )


def writes_more(t: Truth, v: V, e: Evidence) -> bool:
    return _most(t, words_by_person(t), v["who"])


def words_part(t: Truth, v: V, e: Evidence) -> bool:
    words = words_by_person(t)
    return is_share(v["part"], words[v["who"]], sum(words.values()))


def one_writes(t: Truth, v: V, e: Evidence) -> bool:
    return len(t.people) == 1


def questions_heard(t: Truth, v: V, e: Evidence) -> bool:
    judged, left = t.judged_questions(), t.open_questions()
    heard = len(judged) - len(left)
    if "part" in v:
        return is_share(v["part"], heard, len(judged))
    if "count" in v:
        return (v["count"], v["heard"]) == (len(judged), heard)
    return bool(judged) and ("no" in v.get("how", "no") if not heard else not left)


def few_questions(t: Truth, v: V, e: Evidence) -> bool:
    return not t.judged_questions() if "count" not in v else v["count"] == len(t.questions())


def few_replies(t: Truth, v: V, e: Evidence) -> bool:
    return all(len(t.replies(name)) < 3 for name in t.people) and v.get("count", 0) == len(
        t.questions()
    )


def none_said(t: Truth, v: V, e: Evidence, *what: str) -> bool:
    """Whether the chat holds nothing of these kinds."""
    return not any(each.sure & set(what) for each in t.said)


def no_quarrel(t: Truth, v: V, e: Evidence) -> bool:
    return not any("tension" in each.sure for each in t.said)


def one_quarrel(t: Truth, v: V, e: Evidence) -> bool:
    tense = [each for each in t.said if "tension" in each.sure]
    made_up = [each.author for each in t.said if "amends" in each.sure]
    return (
        len({each.scene for each in tense}) == 1
        and tense[0].at.date() == v["day"]
        and v["how"].startswith(f"{made_up[0]} apologised" if made_up else "no apology")
    )


def said_so(t: Truth, v: V, e: Evidence) -> bool | None:
    """Who says a thing, and how often."""
    what = label(v["noun"])
    if what is None:
        return None
    low, high, _ = counts_of(t, what)
    if "total" in v and not sum(low.values()) <= v["total"] <= sum(high.values()):
        return False
    mine = v.get("count", v.get("total", 0))
    if "who" not in v:
        return sum(low.values()) <= mine <= sum(high.values())
    if "part" in v:
        return is_share(v["part"], high[v["who"]], v["total"])
    return low[v["who"]] <= mine <= high[v["who"]]


def care(t: Truth, v: V, e: Evidence) -> bool:
    total, mine = 0, 0
    for what in ("support", "thanks", "affection"):
        _, high, _ = counts_of(t, what)
        total, mine = total + sum(high.values()), mine + high.get(v.get("who", ""), 0)
    return v["total"] <= total and ("who" not in v or v.get("count", v["total"]) <= mine)


def asks_takes(t: Truth, v: V, e: Evidence) -> bool:
    asked, taken = (counts_of(t, what)[1] for what in ("request", "promise"))
    return _most(t, dict(asked), v["who"]) and _most(t, dict(taken), v.get("takes", v["who"]))


def asked_offered(t: Truth, v: V, e: Evidence) -> bool:
    asked, taken = (sum(counts_of(t, what)[1].values()) for what in ("request", "promise"))
    return (
        v["asked"] <= asked
        and v["offered"] <= taken
        and v.get("done", 0) <= len(t.saying("done")[1])
    )


def plans(t: Truth, v: V, e: Evidence) -> bool:
    found = sum(sum(counts_of(t, what)[1].values()) for what in ("plan", "promise"))
    kept = {each.scene for each in t.said if each.scene.startswith("kept")}
    return v["total"] <= found and min(len(kept), 1) <= v["count"] <= v["total"]


def plans_few(t: Truth, v: V, e: Evidence) -> bool:
    return all(v[what] <= sum(counts_of(t, what)[1].values()) for what in ("plan", "promise"))


def subjects(t: Truth, v: V, e: Evidence) -> bool:
    return all(t.holding(v[word], e) for word in ("first", "last") if word in v)


def fullest(t: Truth, v: V, e: Evidence) -> bool:
    return len(t.on(v["day"])) == v["count"] == max(t.days().values())


def days_of_writing(t: Truth, v: V, e: Evidence) -> bool:
    return v.get("count", 1) == len(t.days()) and v.get("total", len(t.said)) == len(t.said)


def greeting_part(t: Truth, v: V, e: Evidence) -> bool:
    what = "morning" if "morning" in v["greeting"] else "night"
    days = {each.at.date() for each in t.saying(what)[0]}
    return is_share(v.get("part", "100%"), len(days), len(t.days()))


def fullest_hour_told(t: Truth, v: V, e: Evidence) -> bool:
    hours = [each.at.hour for each in t.said]
    return hours.count(v["hour"]) == max(map(hours.count, hours))


def writes_alone(t: Truth, v: V, e: Evidence) -> bool:
    return t.people == [v["who"]] and v["count"] == len(t.conversations) - 1


def no_greeting(t: Truth, v: V, e: Evidence) -> bool:
    hours = [each.at.hour for each in t.said]
    return (
        hours.count(v["hour"]) == max(map(hours.count, hours))
        and len(t.saying("morning")[0] + t.saying("night")[0]) < 3
    )


def amount(t: Truth, v: V, e: Evidence) -> bool:
    weeks = ((t.said[-1].at - t.said[0].at).days + 1) / 7
    mean = len(t.said) / weeks
    if "before" not in v:
        return abs(v["since"] - mean) <= 0.35 * mean
    low, high = sorted((v["before"], v["since"]))
    return (v["way"] == "more") == (v["since"] > v["before"]) and low - 1 <= mean <= high + 1


def short_time(t: Truth, v: V, e: Evidence) -> bool:
    return (t.said[-1].at - t.said[0].at).days < 60


def worries(t: Truth, v: V, e: Evidence) -> bool:
    said = t.saying("worry")[1]
    waits = [(after.at - each.at).total_seconds() for each in said if (after := t.next_other(each))]
    if "span" in v:
        return len(waits) == len(said) and fits(v["span"], median(waits))
    soon = sum(wait <= 3600 for wait in waits)
    return is_share(v["part"], soon, len(said)) if "part" in v else v["count"] <= len(said)


def blockers(t: Truth, v: V, e: Evidence) -> bool:
    said = t.saying("blocker")[1]
    alone = sum(t.next_other(each) is None for each in said)
    return v["count"] <= len(said) and v["alone"] <= alone


def outside(t: Truth, v: V, e: Evidence) -> bool:
    late = sum(is_after_hours(each.at) for each in t.said)
    if "part" in v:
        return is_share(v["part"], late, len(t.said))
    return late == (0 if v["how"].startswith("All") else len(t.said))


def unread(t: Truth, v: V, e: Evidence) -> bool:
    return not any(each.sure for each in t.said)


def warmth(t: Truth, v: V, e: Evidence) -> bool | None:
    what = label(f"with {v['noun']}") or label(v["noun"])
    if what is None:
        return None
    total = len(t.saying(what)[0])
    others = [len(t.saying(each)[1]) for each in ("laughter", "thanks", "praise", "affection")]
    return total == max(others) and abs(len(t.said) / total - v.get("rate", 1)) <= 0.51


def sparing(t: Truth, v: V, e: Evidence) -> bool:
    return v["count"] == sum(
        len(t.saying(each)[1]) for each in ("laughter", "thanks", "praise", "affection")
    )


def equal_affection(t: Truth, v: V, e: Evidence) -> bool:
    return sorted(counts_of(t, "affection")[1].values()) == sorted((v["one"], v["two"]))


def too_little(t: Truth, v: V, e: Evidence) -> bool | None:
    return None  # What is too little is the product's to say.
