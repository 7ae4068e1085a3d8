"""The six insights of a working group, from facts."""

from app.insights.content import InsightContent
from app.insights.facts.measure import Facts
from app.insights.findings import activity, chapters, questions, rhythm, threads, warmth
from app.insights.findings.absence import none_found
from app.insights.findings.friendship import pace_verdict, story_verdict
from app.insights.findings.prose import counted, lasting, minutes, on_day, share
from app.insights.findings.sketch import Sketch

INSTEAD = (questions.questions, activity.shares, activity.after_hours, rhythm.pace)


def decisions(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    made, found = facts.signals["decision"], facts.threads["decision"]
    threads.makers(sketch, "decision", "stated", "decision", "decisions")
    threads.latest(sketch, "decision", "decision")
    threads.followed_up(sketch, "decision", "decision", "decisions")
    threads.never_again(sketch, "decision", "decision", "decisions")
    warmth.peak(sketch, "decision", "decisions")
    threads.ignored(sketch, "decision", "decision", "decisions")
    sketch.is_lexical = True
    sketch.measure(
        decisions=sketch.by_person(list(made.by_person)),
        taken_up_again=found.came_up,
        last_decision=found.last_on,
    )
    if not made.total or found.last_on is None:
        return none_found(
            sketch,
            "No decision is stated here",
            "No message says that something was decided.",
            instead=INSTEAD,
        )
    top = max(range(len(sketch.people)), key=lambda who: made.by_person[who])
    part = share(made.by_person[top], made.total)
    headline = f"{sketch.name(top)} states {part} of {counted(made.total, 'decision')}"
    if made.by_person[top] == made.total:
        headline = f"{counted(made.total, 'decision')}, stated by {sketch.name(top)} alone"
    put = "puts" if made.total == 1 else "put"
    summary = f"{counted(made.total, 'message')} {put} a decision into words, the last on "
    summary += f"{on_day(found.last_on)}."
    if found.traced:
        followed = counted(found.traced, "decision")
        summary += f" Of {followed} whose subject can be followed, {found.came_up or 'none'} came "
        summary += "up again."
    return sketch.content(headline, summary)


def action_items(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    asked, taken, done = (facts.signals[name] for name in ("request", "promise", "done"))
    threads.makers(sketch, "promise", "took on", "task", "tasks")
    threads.makers(sketch, "request", "made", "request", "requests")
    threads.never_again(sketch, "promise", "task taken on", "tasks taken on")
    threads.followed_up(sketch, "promise", "task taken on", "tasks taken on")
    threads.ignored(sketch, "request", "request", "requests")
    warmth.givers(
        sketch,
        "done",
        "message reporting something done",
        plural="messages reporting something done",
    )
    threads.latest(sketch, "promise", "took on")
    sketch.measure(
        requested=sketch.by_person(list(asked.by_person)),
        taken_on=sketch.by_person(list(taken.by_person)),
        reported_done=sketch.by_person(list(done.by_person)),
    )
    if not asked.total + taken.total:
        return none_found(
            sketch,
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
    return sketch.content(headline, summary)


def blockers(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    blocked, found = facts.signals["blocker"], facts.threads["blocker"]
    threads.makers(sketch, "blocker", "reported", "blocker", "blockers")
    threads.answered(sketch, "blocker", "blocker", "blockers")
    threads.ignored(sketch, "blocker", "blocker", "blockers")
    threads.followed_up(sketch, "blocker", "blocker", "blockers")
    threads.never_again(sketch, "blocker", "blocker", "blockers")
    warmth.peak(sketch, "blocker", "trouble")
    warmth.shift(sketch, "blocker", "trouble")
    threads.latest(sketch, "blocker", "blocker")
    sketch.is_lexical = True
    sketch.measure(
        blockers=sketch.by_person(list(blocked.by_person)),
        median_answer_minutes=minutes(blocked.median_answer_s),
        unanswered=found.unanswered,
    )
    if not blocked.total:
        return none_found(
            sketch,
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
    return sketch.content(headline, summary)


def workload(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    activity.shares(sketch)
    activity.after_hours(sketch)
    threads.makers(sketch, "promise", "took on", "task", "tasks")
    activity.quieter(sketch)
    activity.hours(sketch)
    activity.busiest(sketch)
    sketch.measure(messages=sketch.by_person([each.messages for each in facts.people]))
    people = facts.people
    outside = sum(each.outside for each in people)
    late = max(range(len(people)), key=lambda who: people[who].outside)
    headline = f"{share(outside, facts.messages)} of messages fall outside working hours"
    if not outside:
        headline = "All within working hours"
    if outside == facts.messages:
        headline = "Every message falls outside working hours"
    part = share(people[0].messages, facts.messages)
    summary = f"{sketch.name(0)} writes most ({part} of the messages)"
    if len(people) == 1:
        summary = f"{sketch.name(0)} writes alone"
    if 0 < outside < facts.messages and len(people) > 1:
        summary += f"; outside Monday to Friday, 8:00 to 18:00, {sketch.name(late)} does, with "
        summary += f"{people[late].outside:,}"
    return sketch.content(headline, f"{summary}. Messages measure writing, not work.")


def response_flow(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    rhythm.reply_times(sketch)
    questions.questions(sketch)
    threads.ignored(sketch, "request", "request", "requests")
    return sketch.content(*pace_verdict(sketch))


def themes(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    told = chapters.chapters(sketch)
    chapters.lasting_subjects(sketch)
    chapters.own_words(sketch)
    chapters.chapter_metrics(sketch, "periods")
    return sketch.content(*story_verdict(sketch, [each.subjects[0].word for each in told]))
