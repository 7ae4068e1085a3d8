"""Claims about a signal of the word lists: who gives it, how it moved, where it is densest."""

from math import sqrt

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import counted, listed, on_day, per_hundred, share
from app.generation.offline.measures.signals import Signal

RATE_RATIO = 1.4
SHIFT_MIN = 8
STEADY_MIN = 24
SHOWN = 4


def givers(builder: InsightBuilder, signal: str, noun: str, *, plural: str | None = None) -> Signal:
    """Who writes messages of a kind (`noun`: "message with thanks"), if one does."""
    facts = builder.facts.signals[signal]
    many = plural or noun.replace("message", "messages", 1)
    builder.is_lexical = True
    builder.observations += facts.total
    if not facts.total:
        return facts
    order = sorted(range(len(builder.people)), key=lambda who: -facts.by_person[who])
    order = [who for who in order if facts.by_person[who]]
    top = order[0]
    claim = f"{builder.name(top)} wrote {counted(facts.by_person[top], noun, many)}"
    rest = [f"{builder.name(who)} {facts.by_person[who]:,}" for who in order[1:SHOWN]]
    if rest:
        claim += f", {listed(rest)}"
    elif len(builder.people) > 1:
        claim += ", the others none" if not builder.is_pair else f", {builder.name(1 - top)} none"
    claim += _rates(builder, facts) + "."
    evidence = [number for who in order[:SHOWN] for number in facts.samples[who][:4]]
    builder.add(claim, evidence)
    return facts


def _rates(builder: InsightBuilder, facts: Signal) -> str:
    """For two people, who gives more for each message they write."""
    if not builder.is_pair or facts.total < SHIFT_MIN:
        return ""
    rates = [
        per_hundred(facts.by_person[who], builder.facts.people[who].messages) for who in range(2)
    ]
    return (
        f"; in a hundred messages that is {rates[0]:g} and {rates[1]:g}"
        if (facts.by_person[0] >= facts.by_person[1])
        else f"; in a hundred messages that is {rates[1]:g} and {rates[0]:g}"
    )


def shift(builder: InsightBuilder, signal: str, noun: str) -> None:
    """How a signal moved between the halves of the chat; `noun` as in "laughter"."""
    facts, people = builder.facts.signals[signal], builder.facts.people
    early_of = sum(person.early for person in people)
    late_of = sum(person.late for person in people)
    if facts.total < SHIFT_MIN or min(early_of, late_of) < SHIFT_MIN or not builder.has_halves:
        return
    early, late = per_hundred(facts.early, early_of), per_hundred(facts.late, late_of)
    middle = on_day(builder.facts.activity.middle_on)
    # Twice the square root is about what chance alone moves between two halves.
    chance = per_hundred(round(2 * sqrt(facts.total)), min(early_of, late_of))
    if max(early, late) < RATE_RATIO * min(early, late) or abs(early - late) < chance:
        if facts.total < STEADY_MIN or max(early, late) >= RATE_RATIO * min(early, late):
            return
        claim = f"{noun.capitalize()} has kept its level: {early:g} in a hundred messages before "
        claim += f"{middle}, {late:g} since."
    else:
        way = "grown" if late > early else "become rarer"
        claim = f"{noun.capitalize()} has {way}: {early:g} in a hundred messages before {middle}, "
        claim += f"{late:g} since."
    builder.add(claim, [number for sample in facts.samples[:SHOWN] for number in sample])


def peak(builder: InsightBuilder, signal: str, noun: str) -> None:
    """The conversation in which a signal is densest; `noun` as in "laughter"."""
    facts = builder.facts.signals[signal]
    if not facts.peaks:
        return
    best = facts.peaks[0]
    claim = f"Most {noun} in one conversation: {on_day(best.on)}, {best.count:,} messages, by "
    claim += f"{builder.names(best.givers[:SHOWN])}."
    builder.add(claim, best.sample)


def returned(builder: InsightBuilder, signal: str, noun: str) -> None:
    """How often a signal was returned in kind within an hour; `noun` in the plural."""
    facts = builder.facts.signals[signal]
    if facts.total < 3 or len(builder.people) < 2:
        return
    part = share(facts.returned, facts.total)
    were = "was" if facts.returned == 1 else "were"
    claim = f"Of {facts.total:,} {noun}, {facts.returned:,} {were} returned in kind "
    claim += f"within an hour ({part})."
    if not facts.returned:
        claim = f"None of {facts.total:,} {noun} was returned in kind within an hour."
    shared = [number for each in facts.peaks if len(each.givers) > 1 for number in each.sample]
    builder.add(claim, shared or [number for sample in facts.samples for number in sample[:3]])
