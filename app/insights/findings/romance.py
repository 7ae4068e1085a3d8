"""The six insights of a romance, from facts."""

from app.insights.content import InsightContent
from app.insights.facts.measure import Facts
from app.insights.findings import activity, chapters, questions, rhythm, tension, threads, warmth
from app.insights.findings.absence import none_found
from app.insights.findings.friendship import plans_told
from app.insights.findings.prose import capital, counted, on_day, per_hundred, share
from app.insights.findings.sketch import Sketch

EVEN = 0.08
OPENED_MIN = 6


def affection(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    love = warmth.givers(sketch, "affection", "affectionate message")
    longing = warmth.givers(sketch, "longing", "message of longing", plural="messages of longing")
    warmth.returned(sketch, "affection", "affectionate messages")
    warmth.shift(sketch, "affection", "affection")
    warmth.peak(sketch, "affection", "affection")
    warmth.givers(sketch, "praise", "message with praise")
    warmth.givers(sketch, "thanks", "message with thanks")
    back = round(love.returned / love.total, 2) if love.total else None
    sketch.measure(
        affection=sketch.by_person(list(love.by_person)),
        longing=sketch.by_person(list(longing.by_person)),
        returned_within_an_hour=back,
    )
    if not love.total:
        return none_found(
            sketch,
            "No affection in words that could be counted",
            "No tender word or heart was found; affection may take other forms here.",
            instead=(activity.streak, activity.hours, rhythm.pace, activity.shares),
        )
    top = max(range(len(sketch.people)), key=lambda who: love.by_person[who])
    headline = f"{sketch.name(top)} says it more often: {love.by_person[top]:,} of "
    headline += f"{counted(love.total, 'tender message')}"
    if love.by_person[top] == love.total:
        headline = f"{sketch.name(top)} says it alone: {counted(love.total, 'tender message')}"
    if sketch.is_pair and abs(love.by_person[0] - love.by_person[1]) <= EVEN * love.total:
        headline = (
            f"You say it equally often: {love.by_person[0]:,} and {love.by_person[1]:,} times"
        )
    summary = (
        f"{counted(love.total, 'message')} of {facts.messages:,} with a tender word or a heart, "
    )
    summary += f"on {counted(love.days, 'day')}; {counted(longing.total, 'message')} of longing."
    return sketch.content(headline, summary)


def balance(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    activity.shares(sketch)
    activity.words_each(sketch)
    rhythm.openings(sketch)
    rhythm.reply_times(sketch)
    questions.questions(sketch)
    rhythm.last_words(sketch)
    sketch.measure(words=sketch.by_person([each.words for each in facts.people]))
    if len(sketch.people) < 2:
        return sketch.content("Only one side writes", "There is nothing to weigh against.")
    words = [each.words for each in facts.people]
    opened = [each.opened for each in facts.rhythm.openers]
    writes = max(range(len(words)), key=lambda who: words[who])
    begins = max(range(len(opened)), key=lambda who: opened[who])
    headline = f"{sketch.name(writes)} writes more, {sketch.name(begins)} begins more often"
    if not sketch.is_pair:
        headline = f"{sketch.name(writes)} writes most, {sketch.name(begins)} begins most often"
        if writes == begins:
            headline = f"{sketch.name(writes)} writes most and begins most often"
    elif writes == begins:
        headline = f"{sketch.name(writes)} writes more and begins more often"
    if sum(opened) < OPENED_MIN:
        headline = f"{sketch.name(writes)} wrote {share(words[writes], sum(words))} of the words"
    elif sketch.is_pair and _is_even(words):
        headline = f"Equal in words; {sketch.name(begins)} begins more often"
        if _is_even(opened):
            headline = "Close to balance, in words and in first moves"
    elif sketch.is_pair and _is_even(opened):
        headline = f"{sketch.name(writes)} writes more; first moves are shared"
    summary = f"{sketch.name(writes)} wrote {share(words[writes], sum(words))} of the words; "
    summary += f"{sketch.name(begins)} opened {share(opened[begins], sum(opened))} of "
    summary += f"{counted(sum(opened), 'conversation')}."
    return sketch.content(headline, summary)


def _is_even(values: list[int]) -> bool:
    return abs(values[0] - values[1]) <= EVEN * sum(values)


def tension_and_repair(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    tension.tension(sketch)
    warmth.givers(sketch, "repair", "conciliatory message")
    warmth.shift(sketch, "tension", "sharpness")
    return tension.told(sketch)


def rituals(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    morning = warmth.givers(sketch, "morning", "good morning", plural="good mornings")
    night = warmth.givers(sketch, "night", "good night", plural="good nights")
    warmth.returned(sketch, "morning", "good mornings")
    warmth.returned(sketch, "night", "good nights")
    warmth.shift(sketch, "morning", "the good morning")
    warmth.shift(sketch, "night", "the good night")
    activity.streak(sketch)
    activity.hours(sketch)
    sketch.observations += facts.activity.active_days
    sketch.measure(
        good_mornings=sketch.by_person(list(morning.by_person)),
        good_nights=sketch.by_person(list(night.by_person)),
    )
    days = facts.activity.active_days
    summary = (
        f"On {counted(days, 'day')} of writing, a good morning stands on {morning.days:,} and a "
    )
    summary += f"good night on {night.days:,}."
    hour = facts.activity.busiest_hour
    if not sketch.can_read:
        summary = f"You wrote on {counted(days, 'day')} of {facts.activity.days:,}."
        return sketch.content(f"Your hour is {hour}:00", summary)
    if morning.total + night.total < 3:
        return sketch.content(f"No greeting ritual; your hour is {hour}:00", summary)
    often, what = max((morning.days, "good morning"), (night.days, "good night"))
    if often == days:
        return sketch.content(f"A {what} on every one of your {days:,} days", summary)
    return sketch.content(f"A {what} on {share(often, days)} of your days", summary)


def plans_together(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    threads.makers(sketch, "plan", "proposed", "thing to do together", "things to do together")
    threads.followed_up(sketch, "plan", "plan", "plans")
    threads.never_again(sketch, "plan", "plan", "plans")
    threads.makers(sketch, "promise", "made", "promise")
    threads.followed_up(sketch, "promise", "promise", "promises")
    threads.never_again(sketch, "promise", "promise", "promises")
    warmth.shift(sketch, "plan", "planning")
    return plans_told(sketch)


def what_changes(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    when = facts.activity
    early_of, late_of = (sum(p.early for p in facts.people), sum(p.late for p in facts.people))
    _amount(sketch)
    sketch.is_lexical = True
    for signal, noun in (
        ("affection", "affection"),
        ("laughter", "laughter"),
        ("tension", "sharpness"),
        ("longing", "longing"),
        ("thanks", "thanking"),
        ("plan", "planning"),
    ):
        warmth.shift(sketch, signal, noun)
    chapters.chapters(sketch)
    love, sharp = facts.signals["affection"], facts.signals["tension"]
    sketch.measure(
        messages_a_week={"earlier": when.early_a_week, "later": when.late_a_week},
        affection_a_hundred=_halves(love.early, early_of, love.late, late_of),
        tension_a_hundred=_halves(sharp.early, early_of, sharp.late, late_of),
    )
    if when.early_a_week is None or when.late_a_week is None:
        return sketch.content(
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
    return sketch.content(
        headline,
        f"The two halves of the chat, parted on {on_day(when.middle_on)}, side by side."
        + (f" {_tone(love.early, early_of, love.late, late_of)}" if love.total else ""),
    )


def _halves(early: int, early_of: int, late: int, late_of: int) -> dict[str, float | None]:
    return {"earlier": per_hundred(early, early_of), "later": per_hundred(late, late_of)}


def _tone(early: int, early_of: int, late: int, late_of: int) -> str:
    before, since = per_hundred(early, early_of), per_hundred(late, late_of)
    return capital(f"tender messages: {before:g} in a hundred before, {since:g} since.")


def _amount(sketch: Sketch) -> None:
    when = sketch.facts.activity
    sketch.observations += sketch.facts.messages // 20
    if when.early_a_week is None or when.late_a_week is None:
        return
    claim = f"Before {on_day(when.middle_on)} you wrote {when.early_a_week:.0f} messages a week, "
    claim += f"since then {when.late_a_week:.0f}."
    people = sketch.facts.people
    sketch.add(claim, [n for each in people[:3] for n in (each.first, each.last)])
