"""Claims about passages of tension and what mended them."""

from app.catalog.content import InsightContent
from app.generation.offline.claims import rhythm
from app.generation.offline.claims.absence import none_found
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import capital, counted, lasting, listed, on_day, times
from app.generation.offline.claims.warmth import givers
from app.generation.offline.measures.tension import Episode

EPISODES_SHOWN = 4
AT_ONCE_H = 0.2


def tension(builder: InsightBuilder) -> None:
    """The gravest passages, who apologised first, and how long until calm."""
    facts = builder.facts.tension
    builder.is_lexical = True
    builder.observations += builder.facts.messages // 40 + 4 * facts.count
    sorry = builder.facts.signals["apology"]
    builder.measure(
        episodes=facts.count,
        mended=facts.mended,
        median_hours_to_calm=facts.median_calm_hours,
        apologies=builder.by_person(list(sorry.by_person)),
    )
    for episode in sorted(facts.episodes, key=lambda each: -each.score)[:EPISODES_SHOWN]:
        _episode(builder, episode)
    _first_apologies(builder)
    if not facts.count:
        _mild(builder)
    givers(builder, "apology", "message with an apology")


def _episode(builder: InsightBuilder, episode: Episode) -> None:
    who = builder.names(episode.people[:4])
    words = f"sharp words in {counted(episode.tense, 'message')} by {who}."
    claim = f"On {on_day(episode.on)} the tone sharpened: {words}"
    evidence = list(episode.sample)
    if episode.apology is None:
        claim += " No apology followed in the next conversations."
    else:
        evidence.append(episode.apology.number)
        claim += f" {builder.name(episode.apology.by)} apologised first, "
        hours = episode.apology.hours
        claim += f"{lasting(hours * 3600)} later." if hours >= 0.1 else "in the same passage."
    if episode.calm_hours is None or episode.calm_number is None:
        claim += " No calm exchange of six messages came within 30 days."
    else:
        evidence.append(episode.calm_number)
        claim += f" Calm talk was back {_soon(episode.calm_hours)}."
    builder.add(claim, evidence)


def _soon(hours: float) -> str:
    return f"after {lasting(hours * 3600)}" if hours > AT_ONCE_H else "within minutes"


def _first_apologies(builder: InsightBuilder) -> None:
    facts = builder.facts.tension
    if facts.apologised < 2:
        return
    order = sorted(range(len(builder.people)), key=lambda who: -facts.first_apologies[who])
    parts = [
        f"{builder.name(who)} {times(facts.first_apologies[who])}"
        for who in order
        if facts.first_apologies[who]
    ]
    claim = f"An apology followed {facts.apologised} of {facts.count} tense passages; first to "
    claim += f"apologise was {listed(parts)}."
    builder.add(claim, [each.apology.number for each in facts.episodes if each.apology])


def _mild(builder: InsightBuilder) -> None:
    """Without a passage of tension, the few sharp words there are."""
    sharp = builder.facts.signals["tension"]
    total = sharp.total
    if not total:
        return
    numbers = [number for sample in sharp.samples for number in sample]
    claim = f"No quarrel shows: the sharper words stand alone, in {counted(total, 'message')} of "
    claim += f"{builder.facts.messages:,}, and nothing builds on them."
    builder.add(claim, numbers)


def told(builder: InsightBuilder) -> InsightContent:
    """The insight on tension whose findings are there already."""
    facts = builder.facts.tension
    if not facts.count:
        return none_found(
            builder,
            "No quarrel shows in this chat",
            "No passage holds several sharp words close together. That says how you write, not how "
            "you feel.",
            instead=(rhythm.silences, rhythm.reply_times, rhythm.unanswered_openings),
        )
    if facts.count == 1:
        episode = facts.episodes[0]
        sorry = (
            f"{builder.name(episode.apology.by)} apologised" if episode.apology else "no apology"
        )
        calm = "then calm" if facts.mended else "no calm exchange after it"
        return builder.content(
            f"One tense passage, on {on_day(episode.on)}: {sorry}, {calm}",
            "It stands out by sharp words close together; the rest of the chat has no such "
            "passage. Word lists see the words, not what they were about: open the messages.",
        )
    passages = counted(facts.count, "tense passage")
    headline = f"{passages}, {'all' if facts.mended == facts.count else facts.mended or 'none'}"
    headline += " followed by calm"
    summary = f"{capital(passages)} stood out by sharp words close together; an apology followed "
    summary += f"in {facts.apologised or 'none'}."
    if facts.median_calm_hours is not None:
        summary += f" The next calm exchange came {_soon(facts.median_calm_hours)} (median)."
    return builder.content(headline, summary)
