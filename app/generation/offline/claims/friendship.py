"""The six insights of a friendship, from facts."""

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
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import (
    capital,
    counted,
    lasting,
    listed,
    on_day,
    quoted,
    share,
    spelt,
    times,
)
from app.generation.offline.measures.facts import Facts

EVEN_POINTS = 0.1
NO_PLANS = "No message proposes something to do together or promises to do something."
FEW = 5
FEW_SUMMARY = (
    "Thanks, praise, affection and laughter were looked for by word lists and emoji. Few appear; "
    "the ones there are stand below. Some people are warm without such words."
)


def who_reaches_out(facts: Facts) -> InsightContent:
    """Who opens conversations and breaks silences, and how often an opening stays alone."""
    builder = InsightBuilder(facts)
    rhythm.openings(builder)
    rhythm.silences(builder)
    rhythm.unanswered_openings(builder)
    plans = builder.facts.signals["plan"]
    if plans.total >= 3:
        threads.makers(builder, "plan", "proposed", "thing to do together", "things to do together")
    rhythm.last_words(builder)
    builder.is_lexical = False  # All but the plans is true in any language.
    return builder.content(*opening_verdict(builder))


def opening_verdict(builder: InsightBuilder) -> tuple[str, str]:
    """Headline and summary on who opens conversations."""
    flow = builder.facts.rhythm
    opened = [each.opened for each in flow.openers]
    top = max(range(len(opened)), key=lambda who: opened[who])
    name, total = builder.name(top), flow.conversations
    leaders = [who for who in range(len(opened)) if opened[who] == opened[top]]
    if total < FEW:
        begun = f"{capital(spelt(total))} {'conversation' if total == 1 else 'conversations'}"
        count = "all" if opened[top] == total else f"{opened[top]} of them"
        by = f"begun by {name}" if total == 1 else f"{count} begun by {name}"
        if len(leaders) > 1:
            by = f"begun by {builder.names(leaders)} in turn"
        return f"{begun} so far, {by}", f"{_span(builder)}: too little to call a pattern."
    part = share(opened[top], total)
    if builder.is_pair and abs(opened[0] - opened[1]) <= EVEN_POINTS * total:
        headline = f"You reach out to each other about equally: {opened[0]} to {opened[1]}"
    else:
        headline = f"{name} reaches out most: {part} of {counted(total, 'conversation')}"
    if opened[top] == total:
        headline = f"{name} opens every conversation: all {total:,}"
    if len(opened) == 1:
        headline = f"{name} writes alone, and came back after a silence {times(total - 1)}"
    if not builder.is_pair and len(leaders) > 1:
        headline = f"{builder.names(leaders[:4])} reach out equally often"
    silences = [each.ended_by for each in flow.silences]
    summary = f"{_span(builder)} there were {counted(total, 'conversation')}, each begun after six "
    began = "all" if opened[top] == total else f"{opened[top]:,}"
    summary += f"hours of silence or more; {name} began {began} of them."
    if silences:
        who = flow.silences[0].ended_by
        longest = lasting(flow.silences[0].days * 86_400)
        summary += f" After the longest silence, {longest}, it was {builder.name(who)} who wrote."
    return headline, summary


def _span(builder: InsightBuilder) -> str:
    when = builder.facts.activity
    if when.first_on == when.last_on:
        return f"On {on_day(when.first_on)}"
    return f"Between {on_day(when.first_on)} and {on_day(when.last_on)}"


def listening(facts: Facts) -> InsightContent:
    """How fast each person replies, and which questions stayed without a reaction."""
    builder = InsightBuilder(facts)
    rhythm.reply_times(builder)
    questions.questions(builder)
    return builder.content(*pace_verdict(builder))


def pace_verdict(builder: InsightBuilder) -> tuple[str, str]:
    """Headline and summary on reply times and open questions."""
    replies = builder.facts.rhythm.replies
    known = [who for who, each in enumerate(replies) if each.count >= rhythm.REPLIES_MIN]
    known.sort(key=lambda who: replies[who].median_s or 0.0)
    note = questions.open_question_note(builder)
    asked = builder.facts.questions.asked
    if not known:
        few = "There are too few replies to time."
        if not asked:
            return "Hardly any replies yet", few
        return f"{capital(counted(asked, 'question'))} and hardly any replies yet", f"{few} {note}"
    fast, slow = known[0], known[-1]
    quick = lasting(replies[fast].median_s or 0)
    if fast == slow:
        headline = f"{builder.name(fast)} answers within {quick}"
    else:
        patient = lasting(replies[slow].median_s or 0)
        headline = f"{builder.name(fast)} answers in {quick}, {builder.name(slow)} in {patient}"
        if quick == patient:
            headline = (
                f"An even pace: {builder.name(fast)} and {builder.name(slow)} answer in {quick}"
            )
    total = sum(each.count for each in replies)
    summary = f"Measured over {counted(total, 'reply', 'replies')} within a conversation"
    if not asked:
        return headline, f"{summary}; nobody asked a question."
    return headline, f"{summary} and {counted(asked, 'message')} with a question. {note}"


def warmth_and_humour(facts: Facts) -> InsightContent:
    """Laughter, thanks, praise and affection: by whom, returned how often, and when most."""
    builder = InsightBuilder(facts)
    laughter = warmth.givers(builder, "laughter", "message with laughter")
    thanks = warmth.givers(builder, "thanks", "message with thanks")
    praise = warmth.givers(builder, "praise", "message with praise")
    love = warmth.givers(builder, "affection", "affectionate message")
    warmth.peak(builder, "laughter", "laughter")
    warmth.returned(builder, "laughter", "laughs")
    warmth.shift(builder, "laughter", "laughter")
    warmth.peak(builder, "affection", "affection")
    kind = [a + b for a, b in zip(praise.by_person, love.by_person, strict=True)]
    builder.measure(
        laughs=builder.by_person(list(laughter.by_person)),
        thanks=builder.by_person(list(thanks.by_person)),
        kind_words=builder.by_person(kind),
    )
    said = [("laughter", laughter.total), ("thanks", thanks.total)]
    said += [("praise", praise.total), ("affection", love.total)]
    most = max(said, key=lambda each: each[1])
    if not most[1]:
        return none_found(
            builder,
            "No spoken warmth that could be counted",
            "No thanks, praise, affection or laughter was found; warmth may take other forms here.",
            instead=(activity.shares, activity.words_each, activity.streak, rhythm.pace),
        )
    if sum(total for _, total in said) < FEW:
        few = counted(sum(total for _, total in said), "kind or merry word")
        return builder.content(f"Sparing with warmth: {few}", FEW_SUMMARY)
    rate = facts.messages / most[1]
    summary = "Counted by word lists and emoji: " + listed(
        [f"{word} in {counted(total, 'message')}" for word, total in said]
    )
    often = f"one of {rate:.0f} messages" if rate >= 1.5 else "nearly every message"
    return builder.content(f"{capital(most[0])} comes first, in {often}", f"{summary}.")


def rough_patches(facts: Facts) -> InsightContent:
    """Passages of tension, and what followed them: apology, calm, or nothing."""
    builder = InsightBuilder(facts)
    tension.tension(builder)
    return tension.told(builder)


def plans_and_promises(facts: Facts) -> InsightContent:
    """Who proposes and promises, and which of it comes up again later."""
    builder = InsightBuilder(facts)
    threads.makers(builder, "plan", "proposed", "thing to do together", "things to do together")
    threads.makers(builder, "promise", "made", "promise")
    threads.followed_up(builder, "promise", "promise", "promises")
    threads.never_again(builder, "promise", "promise", "promises")
    threads.followed_up(builder, "plan", "plan", "plans")
    threads.never_again(builder, "plan", "plan", "plans")
    return plans_told(builder)


def plans_told(builder: InsightBuilder) -> InsightContent:
    """The insight on plans and promises whose findings are there already; adds their metrics."""
    plan, promise = builder.facts.threads["plan"], builder.facts.threads["promise"]
    never = plan.never + promise.never
    traced = plan.traced + promise.traced
    signals = builder.facts.signals
    builder.measure(
        plans=builder.by_person(list(signals["plan"].by_person)),
        promises=builder.by_person(list(signals["promise"].by_person)),
        never_mentioned_again=never,
    )
    total = f"{counted(plan.total, 'plan')} and {counted(promise.total, 'promise')}"
    if not plan.total + promise.total:
        return none_found(
            builder,
            "No plans or promises found",
            NO_PLANS,
            instead=(activity.hours, activity.busiest, activity.streak, activity.shares),
        )
    if not traced:
        return builder.content(
            f"{total}, too recent or too brief to follow",
            "Whether they came to anything cannot be told: they name no subject that could return, "
            "or the chat ends within a week of them.",
        )
    comes = "comes" if traced - never == 1 else "come"
    later = "up again in a later conversation within 60 days. "
    summary = f"Found were {total}. Of the {traced:,} that can be followed (they name a subject, "
    summary += f"and a week of chat follows), {traced - never or 'none'} {comes} {later}"
    if traced == 1:
        summary = f"Found were {total}. The one that can be followed (it names a subject, and a "
        summary += f"week of chat follows) {'does not come' if never else 'comes'} {later}"
    summary += "What is not written about again may still have happened."
    if traced < FEW:
        return builder.content(f"{total}: {never or 'none'} never spoken of again", summary)
    headline = f"{traced - never or 'None'} of {traced:,} plans and promises {comes} up again"
    return builder.content(headline, summary)


def story(facts: Facts) -> InsightContent:
    """The periods of the chat by their subjects, the lasting ones, and the busiest time."""
    builder = InsightBuilder(facts)
    told = chapters.chapters(builder)
    chapters.lasting_subjects(builder)
    chapters.own_words(builder)
    activity.busiest(builder)
    chapters.chapter_metrics(builder, "chapters")
    return builder.content(*story_verdict(builder, [each.subjects[0].word for each in told]))


def story_verdict(builder: InsightBuilder, words: list[str]) -> tuple[str, str]:
    """Headline and summary on subjects over time."""
    when = builder.facts.activity
    stays = builder.facts.chapters.lasting
    if not words and stays:
        return (
            f"No period stands out; {quoted(stays[0].word)} runs through all of it",
            "The same words return throughout; none is far commoner in one period than elsewhere.",
        )
    if not words:
        return (
            "Too little text for subjects of its own",
            "No word is frequent enough in any period to stand for a subject.",
        )
    shown = words if len(words) <= 4 else [words[0], words[len(words) // 2], words[-1]]
    headline = f"From {quoted(shown[0])} to {quoted(shown[-1])}"
    if len(shown) == 1:
        headline = f"It is about {quoted(shown[0])}"
    periods = counted(builder.facts.chapters.periods, "period")
    summary = (
        f"{counted(when.days, 'day')} in {periods}: each is told by the words far commoner in "
    )
    summary += "it than in the rest of the chat, with the messages that hold them."
    return headline, summary
