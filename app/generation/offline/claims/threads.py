"""Claims about plans, promises, requests, decisions, blockers and worries."""

from collections.abc import Sequence
from datetime import date

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import counted, lasting, listed, on_day, quoted, share
from app.generation.offline.measures.threads import LATER_DAYS, Thread

SHOWN = 3
OPEN_SHOWN = 6


def makers(
    builder: InsightBuilder, signal: str, doing: str, noun: str, plural: str | None = None
) -> None:
    """Who makes them: "Ana proposed 12 plans, Ben 3"."""
    facts = builder.facts.signals[signal]
    builder.is_lexical = True
    builder.observations += facts.total
    order = [who for who in range(len(builder.people)) if facts.by_person[who]]
    order.sort(key=lambda who: -facts.by_person[who])
    if not order:
        return
    claim = f"{builder.name(order[0])} {doing} {counted(facts.by_person[order[0]], noun, plural)}"
    rest = [f"{builder.name(who)} {facts.by_person[who]:,}" for who in order[1:4]]
    claim += f", {listed(rest)}" if rest else ""
    if not rest and len(builder.people) > 1:
        claim += f", {builder.name(1 - order[0])} none" if builder.is_pair else ", the others none"
    claim += "."
    builder.add(claim, [n for who in order[:3] for n in facts.samples[who][:4]])


def followed_up(builder: InsightBuilder, signal: str, noun: str, plural: str) -> None:
    """How many come up again in a later conversation, with one that does."""
    facts = builder.facts.threads[signal]
    if not facts.came_up:
        return  # What never came up again is told by itself.
    comes = "comes" if facts.came_up == 1 else "come"
    claim = f"Of {counted(facts.traced, noun, plural)} whose subject can be followed, "
    claim += f"{facts.came_up:,} {comes} up again ({share(facts.came_up, facts.traced)})."
    if facts.traced == 1:
        claim = f"The one {noun} whose subject can be followed "
        claim += "comes up again."
    if facts.kept:
        claim += f" {_kept(builder, facts.kept[-1])}"
    evidence = [n for each in facts.kept[-SHOWN:] for n in (each.number, each.done or each.later)]
    numbers = [number for number in evidence if number is not None]
    builder.add(claim, numbers)


def _kept(builder: InsightBuilder, thread: Thread) -> str:
    told = f"{builder.name(thread.by)}'s “{thread.quote}” of {on_day(thread.on)}"
    if thread.done is not None and thread.done_by is not None:
        return (
            f"{told} was reported done by {builder.name(thread.done_by)} (message {thread.done})."
        )
    word = quoted(thread.later_word or thread.subject[0])
    return f"{told} returns {_after(thread)} with {word} (message {thread.later})."


def _after(thread: Thread) -> str:
    return f"{lasting(max(1.0, thread.later_days or 0) * 86_400)} later"


def never_again(builder: InsightBuilder, signal: str, noun: str, plural: str) -> None:
    """Those whose words no later conversation holds, by person, the latest named."""
    facts = builder.facts.threads[signal]
    if not facts.never:
        return
    subject = [quoted(word) for word in facts.open[-1].subject[:2]]
    latest = facts.open[-1]
    claim = f"{counted(facts.never, noun, plural)} {'was' if facts.never == 1 else 'were'} never "
    claim += "spoken of again: "
    if facts.never > 1:
        claim += f"by {_by_person(builder, facts.never_by_person)}, the latest of them "
    claim += f"{builder.name(latest.by)}'s “{latest.quote}” of {on_day(latest.on)}: "
    do = "does" if len(subject) == 1 else "do"
    claim += f"{listed(subject)} {do} not come up {_until(builder, latest)}."
    builder.add(claim, [each.number for each in facts.open[-OPEN_SHOWN:]])


def _until(builder: InsightBuilder, thread: Thread) -> str:
    rest = date.fromisoformat(builder.facts.activity.last_on) - date.fromisoformat(thread.on)
    return (
        f"in the {LATER_DAYS} days after" if rest.days >= LATER_DAYS else "in the rest of the chat"
    )


def _by_person(builder: InsightBuilder, counts: Sequence[int]) -> str:
    order = sorted(range(len(counts)), key=lambda who: -counts[who])
    return listed([f"{builder.name(who)} {counts[who]:,}" for who in order[:4] if counts[who]])


def latest(builder: InsightBuilder, signal: str, noun: str) -> None:
    """The latest three, each with its date and the beginning of its words."""
    facts = builder.facts.threads[signal]
    for thread in reversed(facts.recent[-SHOWN:]):
        claim = f"{on_day(thread.on)}, {builder.name(thread.by)}: {noun} “{thread.quote}”"
        if thread.done is not None:
            claim += f", reported done in message {thread.done}."
        elif thread.answer_by is not None:
            claim += f"; {builder.name(thread.answer_by)} wrote next."
        else:
            claim += "; nobody else wrote for a day after it." if thread in facts.ignored else "."
        builder.add(claim, [n for n in (thread.number, thread.done or thread.answer) if n])


def answered(builder: InsightBuilder, signal: str, noun: str, plural: str) -> None:
    """How soon another person wrote after such a message, and who did."""
    facts = builder.facts.signals[signal]
    if not facts.total or len(builder.people) < 2 or facts.median_answer_s is None:
        return
    first = max(range(len(builder.people)), key=lambda who: facts.answered_first_by[who])
    wait = lasting(facts.median_answer_s)
    claim = f"After {counted(facts.total, noun, plural)}, somebody else wrote within the hour in "
    claim += f"{facts.answered_soon:,} cases (median {wait}), most often {builder.name(first)}."
    if facts.answered_soon == facts.total:
        claim = f"After each of {counted(facts.total, noun, plural)} somebody else wrote within "
        claim += f"the hour (median {wait}), most often {builder.name(first)}."
    if facts.total == 1:
        claim = f"After the one {noun}, {builder.name(first)} wrote next, {wait} later."
    threads = builder.facts.threads[signal]
    shown = [each for each in threads.recent if each.answer is not None][-4:]
    builder.add(claim, [n for each in shown for n in (each.number, each.answer) if n])


def ignored(builder: InsightBuilder, signal: str, noun: str, plural: str) -> None:
    """Those after which no other person wrote for a day."""
    facts = builder.facts.threads[signal]
    if not facts.unanswered or len(builder.people) < 2:
        return
    latest_one = facts.ignored[-1]
    claim = f"After {counted(facts.unanswered, noun, plural)} nobody else wrote for a day, lastly "
    claim += (
        f"{builder.name(latest_one.by)}'s of {on_day(latest_one.on)} (message {latest_one.number})."
    )
    builder.add(claim, [each.number for each in facts.ignored[-OPEN_SHOWN:]])
