"""Offline insights must be true of the chat: planted facts come out, with their messages."""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent, checked_evidence
from app.chats.message import Message, MessageKind
from app.generation.offline.claims.story import Story
from app.generation.offline.generator import OfflineGenerator
from app.generation.offline.language import Language
from app.generation.offline.measures import lexicon as lexicon_module
from app.generation.offline.measures.facts import measure
from app.generation.offline.measures.lexicon import CUE, LANGUAGES, Lexicon
from app.generation.offline.measures.transcript import annotate, words_of_messages
from app.generation.offline.writers import WRITERS, language_of, write
from app.generation.preparation import build_context
from app.generation.retrieval import words_of
from tests.support.chats import ZONE, Telling, friends, number_of
from tests.support.models import attempt

START = datetime(2024, 3, 1, 9, tzinfo=ZONE)


def insight(messages: list[Message], category: str, key: str) -> InsightContent:
    """What its writer makes of any chat, also of one that holds too little to be sold."""
    facts = measure(annotate(messages, words_of_messages(messages)))
    content = write(category, key, facts, language_of(facts)).content
    assert isinstance(content, InsightContent)
    return checked_evidence(content, message_count=len(messages))


def metrics(messages: list[Message], category: str, key: str) -> Mapping[str, Any]:
    """What was measured, whether anything could be told or not."""
    facts = measure(annotate(messages, words_of_messages(messages)))
    return write(category, key, facts, Language("en")).metrics


def claim(content: InsightContent, pattern: str) -> tuple[str, list[int]]:
    """The one finding whose claim matches, and its evidence."""
    found = [each for each in content.findings if re.search(pattern, each.claim)]
    assert len(found) == 1, [each.claim for each in content.findings]
    return found[0].claim, found[0].evidence


def test_who_opens_conversations_is_counted_and_shown():
    content = insight(friends(), "friendship", "who_reaches_out")
    told, evidence = claim(content, "^Ana opened")
    assert told == "Ana opened 34 of 46 conversations, Ben 12."
    assert content.headline == "Ana opens 74% of your conversations"
    assert {friends()[number - 1].author for number in evidence} == {"Ana", "Ben"}


def test_a_shift_in_who_opens_is_told_with_the_day_the_halves_part():
    told, evidence = claim(insight(friends(), "friendship", "who_reaches_out"), "of those since")
    assert told == (
        "Ben opened 0% of the conversations before 23 March 2024, and 50% of those since."
    )
    behind = [friends()[number - 1] for number in evidence]
    parting = datetime(2024, 3, 23, tzinfo=ZONE).date()
    assert all(one.author == "Ben" or one.at.date() == parting for one in behind)


def test_the_longest_silence_names_who_ended_it():
    messages = friends()
    told, evidence = claim(insight(messages, "friendship", "who_reaches_out"), "longest silence l")
    assert told.endswith("from 19 April 2024 to 12 May 2024; Ana ended it.")
    assert evidence[1] == number_of(messages, "you forgot my birthday dinner, I'm so angry")


def test_reply_times_are_medians_by_person():
    content = insight(friends(), "friendship", "listening")
    told, _ = claim(content, "replies came within")
    assert (
        told
        == "Half of Ana's 99 replies came within 1 minute, half of Ben's 121 within 10 minutes."
    )
    assert content.metrics["median_reply_minutes"] == {"Ben": 10.0, "Ana": 1.0}


def test_a_question_nobody_answered_is_found():
    messages = friends()
    content = insight(messages, "friendship", "listening")
    told, evidence = claim(content, "else wrote for a day")
    assert evidence == [number_of(messages, "would you still come to Lisbon with me?")]
    assert told == (
        "Nobody else wrote for a day after Ben's question of 20 May 2024: “would you still come to "
        "Lisbon with me?”."
    )
    assert content.metrics["questions_left_open"] == 1


def test_a_quarrel_is_told_in_its_words_and_its_apology_elsewhere():
    messages = friends()
    told, evidence = claim(insight(messages, "friendship", "rough_patches"), "^On 12 May 2024 Ana")
    angry = number_of(messages, "leave me alone, you don't care")
    assert "“leave me alone, you don't care”" in told
    assert angry in evidence
    content = insight(messages, "romance", "tension_and_repair")
    told, evidence = claim(content, "apologised")
    sorry = number_of(messages, "I'm sorry, I should have asked")
    assert told == (
        "Ben apologised on 12 May 2024, 3.1 hours after angry words: “I'm sorry, I should have "
        "asked”."
    )
    assert evidence == [number_of(messages, "you forgot my birthday dinner, I'm so angry"), sorry]
    assert content.metrics["episodes"] == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["you liar 😂 it's your fault haha", "shut up 😂😂", "how could you lol"],
        ["my boss said: you lied, leave me alone", "how could you, he said", "I'm so sorry"],
        ["if you lied to me I'd be so angry with you", "I would never, leave me alone", "sorry"],
        ["the song goes “leave me alone, you don't care”", "how dare you, I love it", "sorry"],
        ["I'm not angry with you", "you never lied to me", "I'm sorry anyway"],
    ],
    ids=["banter", "others", "supposed", "quoted", "denied"],
)
def test_what_only_sounds_like_a_quarrel_is_none(lines: list[str]):
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    for place, line in enumerate(lines):
        tell.say("2024-03-05", f"20:0{place}", ("Ana", "Ben")[place % 2], line)
    assert metrics(tell.messages(), "friendship", "rough_patches")["episodes"] == 0


def test_a_promise_names_its_day_and_is_followed_by_its_rarest_noun():
    tell = Telling()
    tell.pad("2024-03-01", 30, "Ana", "Ben", reply_s=600)
    tell.say("2024-03-04", "20:30", "Ana", "I'll bring the ladder on Friday")
    tell.say("2024-03-06", "20:30", "Ben", "I'll get the tickets tomorrow")
    tell.say("2024-03-11", "20:40", "Ben", "the tickets are here, row four!")
    tell.say("2024-03-12", "20:40", "Ben", "if it rains I'll fetch the tent on Friday")
    messages = tell.messages()
    content = insight(messages, "friendship", "plans_and_promises")
    told, evidence = claim(content, "ladder")
    assert told.endswith(
        "“I'll bring the ladder on Friday”. No later conversation has the word “ladder”."
    )
    assert evidence == [number_of(messages, "I'll bring the ladder on Friday")]
    told, evidence = claim(content, "tickets")
    assert told.endswith("“tickets” is written again on 11 March 2024.")
    assert evidence[-1] == number_of(messages, "the tickets are here, row four!")
    assert content.headline == "2 announcements for a day, 1 of them by Ben"
    assert content.metrics["never_mentioned_again"] == 1


def test_words_are_counted_as_they_stand():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    for day in ("02", "05", "09"):
        tell.say(f"2024-03-{day}", "20:00", "Ben", "Thank you, that was kind")
    messages = tell.messages()
    content = insight(messages, "family", "care")
    told, evidence = claim(content, "of thanks")
    assert told == "Of words of thanks, Ben writes “Thank you” most often: 3 times."
    assert {messages[number - 1].text for number in evidence} == {"Thank you, that was kind"}


def test_a_negated_word_is_no_signal():
    lines = ["I'm not worried at all", "the sea was calm"] * 10
    messages = talk(["Ana", "Ben"], lines, minutes=5)
    assert metrics(messages, "family", "worries")["worries"] == {"Ana": 0, "Ben": 0}


def test_a_worry_is_told_with_its_comfort():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    tell.say("2024-03-05", "20:00", "Ben", "I'm so worried about my scan")
    tell.say("2024-03-05", "20:05", "Ana", "fingers crossed, I'm here")
    content = insight(tell.messages(), "family", "worries")
    told, _ = claim(content, "comforted")
    assert told == (
        "On 5 March 2024 Ben wrote: “I'm so worried about my scan”. Ana comforted: “fingers "
        "crossed, I'm here”."
    )


def test_work_insights_find_decisions_troubles_and_evenings():
    tell = Telling()
    tell.pad("2024-03-04", 15, "Mira", "Jon", reply_s=120)
    tell.say("2024-03-04", "09:00", "Mira", "we decided to move the archive to Hamburg")
    tell.say("2024-03-04", "09:05", "Jon", "ok")
    tell.say("2024-03-06", "09:00", "Jon", "the archive copy is broken")
    tell.say("2024-03-06", "11:00", "Mira", "the archive copy works again")
    messages = tell.messages()
    content = insight(messages, "work", "decisions")
    assert content.headline == "1 decision with a yes to it, of 4 March 2024"
    assert content.metrics["last_decision"] == "2024-03-04"
    told, _ = claim(insight(messages, "work", "blockers"), "Solved")
    assert "Solved 2 hours later, by the words of Mira: “the archive copy works again”." in told
    share = insight(messages, "work", "workload").metrics["after_hours_share"]
    assert share == pytest.approx(90 / 94, abs=0.001)


def test_a_wish_that_is_missed_is_no_birthday():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    tell.say("2024-03-05", "20:00", "Ana", "not even a happy birthday from you")
    tell.say("2024-03-05", "20:05", "Ben", "thanks for making me feel bad")
    tell.say("2024-03-07", "20:00", "Ben", "happy birthday, a day late!")
    tell.say("2024-03-07", "20:05", "Ana", "thank you, finally")
    content = insight(tell.messages(), "family", "shared_moments")
    assert [one.claim for one in content.findings if "birthday" in one.claim] == [
        "On 7 March 2024 Ben wished a happy birthday: “happy birthday, a day late!”; Ana thanked: "
        "“thank you, finally”."
    ]


def test_rituals_count_greetings_of_both():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    for day in range(1, 11):
        tell.say(f"2024-03-{day:02}", "07:00", "Ana", "good morning sunshine")
        tell.say(f"2024-03-{day:02}", "07:05", "Ben", "morning!")
    content = insight(tell.messages(), "romance", "rituals")
    assert content.metrics["good_mornings"] == {"Ana": 10, "Ben": 10}
    claim(content, "^Messages of good morning stand on 10 of 20 days")
    assert content.metrics["longest_streak_days"] == 20


def test_subjects_of_a_period_are_words_of_that_period():
    tell = Telling()
    tell.pad("2024-01-01", 25, "Ana", "Ben", reply_s=60)
    tell.pad("2024-04-01", 25, "Ana", "Ben", reply_s=60)
    for day in range(3, 20, 2):
        tell.say(f"2024-01-{day:02}", "12:00", "Ana", "the pottery kiln broke")
        tell.say(f"2024-04-{day:02}", "12:00", "Ben", "the kayak leaks")
    messages = tell.messages()
    content = insight(messages, "friendship", "chapters")
    told, evidence = claim(content, "^January 2024: “")
    assert told.endswith("stands in 9 messages, in all the rest of the chat in 0.")
    assert all("pottery" in messages[number - 1].text for number in evidence)
    assert re.search("“(kayak|leaks)”", claim(content, "^April 2024: “")[0])


@pytest.mark.parametrize("letter", ["q", "é", "ж"])
def test_a_word_without_an_end_costs_no_insight(letter: str):
    tell = Telling()
    tell.pad("2024-01-01", 25, "Ana", "Ben", reply_s=60)
    tell.pad("2024-04-01", 25, "Ana", "Ben", reply_s=60)
    for day in range(3, 20, 2):
        tell.say(f"2024-01-{day:02}", "12:00", "Ana", f"a{letter}" * 80)
        tell.say(f"2024-04-{day:02}", "12:00", "Ben", f"k{letter}" * 80)
    content = insight(tell.messages(), "friendship", "chapters")
    told = " ".join([content.headline, *(one.claim for one in content.findings)])
    assert f"a{letter}" * 20 in told
    assert f"a{letter}" * 21 not in told


def test_a_claim_that_cannot_be_stored_is_left_out_and_not_its_insight():
    messages = friends()
    story = Story(measure(annotate(messages, words_of_messages(messages))), Language("en"))
    story.tell("so " * 300, [0])
    story.tell("Something with a \x00 in it.", [1])
    story.tell("They write.", [2])
    content = story.told("How it was counted.")
    assert content is not None
    assert [(one.claim, one.evidence) for one in content.findings] == [("They write.", [3])]


def test_an_insight_without_a_finding_says_nothing():
    messages = friends()
    story = Story(measure(annotate(messages, words_of_messages(messages))), Language("en"))
    assert story.told("How it was counted.") is None


def test_spanish_is_read_with_spanish_words_and_told_in_spanish():
    lines = ["buenos días mi amor, cómo estás hoy?", "muy bien cariño, gracias, te quiero"] * 12
    content = insight(talk(["Lucía", "Diego"], lines, minutes=400), "romance", "affection")
    assert content.metrics["affection"] == {"Lucía": 12, "Diego": 12}
    assert content.metrics["language"] == "es"
    assert content.headline.startswith("Lucía lo dice con «")


@pytest.mark.parametrize(
    "lines",
    [
        ["おはよう、今日は何時に帰る？", "七時ごろかな", "了解です😂"],
        ["كيف حالك اليوم؟", "الحمد لله بخير", "متى نلتقي؟"],
        ["как дела сегодня?", "хорошо, а у тебя?"],
    ],
    ids=["japanese", "arabic", "russian"],
)
def test_of_an_unread_language_only_rhythm_is_told(lines: list[str]):
    messages = talk(["A", "B"], lines * 20, minutes=7)
    assert metrics(messages, "friendship", "rough_patches")["episodes"] == 0
    listening = insight(messages, "friendship", "listening")
    assert listening.metrics["questions"] != {"A": 0, "B": 0}
    assert listening.metrics["language"] == "en"


CROWD = [f"Person {number}" for number in range(15)]
SHAPES = {
    "one message": (["Ana"], ["hello"]),
    "one empty message": (["Ana"], [""]),
    "one-sided": (
        ["Ana"],
        ["are you there?", "I'll wait", "so unfair, leave me alone", "sorry"] * 9,
    ),
    "two messages": (["Ana", "Ben"], ["hi?", "I love you, sorry, I'll call, we decided, worried"]),
    "twenty": (["Ana", "Ben"], ["did you eat?", "thanks", "see you tomorrow", "haha"] * 5),
    "a crowd": (
        CROWD,
        ["who picks up the cake?", "I'll do it", "thanks!", "stuck in traffic"] * 99,
    ),
    "strange names": (["\u202aA\x07\x7f", "%s {x}" * 40], ["ok?", "no 😡", "\u200d", "👩‍👩‍👧"] * 9),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", list(CATEGORIES))
async def test_insights_are_honest_of_any_chat(shape: str, key: str):
    people, lines = SHAPES[shape]
    messages = talk(people, lines, minutes=45)
    for spec in CATEGORIES[key].insights:
        facts = measure(annotate(messages, words_of_messages(messages)))
        written = write(key, spec.key, facts, language_of(facts))
        assert {name for name, _ in spec.metrics} <= set(written.metrics)
        if not isinstance(written.content, InsightContent):
            continue
        content = checked_evidence(written.content, message_count=len(messages))
        assert content.findings
        for finding in content.findings:
            assert finding.evidence
            assert all(1 <= number <= len(messages) for number in finding.evidence)
            assert re.match(r"[^a-z]", finding.claim)
            assert not re.search(r"\b1 (messages|times|questions|conversations)\b", finding.claim)
            assert not re.search(r"[{}]", finding.claim.replace("%s {x}", ""))
        assert content.metrics["generator"] == "offline"
        if len(messages) < 30:
            assert content.confidence < 0.4


async def test_what_is_written_offline_costs_nothing():
    people, lines = SHAPES["a crowd"]
    context = build_context(talk(people, lines, minutes=45), CATEGORIES["work"])
    spec = next(
        spec
        for spec in CATEGORIES["work"].insights
        if isinstance(context.insights[spec.key], InsightContent)
    )
    draft = await attempt(OfflineGenerator()).write(spec, context, language="de")
    assert isinstance(draft.content, InsightContent)
    assert (draft.model, draft.tokens_in, draft.cost_microusd) == ("offline-1", 0, 0)


def test_every_insight_of_the_catalog_has_its_writer():
    sold = {(key, spec.key) for key, each in CATEGORIES.items() for spec in each.insights}
    assert sold == set(WRITERS)


def test_more_evidence_makes_an_insight_surer():
    short = insight(friends()[:20], "friendship", "who_reaches_out")
    assert short.confidence < insight(friends(), "friendship", "who_reaches_out").confidence


def talk(people: list[str], lines: list[str], *, minutes: int) -> list[Message]:
    """The lines in turn by the people in turn, `minutes` apart."""
    return [
        Message(
            number,
            START + timedelta(minutes=minutes * number),
            people[(number - 1) % len(people)],
            line,
            MessageKind.TEXT if line else MessageKind.EMPTY,
        )
        for number, line in enumerate(lines, start=1)
    ]


def test_the_end_of_the_chat_is_not_taken_for_silence():
    lines = ["any news?", "not yet", "we decided to sell the boat", "is it far?"] * 12
    content = insight(talk(["Ana", "Ben"], lines, minutes=30), "friendship", "listening")
    assert not [each for each in content.findings if "else wrote for a day" in each.claim]


def test_people_who_open_equally_often_are_named_together():
    tell = Telling()
    for day in range(1, 10):
        tell.say(f"2024-03-{day:02}", "12:00", ("Ana", "Ben", "Cem")[day % 3], "lunch?")
        tell.say(f"2024-03-{day:02}", "12:05", ("Ben", "Cem", "Ana")[day % 3], "yes")
    content = insight(tell.messages(), "friendship", "who_reaches_out")
    assert content.headline.endswith("open about as many conversations: 3 and 3")


def test_a_phrase_within_a_longer_one_is_no_signal_of_its_own():
    lines = ["well done!", "this morning was grey", "this morning it rained"] * 80
    messages = talk(["Ana", "Ben"], lines, minutes=5)
    nothing = {"Ana": 0, "Ben": 0}
    assert metrics(messages, "work", "action_items")["reported_done"] == nothing
    assert metrics(messages, "romance", "rituals")["good_mornings"] == nothing


def test_words_are_counted_as_in_the_statistics():
    messages = talk(["Ana", "Ben"], ["I'll be there at 8", "see www.example.org"], minutes=5)
    assert metrics(messages, "romance", "balance")["words"] == {"Ana": 4, "Ben": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_a_word_list_is_found_where_it_is_said(language: str):
    lexicon = Lexicon([language])
    path = Path(lexicon_module.__file__).parents[1] / "lexicon" / f"{language}.toml"
    lists = tomllib.loads(path.read_text(encoding="utf-8"))
    cues = {f"{CUE}{cue}": phrases for cue, phrases in lists.get("cues", {}).items()}
    for signal, phrases in (lists["signals"] | cues).items():
        for phrase in phrases:
            said = [word.strip("*^") or "so" for word in phrase.split()]
            assert words_of(" ".join(said)) == said, phrase
            assert (signal, 0, len(said)) in lexicon.spans(said), phrase
