"""The six insights of a romance, from facts."""

from app.catalog.content import InsightContent
from app.generation.offline.claims import (
    activity,
    chapters,
    questions,
    rhythm,
    tension,
    threads,
    warmth,
)
from app.generation.offline.claims.absence import none_found
from app.generation.offline.claims.friendship import plans_told
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import capital, counted, on_day, per_hundred, share
from app.generation.offline.measures.facts import Facts

EVEN = 0.08
OPENED_MIN = 6


def affection(facts: Facts) -> InsightContent:
    """Affection and longing in words: by whom, returned how often, and how that changes."""
    builder = InsightBuilder(facts)
    love = warmth.givers(builder, "affection", "affectionate message")
    longing = warmth.givers(builder, "longing", "message of longing", plural="messages of longing")
    warmth.returned(builder, "affection", "affectionate messages")
    warmth.shift(builder, "affection", "affection")
    warmth.peak(builder, "affection", "affection")
    warmth.givers(builder, "praise", "message with praise")
    warmth.givers(builder, "thanks", "message with thanks")
    back = round(love.returned / love.total, 2) if love.total else None
    builder.measure(
        affection=builder.by_person(list(love.by_person)),
        longing=builder.by_person(list(longing.by_person)),
        returned_within_an_hour=back,
    )
    if not love.total:
        return none_found(
            builder,
            "No affection in words that could be counted",
            "No tender word or heart was found; affection may take other forms here.",
            instead=(activity.streak, activity.hours, rhythm.pace, activity.shares),
        )
    top = max(range(len(builder.people)), key=lambda who: love.by_person[who])
    headline = f"{builder.name(top)} says it more often: {love.by_person[top]:,} of "
    headline += f"{counted(love.total, 'tender message')}"
    if love.by_person[top] == love.total:
        headline = f"{builder.name(top)} says it alone: {counted(love.total, 'tender message')}"
    if builder.is_pair and abs(love.by_person[0] - love.by_person[1]) <= EVEN * love.total:
        headline = (
            f"You say it equally often: {love.by_person[0]:,} and {love.by_person[1]:,} times"
        )
    summary = (
        f"{counted(love.total, 'message')} of {facts.messages:,} with a tender word or a heart, "
    )
    summary += f"on {counted(love.days, 'day')}; {counted(longing.total, 'message')} of longing."
    return builder.content(headline, summary)


def balance(facts: Facts) -> InsightContent:
    """How evenly the two write, open, ask and reply."""
    builder = InsightBuilder(facts)
    activity.shares(builder)
    activity.words_each(builder)
    rhythm.openings(builder)
    rhythm.reply_times(builder)
    questions.questions(builder)
    rhythm.last_words(builder)
    builder.measure(words=builder.by_person([each.words for each in facts.people]))
    if len(builder.people) < 2:
        return builder.content("Only one side writes", "There is nothing to weigh against.")
    words = [each.words for each in facts.people]
    opened = [each.opened for each in facts.rhythm.openers]
    writes = max(range(len(words)), key=lambda who: words[who])
    begins = max(range(len(opened)), key=lambda who: opened[who])
    headline = f"{builder.name(writes)} writes more, {builder.name(begins)} begins more often"
    if not builder.is_pair:
        headline = f"{builder.name(writes)} writes most, {builder.name(begins)} begins most often"
        if writes == begins:
            headline = f"{builder.name(writes)} writes most and begins most often"
    elif writes == begins:
        headline = f"{builder.name(writes)} writes more and begins more often"
    if sum(opened) < OPENED_MIN:
        headline = f"{builder.name(writes)} wrote {share(words[writes], sum(words))} of the words"
    elif builder.is_pair and _is_even(words):
        headline = f"Equal in words; {builder.name(begins)} begins more often"
        if _is_even(opened):
            headline = "Close to balance, in words and in first moves"
    elif builder.is_pair and _is_even(opened):
        headline = f"{builder.name(writes)} writes more; first moves are shared"
    summary = f"{builder.name(writes)} wrote {share(words[writes], sum(words))} of the words; "
    summary += f"{builder.name(begins)} opened {share(opened[begins], sum(opened))} of "
    summary += f"{counted(sum(opened), 'conversation')}."
    return builder.content(headline, summary)


def _is_even(values: list[int]) -> bool:
    return abs(values[0] - values[1]) <= EVEN * sum(values)


def tension_and_repair(facts: Facts) -> InsightContent:
    """Passages of tension, conciliatory messages, and whether calm came back."""
    builder = InsightBuilder(facts)
    tension.tension(builder)
    warmth.givers(builder, "repair", "conciliatory message")
    warmth.shift(builder, "tension", "sharpness")
    return tension.told(builder)


def rituals(facts: Facts) -> InsightContent:
    """Good mornings and good nights, the longest streak of days, and the usual hours."""
    builder = InsightBuilder(facts)
    morning = warmth.givers(builder, "morning", "good morning", plural="good mornings")
    night = warmth.givers(builder, "night", "good night", plural="good nights")
    warmth.returned(builder, "morning", "good mornings")
    warmth.returned(builder, "night", "good nights")
    warmth.shift(builder, "morning", "the good morning")
    warmth.shift(builder, "night", "the good night")
    activity.streak(builder)
    activity.hours(builder)
    builder.observations += facts.activity.active_days
    builder.measure(
        good_mornings=builder.by_person(list(morning.by_person)),
        good_nights=builder.by_person(list(night.by_person)),
    )
    days = facts.activity.active_days
    summary = (
        f"On {counted(days, 'day')} of writing, a good morning stands on {morning.days:,} and a "
    )
    summary += f"good night on {night.days:,}."
    hour = facts.activity.busiest_hour
    if not builder.can_read:
        summary = f"You wrote on {counted(days, 'day')} of {facts.activity.days:,}."
        return builder.content(f"Your hour is {hour}:00", summary)
    if morning.total + night.total < 3:
        return builder.content(f"No greeting ritual; your hour is {hour}:00", summary)
    often, what = max((morning.days, "good morning"), (night.days, "good night"))
    if often == days:
        return builder.content(f"A {what} on every one of your {days:,} days", summary)
    return builder.content(f"A {what} on {share(often, days)} of your days", summary)


def plans_together(facts: Facts) -> InsightContent:
    """Plans and promises: who makes them, and which come up again later."""
    builder = InsightBuilder(facts)
    threads.makers(builder, "plan", "proposed", "thing to do together", "things to do together")
    threads.followed_up(builder, "plan", "plan", "plans")
    threads.never_again(builder, "plan", "plan", "plans")
    threads.makers(builder, "promise", "made", "promise")
    threads.followed_up(builder, "promise", "promise", "promises")
    threads.never_again(builder, "promise", "promise", "promises")
    warmth.shift(builder, "plan", "planning")
    return plans_told(builder)


def what_changes(facts: Facts) -> InsightContent:
    """What differs between the earlier and the later half: amount, tone and subjects."""
    builder = InsightBuilder(facts)
    when = facts.activity
    early_of, late_of = (sum(p.early for p in facts.people), sum(p.late for p in facts.people))
    _amount(builder)
    builder.is_lexical = True
    for signal, noun in (
        ("affection", "affection"),
        ("laughter", "laughter"),
        ("tension", "sharpness"),
        ("longing", "longing"),
        ("thanks", "thanking"),
        ("plan", "planning"),
    ):
        warmth.shift(builder, signal, noun)
    chapters.chapters(builder)
    love, sharp = facts.signals["affection"], facts.signals["tension"]
    builder.measure(
        messages_a_week={"earlier": when.early_a_week, "later": when.late_a_week},
        affection_a_hundred=_halves(love.early, early_of, love.late, late_of),
        tension_a_hundred=_halves(sharp.early, early_of, sharp.late, late_of),
    )
    if when.early_a_week is None or when.late_a_week is None:
        return builder.content(
            "Too short a time to see change",
            f"The chat covers {counted(when.days, 'day')}; a comparison needs at least two weeks "
            "on either side of its middle.",
        )
    before, since = when.early_a_week, when.late_a_week
    headline = f"You write about as much as before: {since:.0f} messages a week"
    if since > 1.25 * before:
        headline = f"You write more: {since:.0f} messages a week, {before:.0f} before"
    elif since < 0.8 * before:
        headline = f"You write less: {since:.0f} messages a week, {before:.0f} before"
    return builder.content(
        headline,
        f"The two halves of the chat, parted on {on_day(when.middle_on)}, side by side."
        + (f" {_tone(love.early, early_of, love.late, late_of)}" if love.total else ""),
    )


def _halves(early: int, early_of: int, late: int, late_of: int) -> dict[str, float | None]:
    return {"earlier": per_hundred(early, early_of), "later": per_hundred(late, late_of)}


def _tone(early: int, early_of: int, late: int, late_of: int) -> str:
    before, since = per_hundred(early, early_of), per_hundred(late, late_of)
    return capital(f"tender messages: {before:g} in a hundred before, {since:g} since.")


def _amount(builder: InsightBuilder) -> None:
    when = builder.facts.activity
    builder.observations += builder.facts.messages // 20
    if when.early_a_week is None or when.late_a_week is None:
        return
    claim = f"Before {on_day(when.middle_on)} you wrote {when.early_a_week:.0f} messages a week, "
    claim += f"since then {when.late_a_week:.0f}."
    people = builder.facts.people
    builder.add(claim, [n for each in people[:3] for n in (each.first, each.last)])
