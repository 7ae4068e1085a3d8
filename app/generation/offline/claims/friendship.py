"""The six insights of a friendship. Each measured fact is told by one insight of all categories."""

from datetime import timedelta

from app.catalog.content import InsightContent
from app.generation.offline.claims.story import Story, leads, ranked
from app.generation.offline.language import Period, Share
from app.generation.offline.measures import rhythm
from app.generation.offline.measures.events import Quarrel
from app.generation.offline.measures.transcript import SECONDS_A_DAY

TALKS_MIN, HALF_TALKS_MIN = 3, 5
SHIFT_MIN = 0.12
EVEN_MAX = 0.1
REPLIES_MIN, CHANGE_REPLIES_MIN = 3, 5
PACE_RATIO, PACE_S = 1.5, 60
TYPICAL = 3
OPEN_SHOWN = 8
PEAK_MIN = 3
QUARRELS_SHOWN, PROMISES_SHOWN, PERIODS_SHOWN = 4, 6, 6
CALM_S = 30 * SECONDS_A_DAY


def who_reaches_out(story: Story) -> InsightContent | None:
    """Who opens conversations, how that shifted, and who ended the longest silence."""
    chat, opened = story.chat, story.facts.openings
    quiet = rhythm.silences(chat)
    longest = chat.between(quiet[0] - 1, quiet[0]) if quiet else None
    story.measure(
        conversations=len(chat.starts),
        opened=story.by_person([len(mine) for mine in opened]),
        longest_silence_days=None
        if longest is None
        else round(longest.total_seconds() / SECONDS_A_DAY, 1),
    )
    if story.is_shared and len(chat.starts) >= TALKS_MIN:
        _openings(story)
    if longest is not None:
        at = quiet[0]
        story.tell(
            "The longest silence lasted {span}, from {since} to {until}; {name} ended it.",
            [at - 1, at],
            headline="{name} ended your longest silence, after {span}",
            span=longest,
            since=chat.on(at - 1),
            until=chat.on(at),
            name=story.name(at),
        )
    return story.told("A conversation begins after six hours without a message.")


def _openings(story: Story) -> None:
    opened, total = story.facts.openings, len(story.chat.starts)
    top, second = ranked(opened)[:2]
    many, some = len(opened[top]), len(opened[second])
    headline = "{name} opens {share} of your conversations"
    if many - some <= EVEN_MAX * total:
        headline = "{name} and {other} open about as many conversations: {count} and {rest}"
    story.tell(
        "{name} opened {count} of {total} conversations, {other} {rest}.",
        [*opened[top], *opened[second]],
        headline=headline,
        name=story.people[top],
        other=story.people[second],
        count=many,
        rest=some,
        total=total,
        share=Share(many, total),
    )
    _opening_shift(story)
    alone = [talk[0] for talk in story.chat.talks() if len({story.chat.who[at] for at in talk}) < 2]
    own = max(story.chat.by_person(alone), key=len)
    if len(own) > 1:
        story.tell_n(
            "Nobody answered in {n} conversation that {name} opened, the last on {day}.",
            "Nobody answered in {n} conversations that {name} opened, the last on {day}.",
            own,
            n=len(own),
            name=story.name(own[0]),
            day=story.chat.on(own[-1]),
        )


def _opening_shift(story: Story) -> None:
    """The person whose share of openings moved most between the halves."""
    early, late = story.halves(story.chat.starts)
    if min(len(early), len(late)) < HALF_TALKS_MIN or not story.has_halves:
        return
    before = story.chat.by_person(early)
    since = story.chat.by_person(late)
    moves = [len(s) / len(late) - len(b) / len(early) for b, s in zip(before, since, strict=True)]
    who = max(range(len(moves)), key=lambda place: abs(moves[place]))
    if abs(moves[who]) >= SHIFT_MIN:
        story.tell(
            "{name} opened {before} of the conversations before {day}, and {since} of those since.",
            story.facts.openings[who],
            name=story.people[who],
            before=Share(len(before[who]), len(early)),
            since=Share(len(since[who]), len(late)),
            day=story.chat.on(story.chat.middle),
        )


def listening(story: Story) -> InsightContent | None:
    """How soon each answers, how that changed, and which questions stayed open."""
    replies, waits = story.facts.replies, story.measure_replies()
    known = [who for who in range(len(replies)) if len(replies[who]) >= REPLIES_MIN]
    known.sort(key=lambda who: waits[who] or timedelta())
    if len(known) > 1:
        _pace(story, known[0], known[-1])
    _pace_change(story, known)
    if story.facts.questions.open:
        _left_open(story)
    return story.told("A reply is the next message by somebody else in the same conversation.")


def _pace(story: Story, fast: int, slow: int) -> None:
    """The median reply of the fastest to answer beside that of the slowest."""
    replies = story.facts.replies
    waits = {who: rhythm.wait(story.chat, replies[who]) or timedelta() for who in (fast, slow)}
    headline = "{name} answers within {span}, {other} within {slow}"
    if story.language.shown(waits[fast]) == story.language.shown(waits[slow]):
        headline = "{name} and {other} both answer within {span}"
    story.tell(
        "Half of {name}'s {count} replies came within {span}, half of {other}'s {rest} within "
        "{slow}.",
        [*_typical(story, fast), *_typical(story, slow)],
        headline=headline,
        name=story.people[fast],
        other=story.people[slow],
        count=len(replies[fast]),
        rest=len(replies[slow]),
        span=waits[fast],
        slow=waits[slow],
    )


def _left_open(story: Story) -> None:
    """Questions after which no other person wrote for a day."""
    chat, asked = story.chat, story.facts.questions
    last = asked.open[-1]
    story.tell(
        "Nobody else wrote for a day after {name}'s question of {day}: “{quote}”."
        if len(asked.open) == 1
        else "After {count} of {total} questions nobody else wrote for a day; the last is "
        "{name}'s of {day}: “{quote}”.",
        asked.open[-OPEN_SHOWN:],
        count=len(asked.open),
        total=len(asked.judged),
        name=story.name(last),
        day=chat.on(last),
        quote=story.quote(last),
    )
    story.head_n("{n} question was left open", "{n} questions were left open", n=len(asked.open))


def _typical(story: Story, who: int) -> list[int]:
    """The replies nearest to a person's median, each with what it answers."""
    chat, mine = story.chat, story.facts.replies[who]
    middle = rhythm.wait(chat, mine) or timedelta()
    near = sorted(mine, key=lambda at: abs(chat.between(at - 1, at) - middle))[:TYPICAL]
    return [number for at in near for number in (at - 1, at)]


def _pace_change(story: Story, known: list[int]) -> None:
    """The person whose pace changed most between the halves."""
    best: tuple[float, int, timedelta, timedelta] | None = None
    for who in known if story.has_halves else ():
        early, late = story.halves(story.facts.replies[who])
        before, since = rhythm.wait(story.chat, early), rhythm.wait(story.chat, late)
        if min(len(early), len(late)) < CHANGE_REPLIES_MIN or before is None or since is None:
            continue
        ratio = max(before, since) / max(min(before, since), timedelta(seconds=1))
        is_clear = ratio >= PACE_RATIO and abs(before - since).total_seconds() >= PACE_S
        if is_clear and (best is None or ratio > best[0]):
            best = ratio, who, before, since
    if best is not None:
        _, who, before, since = best
        story.tell(
            "Half of {name}'s replies came within {before} before {day}, within {after} since.",
            _typical(story, who),
            name=story.people[who],
            before=before,
            after=since,
            day=story.chat.on(story.chat.middle),
        )


def warmth_and_humour(story: Story) -> InsightContent | None:
    """What each laughs and praises with, and the conversation with most laughter."""
    chat = story.chat
    kind = {*chat.signals["praise"], *chat.signals["affection"]}
    story.measure(
        laughs=story.counts("laughter"),
        thanks=story.counts("thanks"),
        kind_words=story.by_person([len(mine) for mine in chat.by_person(kind)]),
    )
    story.forms(
        "laughter",
        "{name} laughs most often as “{form}”: {count} times.",
        headline="{name}'s laugh is “{form}”",
    )
    talks: dict[int, list[int]] = {}
    for at in sorted(chat.signals["laughter"]):
        talks.setdefault(chat.conversation[at], []).append(at)
    merry = max(talks.values(), key=len) if talks else []
    if len(merry) >= PEAK_MIN:
        story.tell(
            "No conversation has more laughter than that of {day}: {count} messages.",
            merry,
            headline="Most laughter on {day}",
            count=len(merry),
            day=chat.on(merry[0]),
        )
    story.forms(
        "praise",
        "Of words of praise, {name} writes “{form}” most often: {count} times.",
        headline="{name}'s praise is “{form}”",
    )
    return story.told("Counted are messages with the words and signs that stand in quotes.")


def rough_patches(story: Story) -> InsightContent | None:
    """Exchanges of angry words; banter, quotes and anger at others are none."""
    quarrels = story.facts.events.quarrels
    story.measure(
        episodes=len(quarrels),
        mended=sum(is_mended(story, each) for each in quarrels),
        apologies=story.counts("apology"),
    )
    for each in quarrels[-QUARRELS_SHOWN:]:
        first = each.angry[0]
        other = next((at for at in each.angry if story.chat.who[at] != story.chat.who[first]), None)
        story.tell(
            "On {day} {name} wrote: “{quote}”, and {other}: “{reply}”."
            if other is not None
            else "On {day} {name} wrote: “{quote}”, and then: “{reply}”.",
            each.angry,
            day=story.chat.on(first),
            name=story.name(first),
            quote=story.quote(first),
            other=story.name(each.angry[1] if other is None else other),
            reply=story.quote(each.angry[1] if other is None else other),
        )
    if quarrels:
        story.head_n(
            "Angry words in {n} exchange, on {day}",
            "Angry words in {n} exchanges, the last on {day}",
            n=len(quarrels),
            day=story.chat.on(quarrels[-1].angry[0]),
        )
    return story.told("Only words to each other count, where both are angry or one apologises.")


def is_mended(story: Story, quarrel: Quarrel) -> bool:
    """Whether a conversation of at least two people without anger followed within a month."""
    chat, last = story.chat, quarrel.angry[-1]
    angry = {at for each in story.facts.events.quarrels for at in each.angry}
    for start in chat.starts[chat.conversation[last] + 1 :]:
        if chat.at[start] - chat.at[last] > CALM_S:
            return False
        if chat.next_other[start] < len(chat.who):
            talk = chat.talks()[chat.conversation[start]]
            if chat.next_other[start] in talk and angry.isdisjoint(talk):
                return True
    return False


def plans_and_promises(story: Story) -> InsightContent | None:
    """What each announced for a day, and whether its rarest word is written again."""
    chat, events = story.chat, story.facts.events
    promises = events.promises
    own = chat.by_person(each.at for each in promises)
    never = [each for each in promises if each.is_never]
    story.measure(
        plans=story.by_person([len(mine) for mine in chat.by_person(p.at for p in events.plans)]),
        promises=story.by_person([len(mine) for mine in own]),
        never_mentioned_again=len(never),
    )
    for each in promises[-PROMISES_SHOWN:]:
        message = "On {day} {name} announced: “{quote}”."
        if each.again is not None:
            message = "On {day} {name} announced: “{quote}”. “{word}” is written again on {later}."
        elif each.is_never:
            message = (
                "On {day} {name} announced: “{quote}”. No later conversation has the word “{word}”."
            )
        story.tell(
            message,
            [each.at] if each.again is None else [each.at, each.again],
            day=chat.on(each.at),
            name=story.name(each.at),
            quote=story.quote(each.at),
            word=each.word,
            later=chat.on(each.again or each.at),
        )
    if promises:
        story.head_n(
            "{n} announcement for a day, by {name}",
            "{n} announcements for a day, {count} of them by {name}",
            n=len(promises),
            count=len(own[ranked(own)[0]]),
            name=story.people[ranked(own)[0]],
        )
    return story.told("An announcement says “I will”, or its like, and names a day.")


def chapters(story: Story) -> InsightContent | None:
    """The fullest part of the calendar, and the word that sets each part apart."""
    subjects = story.facts.subjects
    busiest = max(subjects.periods, key=lambda each: len(each.messages))
    story.measure(
        chapters=len(subjects.periods),
        busiest_period=story.language.shown(Period(busiest.first, subjects.grain)),
        lasting_subjects=[each.word for each in subjects.lasting],
    )
    is_first = leads(len(each.messages) for each in subjects.periods)
    if is_first and subjects.grain != "day" and len(subjects.periods) > 1:
        # The fullest day is told elsewhere.
        story.tell(
            "{period}: {count} of {total} messages, more than in any other of the {periods} parts.",
            busiest.messages,
            headline="Your fullest time: {period}, {count} messages",
            period=Period(busiest.first, subjects.grain),
            count=len(busiest.messages),
            total=story.facts.messages,
            periods=len(subjects.periods),
        )
    told = [each for each in subjects.periods if each.subject is not None]
    fullest = sorted(told, key=lambda each: -len(each.messages))[:PERIODS_SHOWN]
    for each in told:
        if each in fullest and each.subject is not None:
            story.tell(
                "{period}: “{word}” stands in {count} messages, in all the rest of the chat in "
                "{rest}.",
                each.subject.places,
                period=Period(each.first, subjects.grain),
                word=each.subject.word,
                count=len(each.subject.places),
                rest=each.subject.elsewhere,
            )
    return story.told("A word is counted once a message; those of most messages are left out.")
