"""Claims about openings, silences and reply times."""

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import (
    counted,
    lasting,
    listed,
    minutes,
    on_day,
    share,
    times,
)
from app.generation.offline.measures.rhythm import DAYPARTS, Replies

SHIFT_POINTS = 0.12
HALF_MIN = 5
REPLIES_MIN = 3
PACE_RATIO = 1.5
PACE_S = 60
SHOWN = 4


def openings(builder: InsightBuilder) -> None:
    """Who opens conversations, and whether that shifted."""
    rhythm = builder.facts.rhythm
    order = sorted(range(len(builder.people)), key=lambda who: -rhythm.openers[who].opened)
    top = rhythm.openers[order[0]]
    builder.observations += rhythm.conversations
    builder.measure(
        conversations=rhythm.conversations,
        opened=builder.by_person([each.opened for each in rhythm.openers]),
    )
    if rhythm.conversations == 1:
        claim = "The chat is one conversation without a silence of six hours; "
        builder.add(f"{claim}{builder.name(order[0])} opened it.", top.sample)
        return
    rest = [
        f"{builder.name(who)} {rhythm.openers[who].opened:,}"
        for who in order[1:SHOWN]
        if rhythm.openers[who].opened
    ]
    total = rhythm.conversations
    claim = f"{builder.name(order[0])} opened all {total:,} conversations."
    if rest:
        claim = f"{builder.name(order[0])} opened {top.opened:,} of {total:,} conversations"
        shown = {order[0], *order[1:SHOWN]}
        rest_of = sum(1 for who in order if rhythm.openers[who].opened and who not in shown)
        claim += f" ({share(top.opened, total)}); {listed(rest)}"
        claim += f", {counted(rest_of, 'other')} the rest." if rest_of else "."
    builder.add(claim, top.sample)
    if rest:
        _shift(builder)


def _shift(builder: InsightBuilder) -> None:
    """The person whose share of openings moved most between the halves of the chat."""
    rhythm = builder.facts.rhythm
    early, late = rhythm.conversations_early, rhythm.conversations_late
    if min(early, late) < HALF_MIN or len(builder.people) < 2 or not builder.has_halves:
        return
    moves = [each.opened_late / late - each.opened_early / early for each in rhythm.openers]
    who = max(range(len(moves)), key=lambda place: abs(moves[place]))
    mover = rhythm.openers[who]
    middle = on_day(builder.facts.activity.middle_on)
    before, after = share(mover.opened_early, early), share(mover.opened_late, late)
    builder.measure(opening_share_shift=round(moves[who], 2))
    evidence = mover.late_sample or mover.sample
    if abs(moves[who]) < SHIFT_POINTS:
        claim = f"Who opens has hardly changed: {builder.name(who)} opened {before} of the "
        claim += f"conversations before {middle} and {after} since."
    else:
        grew = "more and more often" if moves[who] > 0 else "less and less often"
        claim = f"{builder.name(who)} opens {grew}: {before} of the conversations before "
        claim += f"{middle}, {after} since then."
    builder.add(claim, evidence)


def silences(builder: InsightBuilder) -> None:
    """The longest silence, and who ends silences."""
    rhythm = builder.facts.rhythm
    longest = rhythm.silences[0] if rhythm.silences else None
    builder.measure(longest_silence_days=longest.days if longest else None)
    if longest is None:
        return
    claim = f"The longest silence lasted {lasting(longest.days * 86_400)}, from "
    claim += f"{on_day(longest.since)} to {on_day(longest.until)}; "
    claim += f"{builder.name(longest.ended_by)} ended it."
    builder.add(claim, [longest.before, longest.after])
    others = rhythm.silences[1:]
    if len(others) >= 2:
        ended = [each.ended_by for each in rhythm.silences]
        most = max(set(ended), key=lambda who: (ended.count(who), -who))
        count = ended.count(most)
        if count * 4 < len(ended) * 3:
            return
        claim = f"Of the {len(ended)} longest silences, {builder.name(most)} ended "
        claim += "all." if count == len(ended) else f"{count}."
        builder.add(claim, [each.after for each in rhythm.silences])


def unanswered_openings(builder: InsightBuilder) -> None:
    """Conversations in which only one person wrote."""
    openers = builder.facts.rhythm.openers
    who = max(range(len(openers)), key=lambda place: openers[place].alone)
    alone = openers[who]
    if len(builder.people) < 2 or alone.alone < 2:
        return
    claim = f"{builder.name(who)} wrote into silence {times(alone.alone)}: nobody else wrote in "
    claim += f"{alone.alone:,} of the {alone.opened:,} conversations {builder.name(who)} opened"
    claim += f" ({share(alone.alone, alone.opened)})."
    builder.add(claim, alone.alone_sample)


def last_words(builder: InsightBuilder) -> None:
    """Who writes the last message of a conversation."""
    rhythm = builder.facts.rhythm
    if not builder.is_pair or rhythm.conversations < HALF_MIN:
        return
    who = max(range(2), key=lambda place: rhythm.openers[place].closed)
    closed = rhythm.openers[who].closed
    claim = f"{builder.name(who)} wrote the last message in {closed:,} of {rhythm.conversations:,} "
    claim += f"conversations ({share(closed, rhythm.conversations)})."
    builder.add(claim, rhythm.openers[who].closed_sample)


def reply_times(builder: InsightBuilder) -> None:
    """How soon each person answers, and who lets a message lie."""
    replies = builder.facts.rhythm.replies
    builder.observations += sum(each.count for each in replies) // 4
    builder.measure(
        median_reply_minutes=builder.by_person([minutes(each.median_s) for each in replies])
    )
    known = [who for who, each in enumerate(replies) if each.count >= REPLIES_MIN]
    known.sort(key=lambda who: replies[who].median_s or 0.0)
    if not known:
        return
    pace(builder)
    _slow(builder, known)
    _pace_change(builder, known)
    _dayparts(builder, known)


def pace(builder: InsightBuilder) -> None:
    """The median reply of the fastest and of the slowest to answer."""
    replies = builder.facts.rhythm.replies
    known = [who for who, each in enumerate(replies) if each.count >= REPLIES_MIN]
    known.sort(key=lambda who: replies[who].median_s or 0.0)
    if not known:
        return
    pairs = [pair for who in (known[0], known[-1]) for pair in replies[who].typical[:2]]
    builder.add(_pace(builder, known), [n for pair in pairs for n in (pair.message, pair.reply)])


def _pace(builder: InsightBuilder, known: list[int]) -> str:
    replies = builder.facts.rhythm.replies
    fast, slow = known[0], known[-1]
    quick = f"{builder.name(fast)} answers within {lasting(replies[fast].median_s or 0)}"
    quick += f" (median of {counted(replies[fast].count, 'reply', 'replies')})"
    if fast == slow:
        return f"{quick}."
    other = f"{builder.name(slow)} within {lasting(replies[slow].median_s or 0)}"
    other += f" ({replies[slow].count:,})"
    if builder.is_pair:
        return f"{quick}, {other}."
    if lasting(replies[fast].median_s or 0) == lasting(replies[slow].median_s or 0):
        return f"Everybody keeps the same pace: {quick}, {other}."
    names = f"Fastest to answer is {builder.name(fast)}, slowest {builder.name(slow)}"
    return f"{names}: {quick}, {other}."


def _slow(builder: InsightBuilder, known: list[int]) -> None:
    replies = builder.facts.rhythm.replies
    who = max(known, key=lambda place: replies[place].slow / replies[place].count)
    each = replies[who]
    if not each.slow or not each.slowest:
        return
    slowest = each.slowest[0]
    claim = f"{builder.name(who)} let others wait more than an hour {times(each.slow)}"
    claim += f" ({share(each.slow, each.count)} of the replies), at the longest "
    claim += f"{lasting(slowest.seconds)}."
    waiting = [pair for pair in each.slowest if pair.seconds > 3600]
    builder.add(claim, [number for pair in waiting for number in (pair.message, pair.reply)])


def _pace_change(builder: InsightBuilder, known: list[int]) -> None:
    replies = builder.facts.rhythm.replies
    moved = [who for who in known if replies[who].count >= 2 * HALF_MIN and _ratio(replies[who])]
    if not moved or not builder.has_halves:
        return
    who = max(moved, key=lambda place: _ratio(replies[place]))
    each = replies[who]
    early, late = each.early_s or 0.0, each.late_s or 0.0
    way = "slower" if late > early else "faster"
    middle = on_day(builder.facts.activity.middle_on)
    claim = f"{builder.name(who)} has become {way} to answer: a median of {lasting(early)} before "
    claim += f"{middle}, {lasting(late)} since then."
    builder.add(claim, [number for pair in each.typical for number in (pair.message, pair.reply)])


def _ratio(replies: Replies) -> float:
    """How far the pace changed, 0 if not worth a word."""
    early, late = replies.early_s, replies.late_s
    if early is None or late is None or abs(early - late) < PACE_S:
        return 0.0
    ratio = max(early, late) / max(1.0, min(early, late))
    return ratio if ratio >= PACE_RATIO else 0.0


def _dayparts(builder: InsightBuilder, known: list[int]) -> None:
    replies = builder.facts.rhythm.replies
    who = max(known, key=lambda place: replies[place].count)
    parts = [(value, DAYPARTS[at]) for at, value in enumerate(replies[who].dayparts) if value]
    if len(parts) < 2:
        return
    (fast, when_fast), (slow, when_slow) = min(parts), max(parts)
    if slow < fast * PACE_RATIO or slow - fast < PACE_S:
        return
    claim = f"{builder.name(who)} answers fastest {when_fast} (median {lasting(fast)}) and slowest "
    claim += f"{when_slow} ({lasting(slow)})."
    builder.add(claim, [n for pair in replies[who].typical for n in (pair.message, pair.reply)])
