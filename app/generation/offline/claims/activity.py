"""Claims about how much is written, and when."""

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import counted, listed, on_day, share

QUIETER_RATIO = 2.0
QUIETER_MIN = 12
STREAK_MIN = 3
FULL_MIN = 8
FULL_RATIO = 1.5
_WEEKDAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def shares(builder: InsightBuilder) -> None:
    """Who writes how much of the chat."""
    people, total = builder.facts.people, builder.facts.messages
    builder.observations += total // 20
    if len(people) < 2:
        return
    shown = [
        f"{builder.name(at)} {share(each.messages, total)}" for at, each in enumerate(people[:4])
    ]
    claim = f"Of {total:,} messages, {listed(shown)}"
    if len(people) > 4:
        claim += f", {counted(len(people) - 4, 'other')} the rest"
    builder.add(f"{claim}.", [n for each in people[:4] for n in each.sample[:2]])


def words_each(builder: InsightBuilder) -> None:
    """Who writes more words, and longer messages."""
    if not builder.is_pair:
        return
    people = builder.facts.people
    more = max(range(2), key=lambda who: people[who].words)
    lengths = [each.words / each.messages for each in people]
    claim = f"{builder.name(more)} wrote {people[more].words:,} of "
    claim += f"{sum(each.words for each in people):,} words; a message by {builder.name(0)} has "
    claim += f"{lengths[0]:.1f} words on average, one by {builder.name(1)} {lengths[1]:.1f}."
    builder.add(claim, people[more].sample)


def quieter(builder: InsightBuilder) -> None:
    """Who has become quieter, as a share of the chat."""
    people = builder.facts.people
    if not builder.has_halves:
        return
    fallen = [
        who
        for who, each in enumerate(people)
        if each.early >= QUIETER_MIN and each.early >= QUIETER_RATIO * max(1, each.late)
    ]
    for who in fallen[:2]:
        each = people[who]
        claim = f"{builder.name(who)} has become quieter: {counted(each.early, 'message')} in the "
        claim += f"earlier half of the chat, {each.late:,} in the later; the last one on "
        claim += f"{on_day(each.last_on)}."
        builder.add(claim, [each.first, each.last])


def busiest(builder: InsightBuilder) -> None:
    """The fullest day."""
    activity = builder.facts.activity
    builder.measure(busiest_day=activity.busiest_on)
    if not stands_out(builder):
        return
    claim = f"The fullest day was {on_day(activity.busiest_on)} with "
    claim += f"{counted(activity.busiest_messages, 'message')}; on an average day of writing it is "
    claim += f"{builder.facts.messages / activity.active_days:.0f}."
    builder.add(claim, activity.busiest_sample)


def stands_out(builder: InsightBuilder) -> bool:
    """Whether the fullest day is far fuller than the others."""
    activity = builder.facts.activity
    mean = builder.facts.messages / activity.active_days
    full = activity.busiest_messages
    return activity.active_days >= 3 and full >= FULL_MIN and full >= FULL_RATIO * mean


def hours(builder: InsightBuilder) -> None:
    """The hour and the weekday that belong to this chat."""
    activity = builder.facts.activity
    if builder.facts.messages < 30:
        return
    hour = activity.busiest_hour
    claim = f"The fullest hour of the day is {hour}:00 to {(hour + 1) % 24}:00, with "
    claim += f"{activity.busiest_hour_share:.0%} of all messages"
    if activity.days >= 14:
        claim += f"; the fullest day of the week is {_WEEKDAYS[activity.busiest_weekday]}"
    builder.add(f"{claim}.", activity.busiest_hour_sample)


def streak(builder: InsightBuilder) -> None:
    """The longest run of days on which at least two people wrote."""
    activity = builder.facts.activity
    builder.measure(longest_streak_days=activity.streak_days)
    if activity.streak_days < STREAK_MIN:
        return
    both = "both of you" if builder.is_pair else "at least two people"
    claim = f"On {activity.streak_days} days in a row {both} wrote, from "
    claim += f"{on_day(activity.streak_from)} to {on_day(activity.streak_to)}: the longest run."
    builder.add(claim, activity.streak_sample)


def after_hours(builder: InsightBuilder) -> None:
    """Messages outside Monday to Friday, 8 to 18 o'clock."""
    people, total = builder.facts.people, builder.facts.messages
    outside = sum(each.outside for each in people)
    builder.measure(
        after_hours_share=round(outside / total, 3),
        after_hours=builder.by_person([each.outside for each in people]),
    )
    if not outside:
        claim = "Every message was written Monday to Friday between 8:00 and 18:00."
        builder.add(claim, [n for each in people[:4] for n in each.sample[:2]])
        return
    order = sorted(range(len(people)), key=lambda who: -people[who].outside)
    shown = [
        f"{builder.name(who)} {people[who].outside:,} of {people[who].messages:,}"
        for who in order[:4]
        if people[who].outside
    ]
    if outside == total:
        claim = f"All {total:,} messages were written outside Monday to Friday, 8:00 to 18:00."
        builder.add(claim, [n for who in order[:3] for n in people[who].outside_sample[:4]])
        return
    were = "was" if outside == 1 else "were"
    claim = f"{outside:,} of {total:,} messages ({share(outside, total)}) {were} written outside "
    claim += "Monday to Friday, 8:00 to 18:00"
    claim += f": {listed(shown)}." if len(people) > 1 else "."
    builder.add(claim, [n for who in order[:3] for n in people[who].outside_sample[:4]])
    _after_hours_shift(builder)


def _after_hours_shift(builder: InsightBuilder) -> None:
    people = builder.facts.people
    early_all, late_all = sum(each.early for each in people), sum(each.late for each in people)
    early = sum(each.outside_early for each in people)
    late = sum(each.outside for each in people) - early
    if min(early_all, late_all) < 20 or early + late < 8 or not builder.has_halves:
        return
    before, since = share(early, early_all), share(late, late_all)
    way = "grown" if late / late_all > early / early_all + 0.05 else "not grown"
    if late / late_all < early / early_all - 0.05:
        way = "shrunk"
    middle = on_day(builder.facts.activity.middle_on)
    claim = f"That part has {way}: {before} before {middle}, {since} since."
    builder.add(claim, [n for each in people[:4] for n in each.outside_sample[-3:]])
