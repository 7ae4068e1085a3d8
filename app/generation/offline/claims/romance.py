"""The six insights of a romance. Each measured fact is told by one insight of all categories."""

from collections import Counter
from collections.abc import Callable
from datetime import date, time
from itertools import groupby

from app.catalog.content import InsightContent
from app.generation.offline.claims.story import Story, leads, ranked
from app.generation.offline.language import Share
from app.generation.offline.measures import rhythm
from app.generation.offline.measures.facts import count_words

RETURN_S, RETURNED_MIN = 3600, 3
HALF_DAYS_MIN, HALF_MESSAGES_MIN = 14, 20
RUN_MIN = 3
TALKS_MIN, ASKED_MIN, HOURS_MIN, STREAK_MIN, GREETINGS_MIN = 5, 5, 30, 3, 3
EVENTS_SHOWN = 5
LATE_FROM, LATE_TO = 22, 6


def affection(story: Story) -> InsightContent | None:
    """The tender words of each, and how often they are returned."""
    tender = sorted(story.chat.signals["affection"])
    returned = _returned(story, tender)
    story.measure(
        affection=story.counts("affection"),
        longing=story.counts("longing"),
        returned_within_an_hour=round(len(returned) / len(tender), 2) if tender else None,
    )
    story.forms(
        "affection",
        "Of tender words and signs, {name} writes “{form}” most often: {count} times.",
        headline="{name} says it with “{form}”, {count} times",
    )
    story.forms(
        "longing",
        "{name} writes “{form}” {count} times.",
        headline="“{form}”, {name} wrote {count} times",
    )
    if story.is_shared and len(tender) >= RETURNED_MIN and returned:
        story.tell(
            "After {count} of {total} messages with tender words or signs somebody else sent one "
            "within the hour.",
            returned,
            count=len(returned),
            total=len(tender),
        )
    return story.told("Tender words and hearts are counted where they stand, whatever is meant.")


def _returned(story: Story, positions: list[int]) -> list[int]:
    """Those that another person returned in kind within an hour."""
    chat = story.chat
    found: list[int] = []
    for place, at in enumerate(positions):
        for later in positions[place + 1 :]:
            if chat.at[later] - chat.at[at] > RETURN_S:
                break
            if chat.who[later] != chat.who[at]:
                found.append(at)
                break
    return found


def balance(story: Story) -> InsightContent | None:
    """Who writes more words, asks more, has the last word, and writes on without an answer."""
    facts, chat = story.facts, story.chat
    waits = [rhythm.wait(chat, mine) for mine in facts.replies]
    story.measure(
        opened=story.by_person([len(mine) for mine in facts.openings]),
        words=story.by_person([each.words for each in facts.people]),
        median_reply_minutes=story.by_person(
            [None if each is None else round(each.total_seconds() / 60, 1) for each in waits]
        ),
    )
    if not story.is_shared:
        return None
    _words(story)
    _compared(
        story,
        facts.questions.asked,
        ASKED_MIN,
        "{name} asked {count} questions, {other} {rest}.",
    )
    last = chat.by_person(talk[-1] for talk in chat.talks())
    is_own_fact = list(map(len, last)) != list(map(len, facts.openings))
    if len(chat.starts) >= TALKS_MIN and is_own_fact:
        _compared(
            story,
            last,
            TALKS_MIN,
            "{name} wrote the last message of {count} of {total} conversations, {other} of {rest}.",
        )
    runs = [
        places[0]
        for _, group in groupby(range(len(chat.who)), key=lambda at: chat.who[at])
        if len(places := list(group)) >= RUN_MIN
    ]
    _compared(
        story,
        chat.by_person(runs),
        RUN_MIN,
        "Three messages or more in a row: {name} {count} times, {other} {rest}.",
    )
    return story.told("Balance need not mean equal numbers.")


def _words(story: Story) -> None:
    facts = story.facts
    first, second = sorted(range(len(facts.people)), key=lambda who: -facts.people[who].words)[:2]
    one, two = facts.people[first], facts.people[second]
    if two.words:
        story.tell(
            "{name} wrote {count} words, {other} {rest}; a message has {mean} and {other_mean} "
            "words on average.",
            [*one.own, *two.own],
            headline="{name} wrote {share} of all words",
            name=story.people[first],
            other=story.people[second],
            count=one.words,
            rest=two.words,
            mean=round(one.words / one.messages, 1),
            other_mean=round(two.words / two.messages, 1),
            share=Share(one.words, sum(each.words for each in facts.people)),
        )


def _compared(story: Story, own: list[list[int]], least: int, message: str) -> None:
    """A count of one person beside that of the next."""
    top, second = ranked(own)[:2]
    if len(own[top]) >= least:
        story.tell(
            message,
            [*own[top], *own[second]],
            name=story.people[top],
            other=story.people[second],
            count=len(own[top]),
            rest=len(own[second]),
            total=sum(map(len, own)),
        )


def tension_and_repair(story: Story) -> InsightContent | None:
    """What followed angry words, and silences that an apology ended."""
    chat, events = story.chat, story.facts.events
    waits = [
        chat.between(each.angry[-1], each.apology)
        for each in events.quarrels
        if each.apology is not None
    ]
    hours = sorted(max(0.0, each.total_seconds() / 3600) for each in waits)
    story.measure(
        episodes=len(events.quarrels),
        median_hours_to_calm=round(hours[len(hours) // 2], 1) if hours else None,
        apologies=story.counts("apology"),
    )
    for each in events.quarrels[-EVENTS_SHOWN:]:
        if each.apology is not None:
            story.tell(
                "{name} apologised on {day}, {span} after angry words: “{quote}”.",
                [each.angry[0], each.apology],
                headline="{name} apologised {span} after angry words",
                name=story.name(each.apology),
                day=chat.on(each.apology),
                span=chat.between(each.angry[0], each.apology),
                quote=story.quote(each.apology),
            )
    _returns(story)
    story.forms(
        "apology",
        "Of words of apology, {name} writes “{form}” most often: {count} times.",
        headline="{name} says sorry with “{form}”, {count} times",
    )
    return story.told("What set off a quarrel no list of words can tell: open the messages.")


def _returns(story: Story) -> None:
    """Silences that an apology ended."""
    chat = story.chat
    for at in story.facts.events.returns[-EVENTS_SHOWN:]:
        start = chat.starts[chat.conversation[at]]
        story.tell(
            "After {span} of silence {name} wrote first on {day}, with an apology: “{quote}”.",
            [start - 1, at],
            headline="{name} ended a silence of {span} with an apology",
            span=chat.between(start - 1, start),
            name=story.name(at),
            day=chat.on(at),
            quote=story.quote(at),
        )


def rituals(story: Story) -> InsightContent | None:
    """The longest run of days, greetings in the morning and at night, the fullest hour."""
    chat = story.chat
    first, last = rhythm.longest_streak(chat)
    story.measure(
        good_mornings=story.counts("morning"),
        good_nights=story.counts("night"),
        longest_streak_days=last - first + 1,
    )
    if last - first + 1 >= STREAK_MIN:
        story.tell_n(
            "On {n} day in a row at least two people wrote, from {since} to {until}.",
            "On {n} days in a row at least two people wrote, from {since} to {until}.",
            [at for at, day in enumerate(chat.day) if first <= day <= last],
            n=last - first + 1,
            since=date.fromordinal(first),
            until=date.fromordinal(last),
        )
        story.head_n("{n} day in a row", "{n} days in a row, without a gap", n=last - first + 1)
    _greetings(story)
    by_hour = Counter(chat.hour)
    if len(chat.hour) >= HOURS_MIN and leads(by_hour.values()):
        hour, count = by_hour.most_common(1)[0]
        story.tell(
            "No hour is as full as that from {start} to {end}: {share} of the messages.",
            [at for at, each in enumerate(chat.hour) if each == hour],
            headline="Your hour: {start} to {end}",
            start=time(hour),
            end=time((hour + 1) % 24),
            share=Share(count, len(chat.hour)),
        )
    return story.told("Hours are those of the chat's own clock.")


_GREETINGS = (
    (
        "morning",
        "Messages of good morning stand on {count} of {total} days; {name} wrote {mine} of {all}.",
        "A good morning on {count} of {total} days",
    ),
    (
        "night",
        "Messages of good night stand on {count} of {total} days; {name} wrote {mine} of {all}.",
        "A good night on {count} of {total} days",
    ),
)


def _greetings(story: Story) -> None:
    chat = story.chat
    for signal, message, headline in _GREETINGS:
        said = sorted(chat.signals[signal])
        own = chat.by_person(said)
        top = ranked(own)[0]
        days = {chat.day[at] for at in said}
        if len(days) >= GREETINGS_MIN:
            story.tell(
                message,
                said,
                headline=headline,
                count=len(days),
                total=len(set(chat.day)),
                name=story.people[top],
                mine=len(own[top]),
                all=len(said),
            )


def plans_together(story: Story) -> InsightContent | None:
    """Proposals for a day that another person agreed to."""
    chat, events = story.chat, story.facts.events
    own = chat.by_person(each.at for each in events.promises)
    proposed = chat.by_person(each.at for each in events.plans)
    never = [each for each in events.promises if each.is_never]
    story.measure(
        plans=story.by_person([len(mine) for mine in proposed]),
        promises=story.by_person([len(mine) for mine in own]),
        never_mentioned_again=len(never),
    )
    for each in events.plans[-EVENTS_SHOWN:]:
        story.tell(
            "On {day} {name} proposed: “{quote}”. {other} agreed: “{reply}”.",
            [each.at, each.other],
            day=chat.on(each.at),
            name=story.name(each.at),
            other=story.name(each.other),
            quote=story.quote(each.at),
            reply=story.quote(each.other),
        )
    if events.plans:
        story.head_n(
            "{n} plan agreed on, of {day}",
            "{n} plans agreed on, the last of {day}",
            n=len(events.plans),
            day=chat.on(events.plans[-1].at),
        )
    return story.told("A plan proposes something together, names a day, and meets a yes.")


def what_changes(story: Story) -> InsightContent | None:
    """The earlier and the later half of the messages side by side."""
    chat, middle = story.chat, story.chat.middle
    early, late = range(middle), range(middle, len(chat.who))
    weekly = _weekly(story, early, late)
    story.measure(
        messages_a_week={"earlier": weekly[0], "later": weekly[1]},
        affection_a_hundred=_a_hundred(story, "affection"),
        tension_a_hundred=_a_hundred(story, "tension"),
    )
    if min(len(early), len(late)) < HALF_MESSAGES_MIN or None in weekly:
        return None
    _changed(
        story,
        "Before {day} you wrote {before} messages a week, since then {since}.",
        lambda half: float(weekly[0 if half is early else 1] or 0),
        early,
        late,
        headline="{since} messages a week, {before} before {day}",
    )
    _changed(
        story,
        "A message had {before} words on average before {day}, and {since} since.",
        lambda half: round(count_words(chat, half) / len(half), 1),
        early,
        late,
    )
    _changed(
        story,
        "A conversation had {before} messages on average before {day}, and {since} since.",
        lambda half: round(len(half) / len({chat.conversation[at] for at in half}), 1),
        early,
        late,
    )
    _changed(
        story,
        "Between 22 and 6 o'clock fell {before} of the messages before {day}, and {since} since.",
        lambda half: Share(sum(not LATE_TO <= chat.hour[at] < LATE_FROM for at in half), len(half)),
        early,
        late,
    )
    return story.told("Both halves have about as many messages, parted between two days.")


def _weekly(story: Story, early: range, late: range) -> list[float | None]:
    """Messages a week in both halves; None below two weeks."""
    chat, middle = story.chat, story.chat.middle
    days = [
        (chat.day[middle] if late else chat.day[-1]) - chat.day[0],
        chat.day[-1] - chat.day[min(middle, len(chat.day) - 1)] + 1,
    ]
    return [
        round(len(half) / length * 7, 1) if length >= HALF_DAYS_MIN else None
        for half, length in zip((early, late), days, strict=True)
    ]


def _changed(
    story: Story,
    message: str,
    measure: Callable[[range], object],
    early: range,
    late: range,
    headline: str | None = None,
) -> None:
    before, since = measure(early), measure(late)
    if story.language.shown(before) == story.language.shown(since):
        return
    story.tell(
        message,
        [early[0], early[-1], late[0], late[-1]],
        headline=headline,
        before=before,
        since=since,
        day=story.chat.on(late[0]),
    )


def _a_hundred(story: Story, signal: str) -> dict[str, float | None]:
    """Messages with a signal in a hundred, in both halves."""
    early, late = story.halves(story.chat.signals[signal])
    middle = story.chat.middle
    rest = len(story.chat.who) - middle
    return {
        "earlier": round(100 * len(early) / middle, 1) if middle else 0.0,
        "later": round(100 * len(late) / rest, 1) if rest else 0.0,
    }
