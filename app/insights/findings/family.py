"""The six insights of a family, from facts."""

from app.insights.content import InsightContent
from app.insights.facts.measure import Facts
from app.insights.findings import activity, questions, rhythm, threads, warmth
from app.insights.findings.absence import none_found
from app.insights.findings.friendship import opening_verdict
from app.insights.findings.prose import capital, counted, lasting, listed, minutes, on_day, share
from app.insights.findings.sketch import Sketch

PRESENT_MIN = 4
TOP_MIN = 3


def who_holds_it_together(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    rhythm.openings(sketch)
    _first_to_answer(sketch)
    _present(sketch)
    rhythm.silences(sketch)
    threads.makers(sketch, "plan", "proposed", "thing to do together", "things to do together")
    activity.quieter(sketch)
    sketch.is_lexical = False  # All but the plans is true in any language.
    return sketch.content(*opening_verdict(sketch))


def _first_to_answer(sketch: Sketch) -> None:
    asking = sketch.facts.questions.asking
    sketch.measure(first_to_answer=sketch.by_person([each.answered_first for each in asking]))
    who = max(range(len(asking)), key=lambda place: asking[place].answered_first)
    total = sum(each.answered_first for each in asking)
    if total < PRESENT_MIN or sketch.is_pair:
        return
    first = asking[who].answered_first
    claim = f"{sketch.name(who)} is the first to react to others' questions: {first:,} times of "
    claim += f"{total:,} ({share(first, total)})."
    sketch.add(claim, asking[who].answer_sample)


def _present(sketch: Sketch) -> None:
    flow = sketch.facts.rhythm
    parts = [round(each.joined / flow.conversations, 2) for each in flow.openers]
    sketch.measure(present_in=sketch.by_person(parts))
    if flow.conversations < PRESENT_MIN or len(sketch.people) < 3:
        return
    order = sorted(range(len(parts)), key=lambda who: -parts[who])
    most, least = order[0], order[-1]
    if parts[most] == parts[least]:
        return
    claim = f"{sketch.name(most)} takes part in {parts[most]:.0%} of the conversations, "
    claim += f"{sketch.name(least)} in {parts[least]:.0%}."
    people = sketch.facts.people
    sketch.add(
        claim, [people[most].first, people[most].last, people[least].first, people[least].last]
    )


def care(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    support = warmth.givers(sketch, "support", "caring message")
    thanks = warmth.givers(sketch, "thanks", "message with thanks")
    love = warmth.givers(sketch, "affection", "affectionate message")
    threads.answered(sketch, "worry", "message with a worry", "messages with a worry")
    warmth.returned(sketch, "affection", "affectionate messages")
    warmth.shift(sketch, "support", "asking after each other")
    warmth.peak(sketch, "support", "care")
    sketch.measure(
        caring=sketch.by_person(list(support.by_person)),
        thanks=sketch.by_person(list(thanks.by_person)),
        affection=sketch.by_person(list(love.by_person)),
    )
    total = [support.total + thanks.total + love.total]
    if not total[0]:
        return none_found(
            sketch,
            "No care in words that could be counted",
            "No comfort, thanks or affection was found in words; care may be given in deeds.",
            instead=(rhythm.pace, questions.questions, activity.streak, activity.shares),
        )
    given = [sum(n) for n in zip(support.by_person, thanks.by_person, love.by_person, strict=True)]
    top = max(range(len(given)), key=lambda who: given[who])
    summary = f"Comfort or asking how somebody is: {counted(support.total, 'message')}; thanks: "
    summary += f"{thanks.total:,}; affection: {love.total:,}."
    headline = f"{sketch.name(top)} puts most care into words: {given[top]:,} of {total[0]:,}"
    if given[top] == total[0]:
        messages = counted(total[0], "message")
        headline = f"{sketch.name(top)} alone puts care into words, in {messages}"
    elif given.count(given[top]) > 1:
        headline = f"Care put into words: {counted(total[0], 'message')}"
    return sketch.content(headline, summary)


def logistics(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    errands = warmth.givers(
        sketch, "logistics", "message on errands and times", plural="messages on errands and times"
    )
    requests, taken = facts.signals["request"], facts.signals["promise"]
    threads.makers(
        sketch,
        "request",
        "asked",
        "time for something to be done",
        "times for something to be done",
    )
    threads.makers(sketch, "promise", "took on", "thing", "things")
    threads.answered(sketch, "request", "request", "requests")
    threads.ignored(sketch, "request", "request", "requests")
    threads.never_again(sketch, "promise", "promise", "promises")
    sketch.measure(
        errands=sketch.by_person(list(errands.by_person)),
        requests=sketch.by_person(list(requests.by_person)),
        taken_on=sketch.by_person(list(taken.by_person)),
    )
    if not errands.total + requests.total + taken.total:
        return none_found(
            sketch,
            "Everyday life is organised elsewhere",
            "No errands, requests or promises were found in this chat.",
            instead=(activity.hours, questions.questions, rhythm.pace, activity.shares),
        )
    asks = max(range(len(sketch.people)), key=lambda who: requests.by_person[who])
    takes = max(range(len(sketch.people)), key=lambda who: taken.by_person[who])
    summary = f"{counted(errands.total, 'message')} on errands and times, "
    summary += f"{counted(requests.total, 'request')} and {counted(taken.total, 'offer')} to do "
    summary += "something."
    headline = f"{sketch.name(asks)} asks most, {sketch.name(takes)} takes on most"
    if asks == takes:
        headline = f"{sketch.name(asks)} both asks most and takes on most"
    if min(requests.total, taken.total) < TOP_MIN:
        asked, offered = counted(requests.total, "request"), counted(taken.total, "offer")
        headline = f"{capital(asked)} and {offered} to do something"
    if not requests.total and not taken.total:
        headline = f"{share(errands.total, facts.messages)} of this chat is errands and times"
    return sketch.content(headline, summary)


def shared_moments(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    occasions = warmth.givers(
        sketch, "occasion", "message of celebration", plural="messages of celebration"
    )
    warmth.peak(sketch, "occasion", "celebration")
    activity.busiest(sketch)
    _media(sketch)
    warmth.givers(sketch, "laughter", "message with laughter")
    warmth.peak(sketch, "laughter", "laughter")
    activity.streak(sketch)
    sketch.measure(
        photos_and_media=sketch.by_person([each.media for each in facts.people]),
        occasions=occasions.total,
    )
    when = facts.activity
    headline = (
        f"Your fullest day: {on_day(when.busiest_on)}, {counted(when.busiest_messages, 'message')}"
    )
    media = sum(each.media for each in facts.people)
    if not activity.stands_out(sketch):
        headline = f"{counted(when.active_days, 'day')} of writing, none far fuller than the rest"
        if when.active_days == 1:
            headline = f"All on one day: {counted(facts.messages, 'message')}"
    found = [counted(occasions.total, "message of celebration", "messages of celebration")]
    found += [counted(media, "photo or other medium", "photos and other media")]
    found = [each for each in found if not each.startswith("no ")]
    summary = f"{listed(found) or 'No word of celebration and no photo'} on "
    summary += f"{counted(when.active_days, 'day')} of writing."
    return sketch.content(headline, capital(summary))


def _media(sketch: Sketch) -> None:
    people = sketch.facts.people
    order = sorted(range(len(people)), key=lambda who: -people[who].media)
    order = [who for who in order if people[who].media]
    if not order:
        return
    shown = [f"{sketch.name(who)} {people[who].media:,}" for who in order[1:4]]
    claim = (
        f"{sketch.name(order[0])} shared most photos and other media: {people[order[0]].media:,}"
    )
    claim += f"; {listed(shown)}." if shown else "."
    sketch.add(claim, [n for who in order[:3] for n in people[who].media_sample[:4]])


def worries(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    worry = warmth.givers(sketch, "worry", "message with a worry", plural="messages with a worry")
    threads.answered(sketch, "worry", "message with a worry", "messages with a worry")
    threads.ignored(sketch, "worry", "message with a worry", "messages with a worry")
    warmth.peak(sketch, "worry", "worry")
    warmth.shift(sketch, "worry", "worry")
    support = warmth.givers(sketch, "support", "caring message")
    soon = round(worry.answered_soon / worry.total, 2) if worry.total else None
    sketch.measure(
        worries=sketch.by_person(list(worry.by_person)),
        answered_within_an_hour=soon,
        median_answer_minutes=minutes(worry.median_answer_s),
    )
    if not worry.total:
        return none_found(
            sketch,
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
        return sketch.content(headline, summary)
    if worry.median_answer_s is not None and worry.answered_soon == worry.total:
        wait = lasting(worry.median_answer_s)
        headline = f"After every worry somebody else wrote, {wait} later (median)"
    return sketch.content(headline, summary)


def who_is_heard(facts: Facts) -> InsightContent:
    sketch = Sketch(facts)
    questions.questions(sketch)
    activity.shares(sketch)
    rhythm.unanswered_openings(sketch)
    activity.quieter(sketch)
    rhythm.reply_times(sketch)
    sketch.measure(
        share_of_messages=sketch.by_person(
            [round(each.messages / facts.messages, 3) for each in facts.people]
        )
    )
    asked = facts.questions
    note = questions.open_question_note(sketch)
    if not asked.judged:
        return sketch.content(
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
    return sketch.content(
        headline,
        f"{capital(counted(asked.asked, 'question'))} by {askers}. {note}",
    )
