"""Claims about passages of tension and what mended them."""

from app.insights.content import InsightContent
from app.insights.facts.tension import Episode
from app.insights.findings import rhythm
from app.insights.findings.absence import none_found
from app.insights.findings.prose import capital, counted, lasting, listed, on_day, times
from app.insights.findings.sketch import Sketch
from app.insights.findings.warmth import givers

EPISODES_SHOWN = 4
AT_ONCE_H = 0.2


def tension(sketch: Sketch) -> None:
    """The gravest passages, who apologised first, and how long until calm."""
    facts = sketch.facts.tension
    sketch.is_lexical = True
    sketch.observations += sketch.facts.messages // 40 + 4 * facts.count
    sorry = sketch.facts.signals["apology"]
    sketch.measure(
        episodes=facts.count,
        mended=facts.mended,
        median_hours_to_calm=facts.median_calm_hours,
        apologies=sketch.by_person(list(sorry.by_person)),
    )
    for episode in sorted(facts.episodes, key=lambda each: -each.score)[:EPISODES_SHOWN]:
        _episode(sketch, episode)
    _first_apologies(sketch)
    if not facts.count:
        _mild(sketch)
    givers(sketch, "apology", "message with an apology")


def _episode(sketch: Sketch, episode: Episode) -> None:
    who = sketch.names(episode.people[:4])
    words = f"sharp words in {counted(episode.tense, 'message')} by {who}."
    claim = f"On {on_day(episode.on)} the tone sharpened: {words}"
    evidence = list(episode.sample)
    if episode.apology is None:
        claim += " No apology followed in the next conversations."
    else:
        evidence.append(episode.apology.number)
        claim += f" {sketch.name(episode.apology.by)} apologised first, "
        hours = episode.apology.hours
        claim += f"{lasting(hours * 3600)} later." if hours >= 0.1 else "in the same passage."
    if episode.calm_hours is None or episode.calm_number is None:
        claim += " No calm exchange of six messages came within 30 days."
    else:
        evidence.append(episode.calm_number)
        claim += f" Calm talk was back {_soon(episode.calm_hours)}."
    sketch.add(claim, evidence)


def _soon(hours: float) -> str:
    return f"after {lasting(hours * 3600)}" if hours > AT_ONCE_H else "within minutes"


def _first_apologies(sketch: Sketch) -> None:
    facts = sketch.facts.tension
    if facts.apologised < 2:
        return
    order = sorted(range(len(sketch.people)), key=lambda who: -facts.first_apologies[who])
    parts = [
        f"{sketch.name(who)} {times(facts.first_apologies[who])}"
        for who in order
        if facts.first_apologies[who]
    ]
    claim = f"An apology followed {facts.apologised} of {facts.count} tense passages; first to "
    claim += f"apologise was {listed(parts)}."
    sketch.add(claim, [each.apology.number for each in facts.episodes if each.apology])


def _mild(sketch: Sketch) -> None:
    """Without a passage of tension, the few sharp words there are."""
    sharp = sketch.facts.signals["tension"]
    total = sharp.total
    if not total:
        return
    numbers = [number for sample in sharp.samples for number in sample]
    claim = f"No quarrel shows: the sharper words stand alone, in {counted(total, 'message')} of "
    claim += f"{sketch.facts.messages:,}, and nothing builds on them."
    sketch.add(claim, numbers)


def told(sketch: Sketch) -> InsightContent:
    """The insight on tension whose findings are there already."""
    facts = sketch.facts.tension
    if not facts.count:
        return none_found(
            sketch,
            "No quarrel shows in this chat",
            "No passage holds several sharp words close together. That says how you write, not how "
            "you feel.",
            instead=(rhythm.silences, rhythm.reply_times, rhythm.unanswered_openings),
        )
    if facts.count == 1:
        episode = facts.episodes[0]
        sorry = f"{sketch.name(episode.apology.by)} apologised" if episode.apology else "no apology"
        calm = "then calm" if facts.mended else "no calm exchange after it"
        return sketch.content(
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
    return sketch.content(headline, summary)
