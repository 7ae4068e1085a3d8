"""Sentences of summaries: when they are true."""

from collections import Counter
from statistics import median
from typing import Any

from benchmarks.offline_quality.chat import Said
from benchmarks.offline_quality.headline_claims import words_by_person
from benchmarks.offline_quality.reading import as_int, fits, is_share
from benchmarks.offline_quality.speech_claims import counts_of
from benchmarks.offline_quality.truth import Truth, is_after_hours

Evidence = list[Said]
V = dict[str, Any]
FREQUENT = 5


def lasts(t: Truth, v: V, e: Evidence) -> bool:
    first, last = t.said[0].at.date(), t.said[-1].at.date()
    return (v["since"], v.get("until", v["since"])) == (first, last)


def began(t: Truth, v: V, e: Evidence) -> bool:
    count = len(t.opened(v["who"]))
    told = v["total"] if v["count"] == "all" else as_int(v["count"])
    return lasts(t, v, e) and (told, v["total"]) == (count, len(t.conversations))


def ended_silence(t: Truth, v: V, e: Evidence) -> bool:
    before, after = t.silences()[0]
    return after.author == v["who"] and fits(v["span"], (after.at - before.at).total_seconds())


def measured_over(t: Truth, v: V, e: Evidence) -> bool:
    replies = sum(len(t.replies(name)) for name in t.people)
    return (v["count"], v.get("asked", 0)) == (replies, len(t.questions()))


def left_in_the_air(t: Truth, v: V, e: Evidence) -> bool:
    return v["count"] == len(t.open_questions())


def words_and_openings(t: Truth, v: V, e: Evidence) -> bool:
    words = words_by_person(t)
    return (
        words[v["who"]] == max(words.values())
        and is_share(v["part"], words[v["who"]], sum(words.values()))
        and is_share(v["share"], len(t.opened(v["opener"])), len(t.conversations))
        and v["total"] == len(t.conversations)
    )


def writes_most(t: Truth, v: V, e: Evidence) -> bool:
    counts = {name: len(t.of(name)) for name in t.people}
    late = [each for each in t.said if is_after_hours(each.at)]
    return (
        counts[v["who"]] == max(counts.values())
        and is_share(v["part"], counts[v["who"]], len(t.said))
        and ("late" not in v or len(t.of(v["late"], late)) == v["count"])
    )


def days_of_writing_any(t: Truth, v: V, e: Evidence) -> bool:
    return v["total"] == len(t.said)


def counts_named(t: Truth, v: V, e: Evidence) -> bool:
    """Each count stands under the name of what is counted."""
    if v.get("total", len(t.said)) != len(t.said):
        return False
    for what, told in v.items():
        if what in ("total", "days", "day"):
            continue
        low, high, _ = counts_of(t, what)
        if not sum(low.values()) <= told <= sum(high.values()):
            return False
    if "day" in v:
        return any(each.at.date() == v["day"] for each in t.saying("decision")[1])
    said = {each.at.date() for each in t.saying("affection")[1]} if "affection" in v else t.days()
    return v.get("days", len(said)) == len(said)


def greetings(t: Truth, v: V, e: Evidence) -> bool:
    days = [len({each.at.date() for each in t.saying(what)[0]}) for what in ("morning", "night")]
    return [v["morning"], v["night"]] == days and v["writing"] == len(t.days())


def days_written(t: Truth, v: V, e: Evidence) -> bool:
    return v["count"] == len(t.days()) and covers(t, {"days": v["whole"]}, e)


def covers(t: Truth, v: V, e: Evidence) -> bool:
    return v["days"] == (t.said[-1].at.date() - t.said[0].at.date()).days + 1


def no_occasion(t: Truth, v: V, e: Evidence) -> bool:
    return not t.saying("occasion")[0] and v["count"] == len(t.days())


def one_scene(t: Truth, v: V, e: Evidence) -> bool:
    return len({each.scene for each in t.said if "tension" in each.sure}) == 1


def asked_by(t: Truth, v: V, e: Evidence) -> bool:
    asked = t.questions()
    return (v["count"], v["people"]) == (len(asked), len({each.author for each in asked}))


def blocker_answered(t: Truth, v: V, e: Evidence) -> bool | None:
    sure, possible = t.saying("blocker")
    if sure != possible:
        return None  # Which of those that may say it were counted, a reader cannot see.
    waits = [(after.at - each.at).total_seconds() for each in sure if (after := t.next_other(each))]
    return bool(waits) and fits(v["span"], median(waits))


def _kept(t: Truth) -> int:
    return len({each.scene for each in t.said if each.scene.startswith("kept")})


def followed_one(t: Truth, v: V, e: Evidence) -> bool:
    return not _kept(t) if v["how"].startswith("does not") else bool(t.saying("promise")[1])


def followed_decisions(t: Truth, v: V, e: Evidence) -> bool:
    return v["count"] <= v["total"] <= len(t.saying("decision")[1])


def tasks_followed(t: Truth, v: V, e: Evidence) -> bool:
    return _kept(t) <= v["total"] <= len(t.saying("promise")[1])


def tasks_done(t: Truth, v: V, e: Evidence) -> bool:
    reports = [each for each in t.saying("done")[0] if each.scene.startswith("kept")]
    return v["count"] <= len(reports) and v["never"] <= len(t.saying("promise")[1]) - _kept(t)


def halves(t: Truth, v: V, e: Evidence) -> bool:
    """The day parts the messages about in the middle, as far as whole days can."""
    fullest = max(t.days().values())
    return abs(len(t.before(v["day"])) - len(t.since(v["day"]))) <= fullest + 1


def no_frequent_word(t: Truth, v: V, e: Evidence) -> bool:
    """At most a word in ten messages comes so often that it could stand for a subject."""
    words = Counter(
        word for each in t.said for word in {w.lower() for w in each.text.split() if len(w) > 5}
    )
    return sum(count >= FREQUENT for count in words.values()) * 10 <= len(t.said)
