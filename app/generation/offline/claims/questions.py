"""Claims about questions."""

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import (
    capital,
    counted,
    lasting,
    listed,
    on_day,
    share,
    spelt,
    times,
)

SHOWN_OPEN = 8
ANSWERS_MIN = 3
SHIFT_RATIO = 1.5
SHIFT_MIN = 8


def questions(builder: InsightBuilder) -> None:
    """Who asks, what was left open, and who answers first."""
    facts = builder.facts.questions
    builder.observations += facts.asked
    builder.measure(
        questions=builder.by_person([each.asked for each in facts.asking]),
        questions_left_open=facts.open_count,
    )
    if facts.asked:
        _asked(builder)
        _left_open(builder)
        _first_answers(builder)
        _shift(builder)


def _asked(builder: InsightBuilder) -> None:
    facts = builder.facts.questions
    order = sorted(range(len(builder.people)), key=lambda who: -facts.asking[who].asked)
    top = order[0]
    asking = facts.asking[top]
    rest = [f"{builder.name(who)} {facts.asking[who].asked or 'none'}" for who in order[1:4]]
    claim = f"{builder.name(top)} asked {counted(asking.asked, 'question')}, one in "
    claim += f"{round(builder.facts.people[top].messages / asking.asked)} messages"
    if builder.facts.people[top].messages == asking.asked:
        claim = f"Every message of {builder.name(top)} holds a question"
    claim += f"; {listed(rest)}." if rest else "."
    builder.add(claim, asking.sample)


def _left_open(builder: InsightBuilder) -> None:
    facts = builder.facts.questions
    if not facts.judged or len(builder.people) < 2:
        return
    if not facts.open_count:
        claim = "No question stayed without a reaction: somebody else wrote within a day after all "
        claim += f"{facts.judged:,}."
        if facts.judged == 1:
            claim = "The one question met a reaction: somebody else wrote within a day."
        builder.add(claim, [n for each in facts.asking for n in each.answer_sample[:3]])
        return
    latest = facts.left_open[-1]
    if facts.judged == 1:
        claim = f"The one question, {builder.name(latest.asker)}'s of {on_day(latest.on)} (message "
        claim += f"{latest.number}), met silence: nobody else wrote for a day."
        builder.add(claim, [latest.number])
        return
    claim = f"{capital(spelt(facts.open_count))} of {facts.judged:,} questions met silence "
    claim += (
        f"({share(facts.open_count, facts.judged)}): nobody else wrote for a day. The latest is "
    )
    claim += f"{builder.name(latest.asker)}'s of {on_day(latest.on)} (message {latest.number})."
    builder.add(claim, [each.number for each in facts.left_open[-SHOWN_OPEN:]])


def _first_answers(builder: InsightBuilder) -> None:
    facts = builder.facts.questions
    order = sorted(range(len(builder.people)), key=lambda who: -facts.asking[who].answered_first)
    top = facts.asking[order[0]]
    if top.answered_first < ANSWERS_MIN:
        return
    if builder.is_pair:
        waits = [
            f"{builder.name(who)} waits {lasting(each.median_answer_s)}"
            for who, each in enumerate(facts.asking)
            if each.median_answer_s is not None
        ]
        claim = f"After a question, {listed(waits)} for the next message of the other (median)."
    else:
        claim = f"{builder.name(order[0])} is first to react to the questions of others: "
        claim += f"{times(top.answered_first)} of {facts.judged - facts.open_count:,}."
    builder.add(claim, top.answer_sample)


def _shift(builder: InsightBuilder) -> None:
    """A person who asks far more, or far less, than before."""
    if not builder.has_halves:
        return
    asking, people = builder.facts.questions.asking, builder.facts.people
    best: tuple[float, int] | None = None
    for who, each in enumerate(asking):
        if each.asked < SHIFT_MIN or min(people[who].early, people[who].late) < SHIFT_MIN:
            continue
        early = (each.asked_early + 0.5) / people[who].early
        late = (each.asked_late + 0.5) / people[who].late
        ratio = max(early, late) / min(early, late)
        if ratio >= SHIFT_RATIO and (best is None or ratio > best[0]):
            best = ratio, who
    if best is None:
        return
    who = best[1]
    early, late = asking[who].asked_early, asking[who].asked_late
    way = "more" if late / people[who].late > early / people[who].early else "fewer"
    middle = on_day(builder.facts.activity.middle_on)
    claim = f"{builder.name(who)} asks {way} questions than before: {early:,} in "
    claim += f"{counted(people[who].early, 'message')} before {middle}, {late:,} in "
    claim += f"{counted(people[who].late, 'message')} since."
    builder.add(claim, asking[who].sample)


def open_question_note(builder: InsightBuilder) -> str:
    """One sentence for a summary."""
    count = builder.facts.questions.open_count
    if not builder.facts.questions.judged:
        return ""
    if not count:
        return "No question was left in the air."
    left = "question was" if count == 1 else "questions were"
    return f"{capital(spelt(count))} {left} left in the air."
