"""Claims about subjects over time."""

from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.claims.prose import counted, listed, quoted
from app.generation.offline.measures.chapters import Chapter

CHAPTERS_SHOWN = 6


def chapters(builder: InsightBuilder) -> list[Chapter]:
    """The periods with subjects of their own, told in order; returns those told."""
    facts = builder.facts.chapters
    builder.observations += sum(len(each.subjects) for each in facts.chapters) * 3
    told = [each for each in facts.chapters if each.subjects]
    fullest = sorted(told, key=lambda each: -each.messages)[:CHAPTERS_SHOWN]
    told = [each for each in told if each in fullest]
    for each in told:
        words = [f"{quoted(subject.word)} ({subject.count:,})" for subject in each.subjects[:3]]
        begin = "In the chat as a whole" if each.label == "the whole chat" else _when(each.label)
        claim = (
            f"{begin} ({counted(each.messages, 'message')}) these words stand out: {listed(words)}."
        )
        builder.add(claim, [n for subject in each.subjects[:3] for n in subject.sample])
    return told


def _when(label: str) -> str:
    if label.startswith("the week"):
        return f"In {label}"
    return (
        f"On {label}" if label[0].isdigit() and " " in label and "Q" not in label else f"In {label}"
    )


def lasting_subjects(builder: InsightBuilder) -> None:
    """Words that return in most periods."""
    facts = builder.facts.chapters
    if not facts.lasting:
        return
    shown = facts.lasting[:4]
    claim = f"What stays: {listed([quoted(each.word) for each in shown])} "
    claim += f"{'returns' if len(shown) == 1 else 'return'} in most of the {facts.periods} periods."
    builder.add(claim, [number for each in shown for number in each.sample[:3]])


def own_words(builder: InsightBuilder) -> None:
    """What each of the two or three who write most speaks of more than the others."""
    facts = builder.facts.chapters
    for who, words in enumerate(facts.own[:3]):
        if len(words) < 2:
            continue
        shown = words[:3]
        told = listed([f"{quoted(each.word)} ({each.count:,})" for each in shown])
        claim = f"{builder.name(who)} speaks far more than the others of {told}."
        if builder.is_pair:
            claim = f"{builder.name(who)} speaks far more than {builder.name(1 - who)} of {told}."
        builder.add(claim, [number for each in shown for number in each.sample[:3]])


def chapter_metrics(builder: InsightBuilder, name: str) -> None:
    """Metrics on the periods of the chat; `name` is the key of their number."""
    facts = builder.facts.chapters
    builder.measure(
        **{name: facts.periods},
        busiest_period=facts.busiest,
        lasting_subjects=[each.word for each in facts.lasting],
    )
