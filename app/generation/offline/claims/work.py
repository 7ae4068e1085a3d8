"""The six insights of a working group. Each measured fact is told by one insight of all."""

from app.catalog.content import InsightContent
from app.generation.offline.claims.story import Story, leads, ranked
from app.generation.offline.language import Period, Share, Weekday
from app.generation.offline.measures import rhythm
from app.generation.offline.measures.events import Pair
from app.generation.offline.measures.transcript import SECONDS_A_DAY

EVENTS_SHOWN, THEMES_SHOWN = 6, 3
MESSAGES_MIN, HALF_MIN, REPLIES_MIN, DAYS_MIN = 20, 20, 5, 14
SHIFT_MIN = 0.05
SLOW_S, PACE_RATIO = 3600, 1.2
WORK_HOURS, WEEKEND = range(8, 18), (5, 6)


def decisions(story: Story) -> InsightContent | None:
    """Decisions in words that another person agreed to."""
    made = story.facts.events.decisions
    own = story.chat.by_person(each.at for each in made)
    story.measure(
        decisions=story.by_person([len(mine) for mine in own]),
        taken_up_again=story.facts.events.taken_up,
        last_decision=story.chat.on(made[-1].at).isoformat() if made else None,
    )
    _told(story, made, "Decided on {day}, in the words of {name}: “{quote}”. {other}: “{reply}”.")
    if made:
        story.head_n(
            "{n} decision with a yes to it, of {day}",
            "{n} decisions with a yes to them, the last of {day}",
            n=len(made),
            day=story.chat.on(made[-1].at),
        )
    return story.told("A decision counts where it is put into words and somebody agrees.")


def action_items(story: Story) -> InsightContent | None:
    """What was asked for by a day and reported done."""
    chat, tasks = story.chat, story.facts.events.tasks
    promises = [each.at for each in story.facts.events.promises]
    story.measure(
        requested=story.counts("request"),
        taken_on=story.by_person([len(mine) for mine in chat.by_person(promises)]),
        reported_done=story.counts("done"),
    )
    _told(
        story,
        tasks,
        "{name} asked on {day}: “{quote}”. {other} reported on {later}: “{reply}”.",
    )
    if tasks:
        story.head_n(
            "{n} request with a day, reported done",
            "{n} requests with a day, reported done",
            n=len(tasks),
        )
    return story.told("Told is what somebody asked for by a day and another reported as done.")


def blockers(story: Story) -> InsightContent | None:
    """Trouble that was reported, and later reported solved."""
    chat, solved = story.chat, story.facts.events.troubles
    trouble = sorted(chat.signals["blocker"])
    answers = [(at, chat.reply(at)) for at in trouble]
    waits = sorted(chat.at[reply] - chat.at[at] for at, reply in answers if reply is not None)
    alone = [
        at for at, reply in answers if reply is None and chat.at[-1] - chat.at[at] > SECONDS_A_DAY
    ]
    story.measure(
        blockers=story.counts("blocker"),
        median_answer_minutes=round(waits[len(waits) // 2] / 60, 1) if waits else None,
        unanswered=len(alone),
    )
    _told(
        story,
        solved,
        "{name} reported on {day}: “{quote}”. Solved {span} later, by the words of {other}: "
        "“{reply}”.",
    )
    if solved:
        story.head_n(
            "{n} trouble reported, and reported solved",
            "{n} troubles reported, and reported solved",
            n=len(solved),
        )
    return story.told("Told is trouble that a later message on the same thing calls solved.")


def _told(story: Story, pairs: list[Pair], message: str) -> None:
    chat = story.chat
    for each in pairs[-EVENTS_SHOWN:]:
        story.tell(
            message,
            [each.at, each.other],
            day=chat.on(each.at),
            later=chat.on(each.other),
            span=chat.between(each.at, each.other),
            name=story.name(each.at),
            other=story.name(each.other),
            quote=story.quote(each.at),
            reply=story.quote(each.other),
        )


def workload(story: Story) -> InsightContent | None:
    """How much is written outside working hours, by whom, and how that changed."""
    chat, total = story.chat, story.facts.messages
    outside = [at for at in range(total) if _is_outside(story, at)]
    own = chat.by_person(outside)
    story.measure(
        messages=story.by_person([each.messages for each in story.facts.people]),
        after_hours_share=round(len(outside) / total, 3),
        after_hours=story.by_person([len(mine) for mine in own]),
    )
    if total < MESSAGES_MIN:
        return None
    story.tell(
        "{count} of {total} messages ({share}) were written outside Monday to Friday, 8 to 18 "
        "o'clock.",
        outside or [0, total - 1],
        headline="{share} of the messages fall outside working hours",
        count=len(outside),
        total=total,
        share=Share(len(outside), total),
    )
    if story.is_shared and outside:
        top, second = ranked(own)[:2]
        story.tell(
            "Of {name}'s {total} messages {count} fall there, of {other}'s {other_total} {rest}.",
            [*own[top], *own[second]],
            name=story.people[top],
            other=story.people[second],
            total=story.facts.people[top].messages,
            other_total=story.facts.people[second].messages,
            count=len(own[top]),
            rest=len(own[second]),
        )
    _workload_change(story, outside)
    if chat.day[-1] - chat.day[0] >= DAYS_MIN:
        weekdays = [[at for at in range(total) if chat.weekday(at) == day] for day in range(7)]
        top = ranked(weekdays)[0]
        if leads(map(len, weekdays)):
            story.tell(
                "No day of the week is as full as {weekday}: {share} of the messages.",
                weekdays[top],
                weekday=Weekday(top),
                share=Share(len(weekdays[top]), total),
            )
    return story.told("Messages measure writing, not work.")


def _is_outside(story: Story, at: int) -> bool:
    return story.chat.hour[at] not in WORK_HOURS or story.chat.weekday(at) in WEEKEND


def _workload_change(story: Story, outside: list[int]) -> None:
    early, late = story.halves(outside)
    middle, total = story.chat.middle, story.facts.messages
    if not story.has_halves or min(middle, total - middle) < HALF_MIN:
        return
    before, since = Share(len(early), middle), Share(len(late), total - middle)
    if abs(before.part / before.whole - since.part / since.whole) >= SHIFT_MIN:
        story.tell(
            "That part was {before} before {day}, and is {since} since.",
            outside,
            before=before,
            since=since,
            day=story.chat.on(middle),
        )


def response_flow(story: Story) -> InsightContent | None:
    """Who lets others wait, when answers are slow, and who answers whom."""
    chat, replies = story.chat, story.facts.replies
    story.measure_replies()
    every = sorted(at for mine in replies for at in mine)
    if len(every) < REPLIES_MIN:
        return None
    slow = [at for at in every if chat.at[at] - chat.at[at - 1] > SLOW_S]
    own = chat.by_person(slow)
    top = next((who for who in ranked(own) if len(replies[who]) >= REPLIES_MIN), 0)
    longest = max(own[top], key=lambda at: chat.at[at] - chat.at[at - 1], default=None)
    if longest is not None:
        story.tell(
            "{name} let {count} of {total} replies wait for more than an hour, the longest {span}, "
            "until {day}.",
            [longest - 1, *own[top]],
            headline="{name} took more than an hour for {count} of {total} replies",
            name=story.people[top],
            count=len(own[top]),
            total=len(replies[top]),
            span=chat.between(longest - 1, longest),
            day=chat.on(longest),
        )
    _hours(story, every)
    if story.is_crowd:
        _who_answers_whom(story, every)
    return story.told("Waits count within a conversation: not over six hours of silence.")


def _hours(story: Story, every: list[int]) -> None:
    """Replies in working hours beside those outside."""
    outside = [at for at in every if _is_outside(story, at)]
    inside = [at for at in every if not _is_outside(story, at)]
    work, rest = rhythm.wait(story.chat, inside), rhythm.wait(story.chat, outside)
    if work is None or rest is None or min(len(inside), len(outside)) < REPLIES_MIN:
        return
    if max(work, rest) >= PACE_RATIO * min(work, rest):
        story.tell(
            "Monday to Friday, 8 to 18 o'clock, half of all replies came within {span}, at other "
            "times within {other}.",
            [*inside, *outside],
            headline="Replies take {span} in working hours, {other} outside",
            span=work,
            other=rest,
        )


def _who_answers_whom(story: Story, every: list[int]) -> None:
    chat = story.chat
    pairs: dict[tuple[int, int], list[int]] = {}
    for at in every:
        pairs.setdefault((chat.who[at], chat.who[at - 1]), []).append(at)
    (who, whom), places = max(pairs.items(), key=lambda each: len(each[1]))
    if not leads(map(len, pairs.values())):
        return
    story.tell(
        "{name} replied to {other} {count} times, more often than anybody to anybody else.",
        places,
        headline="{name} replies to {other} most: {count} times",
        name=story.people[who],
        other=story.people[whom],
        count=len(places),
    )


def themes(story: Story) -> InsightContent | None:
    """Words of most parts of the chat, and words that are one person's own."""
    subjects = story.facts.subjects
    busiest = max(subjects.periods, key=lambda each: len(each.messages))
    story.measure(
        periods=len(subjects.periods),
        busiest_period=story.language.shown(Period(busiest.first, subjects.grain)),
        lasting_subjects=[each.word for each in subjects.lasting],
    )
    for each in subjects.lasting[:THEMES_SHOWN]:
        story.tell(
            "“{word}” stands in {count} messages, and in most of the {periods} parts of the chat.",
            each.places,
            headline="“{word}” runs through most of the chat: {count} messages",
            word=each.word,
            count=len(each.places),
            periods=len(subjects.periods),
        )
    for who, own in enumerate(subjects.own[:THEMES_SHOWN]):
        for each in own:
            story.tell(
                "{name} writes “{word}” in {count} messages, everybody else together in {rest}.",
                each.places,
                headline="“{word}” is {name}'s word: {count} times",
                name=story.people[who],
                word=each.word,
                count=len(each.places),
                rest=each.elsewhere,
            )
    return story.told("Words are counted, once a message; what they mean is not judged.")
