"""The six insights of a family. Each measured fact is told by one insight of all categories."""

import re
from collections import Counter

from app.catalog.content import InsightContent
from app.chats.message import MessageKind
from app.generation.offline.claims.story import Story, leads, ranked
from app.generation.offline.language import Share
from app.generation.offline.measures import rhythm

DAYS_MIN, TALKS_MIN = 5, 4
SILENCES_MIN = 3
FULL_MIN, FULL_RATIO = 8, 1.5
LONG_MIN, TIMES_MIN, ASKED_MIN = 10, 3, 3
QUIETER_MIN, QUIETER_RATIO = 12, 2.0
EVENTS_SHOWN = 5
HOUR_S = 3600
_CLOCK = re.compile(r"(?<![\d:.])(?:[01]?\d|2[0-3]):[0-5]\d(?![\d:.])")


def who_holds_it_together(story: Story) -> InsightContent | None:
    """Who writes first on a day, takes part, answers first, and ends silences."""
    chat, opened = story.chat, story.facts.openings
    joined = [len({chat.conversation[at] for at in one.own}) for one in story.facts.people]
    answers = [at for at in story.facts.questions.judged.values() if at is not None]
    first = chat.by_person(answers)
    story.measure(
        opened=story.by_person([len(mine) for mine in opened]),
        first_to_answer=story.by_person([len(mine) for mine in first]),
        present_in=story.by_person([round(each / len(chat.starts), 2) for each in joined]),
    )
    if story.is_shared:
        _first_of_the_day(story)
        _silences_ended(story)
    if story.is_crowd and len(chat.starts) >= TALKS_MIN:
        most = max(range(len(joined)), key=lambda who: joined[who])
        least = min(range(len(joined)), key=lambda who: joined[who])
        people = story.facts.people
        story.tell(
            "{name} took part in {share} of the {total} conversations, {other} in {rest}.",
            [people[most].own[0], people[most].own[-1], *people[least].own[:1]],
            headline="{name} takes part in {share} of the conversations",
            name=story.people[most],
            other=story.people[least],
            share=Share(joined[most], len(chat.starts)),
            rest=Share(joined[least], len(chat.starts)),
            total=len(chat.starts),
        )
        top = ranked(first)[0]
        if len(first[top]) >= TIMES_MIN:
            story.tell(
                "{name} was the first to write after {count} of {total} questions of others.",
                first[top],
                name=story.people[top],
                count=len(first[top]),
                total=len(answers),
            )
    return story.told("Taking part in a chat is counted, not caring for one another.")


def _first_of_the_day(story: Story) -> None:
    dawns: dict[int, int] = {}
    for at, day in enumerate(story.chat.day):
        dawns.setdefault(day, at)
    own = story.chat.by_person(dawns.values())
    top, second = ranked(own)[:2]
    is_own_fact = set(dawns.values()) != set(story.chat.starts)
    if len(dawns) >= DAYS_MIN and len(own[top]) > len(own[second]) and is_own_fact:
        story.tell(
            "{name} wrote the first message of the day on {count} of {total} days, {other} on "
            "{rest}.",
            own[top],
            headline="{name} writes first on {share} of the days",
            name=story.people[top],
            other=story.people[second],
            count=len(own[top]),
            rest=len(own[second]),
            total=len(dawns),
            share=Share(len(own[top]), len(dawns)),
        )


def _silences_ended(story: Story) -> None:
    quiet = rhythm.silences(story.chat)
    own = story.chat.by_person(quiet)
    top = ranked(own)[0]
    if len(quiet) >= SILENCES_MIN:
        story.tell(
            "{name} ended {count} of {total} silences of two days or more.",
            own[top],
            name=story.people[top],
            count=len(own[top]),
            total=len(quiet),
        )


def care(story: Story) -> InsightContent | None:
    """The words each thanks and cares with."""
    story.measure(
        caring=story.counts("support"),
        thanks=story.counts("thanks"),
        affection=story.counts("affection"),
    )
    story.forms(
        "thanks",
        "Of words of thanks, {name} writes “{form}” most often: {count} times.",
        headline="{name} says thanks with “{form}”, {count} times",
    )
    story.forms(
        "support",
        "{name} asks or wishes “{form}” {count} times.",
        headline="“{form}”, writes {name} {count} times",
    )
    return story.told("Words can be counted; care that is given in deeds cannot.")


def logistics(story: Story) -> InsightContent | None:
    """Times of day and weekdays that are named, and errands in words."""
    chat = story.chat
    plans = [each.at for each in story.facts.events.promises]
    story.measure(
        errands=story.counts("logistics"),
        requests=story.counts("request"),
        taken_on=story.by_person([len(mine) for mine in chat.by_person(plans)]),
    )
    timed = [
        at for at, each in enumerate(chat.messages) if ":" in each.text and _CLOCK.search(each.text)
    ]
    own = chat.by_person(timed)
    top = ranked(own)[0]
    if len(timed) >= TIMES_MIN:
        story.tell(
            "{count} of {total} messages name a time of day, {mine} of them by {name}.",
            timed,
            headline="{count} messages name a time of day",
            count=len(timed),
            total=story.facts.messages,
            mine=len(own[top]),
            name=story.people[top],
        )
    _weekday(story)
    story.forms(
        "logistics",
        "Of words for errands, {name} writes “{form}” most often: {count} times.",
        headline="“{form}” is {name}'s commonest errand",
    )
    return story.told("Times count where they are written with a colon, as in 18:30.")


def _weekday(story: Story) -> None:
    chat = story.chat
    spread = chat.spread
    named = sorted(chat.lexicon.weekdays, key=lambda word: -spread[word])
    if named and spread[named[0]] >= TIMES_MIN and spread[named[0]] > spread[named[1]]:
        places = chat.places({named[0]})[named[0]]
        story.tell(
            "No day of the week is named as often as “{word}”: {count} times.",
            places,
            headline="“{word}” is the day you name most",
            word=named[0],
            count=len(places),
        )


def shared_moments(story: Story) -> InsightContent | None:
    """The fullest day, the longest conversation, media, and birthday wishes."""
    chat = story.chat
    by_day = Counter(chat.day)
    busiest = min(by_day, key=lambda day: (-by_day[day], day))
    media = [at for at, each in enumerate(chat.messages) if each.kind is MessageKind.MEDIA]
    own = chat.by_person(media)
    story.measure(
        busiest_day=chat.on(chat.day.index(busiest)).isoformat(),
        photos_and_media=story.by_person([len(mine) for mine in own]),
        occasions=len(chat.signals["occasion"]),
    )
    _fullest_day(story, by_day, busiest)
    for each in story.facts.events.birthdays[-EVENTS_SHOWN:]:
        story.tell(
            "On {day} {name} wished a happy birthday: “{quote}”; {other} thanked: “{reply}”.",
            [each.at, each.other],
            headline="Birthday wishes of {day}, from {name} to {other}",
            day=chat.on(each.at),
            name=story.name(each.at),
            other=story.name(each.other),
            quote=story.quote(each.at),
            reply=story.quote(each.other),
        )
    _longest_talk(story)
    top = ranked(own)[0]
    if own[top]:
        story.tell(
            "{name} shared {count} of {total} photos and other media.",
            own[top],
            headline="{count} of {total} photos and other media are {name}'s",
            name=story.people[top],
            count=len(own[top]),
            total=len(media),
        )
    return story.told("The fullest days are told with messages spread over them.")


def _fullest_day(story: Story, by_day: Counter[int], busiest: int) -> None:
    chat = story.chat
    mean = story.facts.messages / len(by_day)
    is_first = leads(by_day.values())
    if is_first and len(by_day) > 2 and by_day[busiest] >= max(FULL_MIN, FULL_RATIO * mean):
        there = [at for at, day in enumerate(chat.day) if day == busiest]
        story.tell(
            "{day} was the fullest day, with {count} messages; an average day has {mean}.",
            there,
            headline="{day}: {count} messages, your fullest day",
            day=chat.on(there[0]),
            count=len(there),
            mean=mean,
        )


def _longest_talk(story: Story) -> None:
    chat, talks = story.chat, story.chat.talks()
    talk = max(talks, key=len)
    if len(talks) > 2 and len(talk) >= LONG_MIN and leads(map(len, talks)):
        story.tell(
            "The longest conversation has {count} messages, from {day} on, over {span}.",
            talk,
            headline="Your longest conversation: {count} messages, on {day}",
            count=len(talk),
            day=chat.on(talk[0]),
            span=chat.between(talk[0], talk[-1]),
        )


def worries(story: Story) -> InsightContent | None:
    """Worries a person tells of himself and another comforts."""
    chat, worry = story.chat, sorted(story.chat.signals["worry"])
    waits = sorted(
        chat.at[reply] - chat.at[at] for at in worry if (reply := chat.reply(at)) is not None
    )
    soon = sum(each <= HOUR_S for each in waits)
    story.measure(
        worries=story.counts("worry"),
        answered_within_an_hour=round(soon / len(worry), 2) if worry else None,
        median_answer_minutes=round(waits[len(waits) // 2] / 60, 1) if waits else None,
    )
    told = story.facts.events.worries
    for each in told[-EVENTS_SHOWN:]:
        story.tell(
            "On {day} {name} wrote: “{quote}”. {other} comforted: “{reply}”.",
            [each.at, each.other],
            day=chat.on(each.at),
            name=story.name(each.at),
            other=story.name(each.other),
            quote=story.quote(each.at),
            reply=story.quote(each.other),
        )
    if told:
        story.head_n(
            "{n} worry that was comforted, on {day}",
            "{n} worries that were comforted, the last on {day}",
            n=len(told),
            day=chat.on(told[-1].at),
        )
    return story.told("Told are worries of one's own that somebody answered with comfort.")


def who_is_heard(story: Story) -> InsightContent | None:
    """Whose questions meet an answer soon, who writes how much, and who grew quieter."""
    facts, total = story.facts, story.facts.messages
    asked = facts.questions
    story.measure(
        questions=story.by_person([len(mine) for mine in asked.asked]),
        questions_left_open=len(asked.open),
        share_of_messages=story.by_person([round(p.messages / total, 3) for p in facts.people]),
    )
    _heard(story)
    if story.is_shared:
        first, second = facts.people[:2]
        story.tell(
            "{name} wrote {share} of {total} messages, {other} {rest}.",
            [*first.own, *second.own],
            headline="{name} writes {share} of the messages",
            name=story.people[0],
            other=story.people[1],
            share=Share(first.messages, total),
            rest=Share(second.messages, total),
            total=total,
        )
    for who, person in enumerate(facts.people if story.has_halves else ()):
        early, late = story.halves(person.own)
        if len(early) >= max(QUIETER_MIN, QUIETER_RATIO * len(late)):
            story.tell(
                "{name} wrote {before} messages before {day}, and {since} since.",
                person.own,
                name=story.people[who],
                before=len(early),
                since=len(late),
                day=story.chat.on(story.chat.middle),
            )
    return story.told("A question is a message with a question mark.")


def _heard(story: Story) -> None:
    """The share of questions after which another person wrote within the hour."""
    chat, judged = story.chat, story.facts.questions.judged
    own = chat.by_person(judged)
    soon = chat.by_person(
        at for at, reply in judged.items() if reply and chat.at[reply] - chat.at[at] <= HOUR_S
    )
    askers = [who for who in ranked(own) if len(own[who]) >= ASKED_MIN][:2]
    if len(askers) < 2:
        return
    best, least = sorted(askers, key=lambda who: -len(soon[who]) / len(own[who]))
    story.tell(
        "Somebody else wrote within the hour after {share} of {name}'s {count} questions, after "
        "{other_share} of {other}'s {rest}.",
        [*own[best], *own[least]],
        headline="{share} of {name}'s questions meet a reaction within the hour",
        share=Share(len(soon[best]), len(own[best])),
        name=story.people[best],
        count=len(own[best]),
        other_share=Share(len(soon[least]), len(own[least])),
        other=story.people[least],
        rest=len(own[least]),
    )
