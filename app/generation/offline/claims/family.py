"""The six insights of a family, from facts."""

from app.catalog.content import InsightContent
from app.generation.offline.claims import activity, questions, rhythm, threads, warmth
from app.generation.offline.claims.absence import none_found
from app.generation.offline.claims.friendship import opening_verdict
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import (
    capital,
    counted,
    lasting,
    listed,
    minutes,
    on_day,
    share,
)
from app.generation.offline.measures.facts import Facts

PRESENT_MIN = 4
TOP_MIN = 3


def who_holds_it_together(facts: Facts) -> InsightContent:
    """Who opens conversations, reacts first and takes part in most, and whether that shifts."""
    builder = InsightBuilder(facts)
    rhythm.openings(builder)
    _first_to_answer(builder)
    _present(builder)
    rhythm.silences(builder)
    threads.makers(builder, "plan", "proposed", "thing to do together", "things to do together")
    activity.quieter(builder)
    builder.is_lexical = False  # All but the plans is true in any language.
    return builder.content(*opening_verdict(builder))


def _first_to_answer(builder: InsightBuilder) -> None:
    asking = builder.facts.questions.asking
    builder.measure(first_to_answer=builder.by_person([each.answered_first for each in asking]))
    who = max(range(len(asking)), key=lambda place: asking[place].answered_first)
    total = sum(each.answered_first for each in asking)
    if total < PRESENT_MIN or builder.is_pair:
        return
    first = asking[who].answered_first
    claim = f"{builder.name(who)} is the first to react to others' questions: {first:,} times of "
    claim += f"{total:,} ({share(first, total)})."
    builder.add(claim, asking[who].answer_sample)


def _present(builder: InsightBuilder) -> None:
    flow = builder.facts.rhythm
    parts = [round(each.joined / flow.conversations, 2) for each in flow.openers]
    builder.measure(present_in=builder.by_person(parts))
    if flow.conversations < PRESENT_MIN or len(builder.people) < 3:
        return
    order = sorted(range(len(parts)), key=lambda who: -parts[who])
    most, least = order[0], order[-1]
    if parts[most] == parts[least]:
        return
    claim = f"{builder.name(most)} takes part in {parts[most]:.0%} of the conversations, "
    claim += f"{builder.name(least)} in {parts[least]:.0%}."
    people = builder.facts.people
    builder.add(
        claim, [people[most].first, people[most].last, people[least].first, people[least].last]
    )


def care(facts: Facts) -> InsightContent:
    """Comfort, thanks and affection in words: by whom, to whom returned, and when most."""
    builder = InsightBuilder(facts)
    support = warmth.givers(builder, "support", "caring message")
    thanks = warmth.givers(builder, "thanks", "message with thanks")
    love = warmth.givers(builder, "affection", "affectionate message")
    threads.answered(builder, "worry", "message with a worry", "messages with a worry")
    warmth.returned(builder, "affection", "affectionate messages")
    warmth.shift(builder, "support", "asking after each other")
    warmth.peak(builder, "support", "care")
    builder.measure(
        caring=builder.by_person(list(support.by_person)),
        thanks=builder.by_person(list(thanks.by_person)),
        affection=builder.by_person(list(love.by_person)),
    )
    total = [support.total + thanks.total + love.total]
    if not total[0]:
        return none_found(
            builder,
            "No care in words that could be counted",
            "No comfort, thanks or affection was found in words; care may be given in deeds.",
            instead=(rhythm.pace, questions.questions, activity.streak, activity.shares),
        )
    given = [sum(n) for n in zip(support.by_person, thanks.by_person, love.by_person, strict=True)]
    top = max(range(len(given)), key=lambda who: given[who])
    summary = f"Comfort or asking how somebody is: {counted(support.total, 'message')}; thanks: "
    summary += f"{thanks.total:,}; affection: {love.total:,}."
    headline = f"{builder.name(top)} puts most care into words: {given[top]:,} of {total[0]:,}"
    if given[top] == total[0]:
        messages = counted(total[0], "message")
        headline = f"{builder.name(top)} alone puts care into words, in {messages}"
    elif given.count(given[top]) > 1:
        headline = f"Care put into words: {counted(total[0], 'message')}"
    return builder.content(headline, summary)


def logistics(facts: Facts) -> InsightContent:
    """Errands, requests and what was taken on: who asks, who takes on, what stayed unanswered."""
    builder = InsightBuilder(facts)
    errands = warmth.givers(
        builder, "logistics", "message on errands and times", plural="messages on errands and times"
    )
    requests, taken = facts.signals["request"], facts.signals["promise"]
    threads.makers(
        builder,
        "request",
        "asked",
        "time for something to be done",
        "times for something to be done",
    )
    threads.makers(builder, "promise", "took on", "thing", "things")
    threads.answered(builder, "request", "request", "requests")
    threads.ignored(builder, "request", "request", "requests")
    threads.never_again(builder, "promise", "promise", "promises")
    builder.measure(
        errands=builder.by_person(list(errands.by_person)),
        requests=builder.by_person(list(requests.by_person)),
        taken_on=builder.by_person(list(taken.by_person)),
    )
    if not errands.total + requests.total + taken.total:
        return none_found(
            builder,
            "Everyday life is organised elsewhere",
            "No errands, requests or promises were found in this chat.",
            instead=(activity.hours, questions.questions, rhythm.pace, activity.shares),
        )
    asks = max(range(len(builder.people)), key=lambda who: requests.by_person[who])
    takes = max(range(len(builder.people)), key=lambda who: taken.by_person[who])
    summary = f"{counted(errands.total, 'message')} on errands and times, "
    summary += f"{counted(requests.total, 'request')} and {counted(taken.total, 'offer')} to do "
    summary += "something."
    headline = f"{builder.name(asks)} asks most, {builder.name(takes)} takes on most"
    if asks == takes:
        headline = f"{builder.name(asks)} both asks most and takes on most"
    if min(requests.total, taken.total) < TOP_MIN:
        asked, offered = counted(requests.total, "request"), counted(taken.total, "offer")
        headline = f"{capital(asked)} and {offered} to do something"
    if not requests.total and not taken.total:
        headline = f"{share(errands.total, facts.messages)} of this chat is errands and times"
    return builder.content(headline, summary)


def shared_moments(facts: Facts) -> InsightContent:
    """Celebrations, photos and other media, the fullest day and the longest streak."""
    builder = InsightBuilder(facts)
    occasions = warmth.givers(
        builder, "occasion", "message of celebration", plural="messages of celebration"
    )
    warmth.peak(builder, "occasion", "celebration")
    activity.busiest(builder)
    _media(builder)
    warmth.givers(builder, "laughter", "message with laughter")
    warmth.peak(builder, "laughter", "laughter")
    activity.streak(builder)
    builder.measure(
        photos_and_media=builder.by_person([each.media for each in facts.people]),
        occasions=occasions.total,
    )
    when = facts.activity
    headline = (
        f"Your fullest day: {on_day(when.busiest_on)}, {counted(when.busiest_messages, 'message')}"
    )
    media = sum(each.media for each in facts.people)
    if not activity.stands_out(builder):
        headline = f"{counted(when.active_days, 'day')} of writing, none far fuller than the rest"
        if when.active_days == 1:
            headline = f"All on one day: {counted(facts.messages, 'message')}"
    found = [counted(occasions.total, "message of celebration", "messages of celebration")]
    found += [counted(media, "photo or other medium", "photos and other media")]
    found = [each for each in found if not each.startswith("no ")]
    summary = f"{listed(found) or 'No word of celebration and no photo'} on "
    summary += f"{counted(when.active_days, 'day')} of writing."
    return builder.content(headline, capital(summary))


def _media(builder: InsightBuilder) -> None:
    people = builder.facts.people
    order = sorted(range(len(people)), key=lambda who: -people[who].media)
    order = [who for who in order if people[who].media]
    if not order:
        return
    shown = [f"{builder.name(who)} {people[who].media:,}" for who in order[1:4]]
    claim = (
        f"{builder.name(order[0])} shared most photos and other media: {people[order[0]].media:,}"
    )
    claim += f"; {listed(shown)}." if shown else "."
    builder.add(claim, [n for who in order[:3] for n in people[who].media_sample[:4]])


def worries(facts: Facts) -> InsightContent:
    """Messages with a worry: whose, how soon another person wrote, and whether they rise."""
    builder = InsightBuilder(facts)
    worry = warmth.givers(builder, "worry", "message with a worry", plural="messages with a worry")
    threads.answered(builder, "worry", "message with a worry", "messages with a worry")
    threads.ignored(builder, "worry", "message with a worry", "messages with a worry")
    warmth.peak(builder, "worry", "worry")
    warmth.shift(builder, "worry", "worry")
    support = warmth.givers(builder, "support", "caring message")
    soon = round(worry.answered_soon / worry.total, 2) if worry.total else None
    builder.measure(
        worries=builder.by_person(list(worry.by_person)),
        answered_within_an_hour=soon,
        median_answer_minutes=minutes(worry.median_answer_s),
    )
    if not worry.total:
        return none_found(
            builder,
            "No worry is put into words here",
            "No word of illness, fear or loss was found; that may be told elsewhere.",
            instead=(questions.questions, rhythm.silences, rhythm.pace, activity.shares),
        )
    verb = "holds" if worry.total == 1 else "hold"
    summary = f"{counted(worry.total, 'message')} of {facts.messages:,} {verb} a word of illness, "
    summary += "fear, stress or loss. Messages that comfort or ask how somebody is: "
    summary += f"{support.total or 'none'}."
    part = share(worry.answered_soon, worry.total)
    headline = f"After {part} of worries somebody else writes within the hour"
    if worry.total < TOP_MIN:
        headline = f"{counted(worry.total, 'worry', 'worries')} put into words"
        if worry.answered_soon == worry.total:
            headline += ", with an answer within the hour"
        return builder.content(headline, summary)
    if worry.median_answer_s is not None and worry.answered_soon == worry.total:
        wait = lasting(worry.median_answer_s)
        headline = f"After every worry somebody else wrote, {wait} later (median)"
    return builder.content(headline, summary)


def who_is_heard(facts: Facts) -> InsightContent:
    """Whose openings and questions are answered, and how fast; whose are not."""
    builder = InsightBuilder(facts)
    questions.questions(builder)
    activity.shares(builder)
    rhythm.unanswered_openings(builder)
    activity.quieter(builder)
    rhythm.reply_times(builder)
    builder.measure(
        share_of_messages=builder.by_person(
            [round(each.messages / facts.messages, 3) for each in facts.people]
        )
    )
    asked = facts.questions
    note = questions.open_question_note(builder)
    if not asked.judged:
        return builder.content(
            "Hardly any questions to be heard",
            "Nobody asked anything that could wait for an answer.",
        )
    heard = asked.judged - asked.open_count
    askers = counted(sum(1 for each in asked.asking if each.asked), "person", "people")
    headline = f"{share(heard, asked.judged)} of questions meet a reaction within a day"
    if not asked.open_count:
        headline = "Every question meets a reaction within a day"
    if asked.judged < TOP_MIN:
        headline = f"{counted(asked.judged, 'question')}, {heard or 'none'} of them with a reaction"
    if asked.judged == 1:
        headline = f"One question, and {'a' if heard else 'no'} reaction to it"
    return builder.content(
        headline,
        f"{capital(counted(asked.asked, 'question'))} by {askers}. {note}",
    )
