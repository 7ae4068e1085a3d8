"""The six insights of a working group, from facts."""

from app.catalog.content import InsightContent
from app.generation.offline.claims import activity, chapters, questions, rhythm, threads, warmth
from app.generation.offline.claims.absence import none_found
from app.generation.offline.claims.friendship import pace_verdict, story_verdict
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import counted, lasting, minutes, on_day, share
from app.generation.offline.measures.facts import Facts

INSTEAD = (questions.questions, activity.shares, activity.after_hours, rhythm.pace)


def decisions(facts: Facts) -> InsightContent:
    """Messages that state a decision: by whom, when most, and which come up again."""
    builder = InsightBuilder(facts)
    made, found = facts.signals["decision"], facts.threads["decision"]
    threads.makers(builder, "decision", "stated", "decision", "decisions")
    threads.latest(builder, "decision", "decision")
    threads.followed_up(builder, "decision", "decision", "decisions")
    threads.never_again(builder, "decision", "decision", "decisions")
    warmth.peak(builder, "decision", "decisions")
    threads.ignored(builder, "decision", "decision", "decisions")
    builder.is_lexical = True
    builder.measure(
        decisions=builder.by_person(list(made.by_person)),
        taken_up_again=found.came_up,
        last_decision=found.last_on,
    )
    if not made.total or found.last_on is None:
        return none_found(
            builder,
            "No decision is stated here",
            "No message says that something was decided.",
            instead=INSTEAD,
        )
    top = max(range(len(builder.people)), key=lambda who: made.by_person[who])
    part = share(made.by_person[top], made.total)
    headline = f"{builder.name(top)} states {part} of {counted(made.total, 'decision')}"
    if made.by_person[top] == made.total:
        headline = f"{counted(made.total, 'decision')}, stated by {builder.name(top)} alone"
    put = "puts" if made.total == 1 else "put"
    summary = f"{counted(made.total, 'message')} {put} a decision into words, the last on "
    summary += f"{on_day(found.last_on)}."
    if found.traced:
        followed = counted(found.traced, "decision")
        summary += f" Of {followed} whose subject can be followed, {found.came_up or 'none'} came "
        summary += "up again."
    return builder.content(headline, summary)


def action_items(facts: Facts) -> InsightContent:
    """Tasks taken on and requested: by whom, and which were mentioned again or ignored."""
    builder = InsightBuilder(facts)
    asked, taken, done = (facts.signals[name] for name in ("request", "promise", "done"))
    threads.makers(builder, "promise", "took on", "task", "tasks")
    threads.makers(builder, "request", "made", "request", "requests")
    threads.never_again(builder, "promise", "task taken on", "tasks taken on")
    threads.followed_up(builder, "promise", "task taken on", "tasks taken on")
    threads.ignored(builder, "request", "request", "requests")
    warmth.givers(
        builder,
        "done",
        "message reporting something done",
        plural="messages reporting something done",
    )
    threads.latest(builder, "promise", "took on")
    builder.measure(
        requested=builder.by_person(list(asked.by_person)),
        taken_on=builder.by_person(list(taken.by_person)),
        reported_done=builder.by_person(list(done.by_person)),
    )
    if not asked.total + taken.total:
        return none_found(
            builder,
            "No tasks are given or taken here",
            "No message asks for something to be done, or takes it on.",
            instead=INSTEAD,
        )
    found = facts.threads["promise"]
    headline = f"{counted(asked.total, 'request')}, {taken.total or 'none'} taken on, "
    headline += f"{done.total or 'none'} reported done"
    summary = "The tasks taken on name no subject that could be followed through the chat."
    if found.traced:
        summary = f"Tasks taken on whose subject can be followed: {found.traced:,}. "
        summary += f"Reported done with the same words: {found.done or 'none'}; never mentioned "
        summary += f"again: {found.never or 'none'}."
    return builder.content(headline, summary)


def blockers(facts: Facts) -> InsightContent:
    """Reported trouble: by whom, how soon answered, and what became of it."""
    builder = InsightBuilder(facts)
    blocked, found = facts.signals["blocker"], facts.threads["blocker"]
    threads.makers(builder, "blocker", "reported", "blocker", "blockers")
    threads.answered(builder, "blocker", "blocker", "blockers")
    threads.ignored(builder, "blocker", "blocker", "blockers")
    threads.followed_up(builder, "blocker", "blocker", "blockers")
    threads.never_again(builder, "blocker", "blocker", "blockers")
    warmth.peak(builder, "blocker", "trouble")
    warmth.shift(builder, "blocker", "trouble")
    threads.latest(builder, "blocker", "blocker")
    builder.is_lexical = True
    builder.measure(
        blockers=builder.by_person(list(blocked.by_person)),
        median_answer_minutes=minutes(blocked.median_answer_s),
        unanswered=found.unanswered,
    )
    if not blocked.total:
        return none_found(
            builder,
            "Nothing is reported blocked",
            "No message says that something is stuck, late or broken.",
            instead=INSTEAD,
        )
    alone = found.unanswered or "none"
    headline = f"{counted(blocked.total, 'blocker')} reported, {alone} without an answer"
    verb = "says" if blocked.total == 1 else "say"
    summary = f"{counted(blocked.total, 'message')} of {facts.messages:,} {verb} that something is "
    summary += "stuck, late or broken."
    if blocked.median_answer_s is not None:
        summary += f" Somebody else wrote after {lasting(blocked.median_answer_s)} (median)."
    return builder.content(headline, summary)


def workload(facts: Facts) -> InsightContent:
    """Who writes and takes on how much, and how much of it outside working hours."""
    builder = InsightBuilder(facts)
    activity.shares(builder)
    activity.after_hours(builder)
    threads.makers(builder, "promise", "took on", "task", "tasks")
    activity.quieter(builder)
    activity.hours(builder)
    activity.busiest(builder)
    builder.measure(messages=builder.by_person([each.messages for each in facts.people]))
    people = facts.people
    outside = sum(each.outside for each in people)
    late = max(range(len(people)), key=lambda who: people[who].outside)
    headline = f"{share(outside, facts.messages)} of messages fall outside working hours"
    if not outside:
        headline = "All within working hours"
    if outside == facts.messages:
        headline = "Every message falls outside working hours"
    part = share(people[0].messages, facts.messages)
    summary = f"{builder.name(0)} writes most ({part} of the messages)"
    if len(people) == 1:
        summary = f"{builder.name(0)} writes alone"
    if 0 < outside < facts.messages and len(people) > 1:
        summary += f"; outside Monday to Friday, 8:00 to 18:00, {builder.name(late)} does, with "
        summary += f"{people[late].outside:,}"
    return builder.content(headline, f"{summary}. Messages measure writing, not work.")


def response_flow(facts: Facts) -> InsightContent:
    """How fast each person replies, and which questions and requests stayed open."""
    builder = InsightBuilder(facts)
    rhythm.reply_times(builder)
    questions.questions(builder)
    threads.ignored(builder, "request", "request", "requests")
    return builder.content(*pace_verdict(builder))


def themes(facts: Facts) -> InsightContent:
    """The subjects of the periods, the lasting ones, and words that are one person's own."""
    builder = InsightBuilder(facts)
    told = chapters.chapters(builder)
    chapters.lasting_subjects(builder)
    chapters.own_words(builder)
    chapters.chapter_metrics(builder, "periods")
    return builder.content(*story_verdict(builder, [each.subjects[0].word for each in told]))
