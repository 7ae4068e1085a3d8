"""Offline insights must be true of the chat: planted facts come out, with their messages."""

import re
from datetime import datetime, timedelta

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import EvidenceMissing, InsightContent, checked_evidence
from app.catalog.fit import ENOUGH
from app.chats.message import Message, MessageKind
from app.generation.offline.claims.insight_builder import InsightBuilder
from app.generation.offline.generator import OfflineGenerator
from app.generation.offline.measures.facts import measure
from app.generation.offline.measures.lexicon import LANGUAGES, Lexicon
from app.generation.offline.measures.transcript import annotate, words_of_messages
from app.generation.offline.writers import WRITERS
from app.generation.preparation import build_context
from app.generation.retrieval import words_of
from tests.support.chats import ZONE, Telling, friends, number_of
from tests.support.models import attempt

START = datetime(2024, 3, 1, 9, tzinfo=ZONE)


def insight(messages: list[Message], category: str, key: str) -> InsightContent:
    """What its writer makes of any chat, also of one that holds too little to be sold."""
    facts = measure(annotate(messages, words_of_messages(messages)))
    content = WRITERS[category, key](facts)
    assert content is not None
    return checked_evidence(content, message_count=len(messages))


def claim(content: InsightContent, pattern: str) -> tuple[str, list[int]]:
    """The one finding whose claim matches, and its evidence."""
    found = [each for each in content.findings if re.search(pattern, each.claim)]
    assert len(found) == 1, [each.claim for each in content.findings]
    return found[0].claim, found[0].evidence


def test_who_opens_conversations_is_counted_and_shown():
    content = insight(friends(), "friendship", "who_reaches_out")
    told, evidence = claim(content, "^Ana opened")
    assert told == "Ana opened 34 of 46 conversations (74%); Ben 12."
    assert {friends()[number - 1].author for number in evidence} == {"Ana"}


def test_a_shift_in_who_opens_is_told_with_the_day_the_halves_part():
    told, evidence = claim(insight(friends(), "friendship", "who_reaches_out"), "more and more")
    assert told.startswith("Ben opens more and more often: 0% of the conversations before")
    assert all(friends()[number - 1].author == "Ben" for number in evidence)


def test_the_longest_silence_names_who_ended_it():
    messages = friends()
    told, evidence = claim(insight(messages, "friendship", "who_reaches_out"), "longest silence l")
    assert told.endswith("from 19 April 2024 to 12 May 2024; Ana ended it.")
    assert evidence[1] == number_of(messages, "you forgot my birthday dinner, I'm so angry")


def test_reply_times_are_medians_by_person():
    content = insight(friends(), "friendship", "listening")
    told, _ = claim(content, "answers within")
    assert told.startswith("Ana answers within 1 minute (median of")
    assert "Ben within 10 minutes" in told
    assert content.metrics["median_reply_minutes"] == {"Ben": 10.0, "Ana": 1.0}


def test_a_question_nobody_answered_is_found():
    messages = friends()
    content = insight(messages, "friendship", "listening")
    told, evidence = claim(content, "met silence")
    assert evidence == [number_of(messages, "would you still come to Lisbon with me?")]
    assert "Ben's of 20 May 2024" in told
    assert content.metrics["questions_left_open"] == 1


def test_a_quarrel_is_told_with_its_apology_and_the_time_until_calm():
    messages = friends()
    content = insight(messages, "romance", "tension_and_repair")
    told, evidence = claim(content, "tone sharpened")
    assert told.startswith("On 12 May 2024 the tone sharpened: sharp words in 3 messages by ")
    assert "Ben apologised first, 3 hours later." in told
    assert "Calm talk was back after 2.2 days." in told
    assert number_of(messages, "leave me alone, you don't care") in evidence
    assert number_of(messages, "I'm sorry, I should have asked") in evidence
    assert content.metrics["episodes"] == 1


def test_teasing_with_a_laugh_is_no_quarrel():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    tell.say("2024-03-05", "20:00", "Ana", "you liar 😂 it's your fault haha")
    tell.say("2024-03-05", "20:01", "Ben", "shut up 😂😂")
    tell.say("2024-03-05", "20:02", "Ana", "so unfair lol")
    content = insight(tell.messages(), "friendship", "rough_patches")
    assert content.headline == "No quarrel shows in this chat"


def test_a_promise_never_mentioned_again_is_told_apart_from_a_kept_one():
    messages = friends()
    content = insight(messages, "friendship", "plans_and_promises")
    told, evidence = claim(content, "never spoken of again")
    assert "“bookshelf” do not come up" in told
    assert evidence == [number_of(messages, "I'll build you a bookshelf from the old planks")]
    told, evidence = claim(content, "whose subject can be followed")
    assert "reported done by Ben" in told
    assert evidence == [
        number_of(messages, "I'll get the concert tickets for us"),
        number_of(messages, "I bought the concert tickets, row four!"),
    ]
    assert content.metrics["never_mentioned_again"] == 1


def test_warmth_names_the_giver_and_the_message():
    messages = friends()
    told, evidence = claim(insight(messages, "family", "care"), "thanks")
    assert told == "Ana wrote 1 message with thanks, Ben none."
    assert evidence == [number_of(messages, "thank you so much, you are the best ❤️")]


def test_a_negated_word_is_no_signal():
    lines = ["I'm not worried at all", "the sea was calm"] * 10
    messages = talk(["Ana", "Ben"], lines, minutes=5)
    assert insight(messages, "family", "worries").metrics["worries"] == {"Ana": 0, "Ben": 0}


def test_work_insights_find_decisions_blockers_and_evenings():
    tell = Telling()
    tell.pad("2024-03-04", 15, "Mira", "Jon", reply_s=120)
    tell.say("2024-03-04", "09:00", "Mira", "we decided to move the archive to Hamburg")
    tell.say("2024-03-04", "09:05", "Jon", "ok")
    tell.say("2024-03-06", "09:00", "Jon", "the archive copy is broken, waiting for the vendor")
    tell.say("2024-03-06", "11:00", "Mira", "calling them")
    messages = tell.messages()
    decided = number_of(messages, "we decided to move the archive to Hamburg")
    content = insight(messages, "work", "decisions")
    assert content.headline == "1 decision, stated by Mira alone"
    assert decided in claim(content, "^Mira stated 1 decision")[1]
    content = insight(messages, "work", "blockers")
    assert content.metrics["blockers"] == {"Mira": 0, "Jon": 1}
    assert content.metrics["median_answer_minutes"] == 120.0
    share = insight(messages, "work", "workload").metrics["after_hours_share"]
    assert share == pytest.approx(90 / 94, abs=0.001)


def test_rituals_count_greetings_of_both():
    tell = Telling()
    tell.pad("2024-03-01", 20, "Ana", "Ben", reply_s=60)
    for day in range(1, 11):
        tell.say(f"2024-03-{day:02}", "07:00", "Ana", "good morning sunshine")
        tell.say(f"2024-03-{day:02}", "07:05", "Ben", "morning!")
    content = insight(tell.messages(), "romance", "rituals")
    assert content.metrics["good_mornings"] == {"Ana": 10, "Ben": 10}
    assert content.headline == "A good morning on 50% of your days"
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
    told, evidence = claim(content, "^In January 2024")
    assert "“pottery” (9)" in told
    assert "kayak" not in told
    assert any("pottery" in messages[number - 1].text for number in evidence)
    assert "“kayak” (9)" in claim(content, "^In April 2024")[0]


@pytest.mark.parametrize("letter", ["q", "é", "ж"])
def test_a_word_without_an_end_costs_no_insight(letter: str):
    tell = Telling()
    tell.pad("2024-01-01", 25, "Ana", "Ben", reply_s=60)
    tell.pad("2024-04-01", 25, "Ana", "Ben", reply_s=60)
    for day in range(3, 20, 2):
        tell.say(f"2024-01-{day:02}", "12:00", "Ana", f"a{letter}" * 80)
        tell.say(f"2024-04-{day:02}", "12:00", "Ben", f"k{letter}" * 80)
    for category, key in (("friendship", "chapters"), ("work", "themes")):
        content = insight(tell.messages(), category, key)
        assert f"a{letter}" * 20 in content.headline
        assert f"a{letter}" * 21 not in content.headline


def test_a_claim_that_cannot_be_stored_is_left_out_and_not_its_insight():
    messages = friends()
    facts = measure(annotate(messages, words_of_messages(messages)))
    builder = InsightBuilder(facts)
    builder.add("so " * 300, [1])
    builder.add("Something with a \x00 in it.", [2])
    builder.add("They write.", [3])
    content = builder.content("headline", "summary")
    assert [(one.claim, one.evidence) for one in content.findings] == [("They write.", [3])]


def test_an_insight_without_a_finding_says_nothing():
    messages = friends()
    facts = measure(annotate(messages, words_of_messages(messages)))
    with pytest.raises(EvidenceMissing):
        InsightBuilder(facts).content("headline", "summary")


def test_spanish_is_read_with_spanish_words():
    lines = ["buenos días mi amor, cómo estás hoy?", "muy bien cariño, gracias, te quiero"] * 12
    content = insight(talk(["Lucía", "Diego"], lines, minutes=400), "romance", "affection")
    assert content.metrics["affection"] == {"Lucía": 12, "Diego": 12}
    assert content.headline.startswith("You say it equally often")


@pytest.mark.parametrize(
    "lines",
    [
        ["おはよう、今日は何時に帰る？", "七時ごろかな", "了解です😂"],
        ["كيف حالك اليوم؟", "الحمد لله بخير", "متى نلتقي؟"],
        ["как дела сегодня?", "хорошо, а у тебя?"],
    ],
    ids=["japanese", "arabic", "russian"],
)
def test_an_unread_language_is_never_said_to_hold_nothing(lines: list[str]):
    messages = talk(["A", "B"], lines * 20, minutes=7)
    content = insight(messages, "friendship", "rough_patches")
    assert content.headline == "These words cannot be read without a model"
    assert content.confidence <= 0.2
    listening = insight(messages, "friendship", "listening")
    assert listening.metrics["questions"] != {"A": 0, "B": 0}


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
        try:
            content = insight(messages, key, spec.key)
        except EvidenceMissing:
            assert len(messages) < ENOUGH.worded
            continue
        assert content.findings
        for finding in content.findings:
            assert finding.evidence
            assert all(1 <= number <= len(messages) for number in finding.evidence)
            assert re.match(r"[^a-z]", finding.claim)
            assert not re.search(r"\b1 (messages|times|questions|conversations)\b", finding.claim)
        assert content.metrics["generator"] == "offline"
        assert {name for name, _ in spec.metrics} <= set(content.metrics)
        if len(messages) < 30:
            assert content.confidence < 0.4


async def test_what_is_written_offline_costs_nothing():
    [spec, *_] = CATEGORIES["work"].insights
    people, lines = SHAPES["a crowd"]
    context = build_context(talk(people, lines, minutes=45), CATEGORIES["work"])
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
    lines = ["any news?", "not yet", "we decided to sell the boat"] * 12
    content = insight(talk(["Ana", "Ben"], lines, minutes=30), "work", "decisions")
    assert not [each for each in content.findings if "nobody else wrote" in each.claim]


def test_people_who_open_equally_often_are_named_together():
    tell = Telling()
    for day in range(1, 10):
        tell.say(f"2024-03-{day:02}", "12:00", ("Ana", "Ben", "Cem")[day % 3], "lunch?")
        tell.say(f"2024-03-{day:02}", "12:05", ("Ben", "Cem", "Ana")[day % 3], "yes")
    content = insight(tell.messages(), "family", "who_holds_it_together")
    assert content.headline.endswith("reach out equally often")
    assert all(name in content.headline for name in ("Ana", "Ben", "Cem"))


def test_a_phrase_within_a_longer_one_is_no_signal_of_its_own():
    lines = ["well done!", "this morning was grey", "this morning it rained"] * 80
    messages = talk(["Ana", "Ben"], lines, minutes=5)
    assert insight(messages, "work", "action_items").metrics["reported_done"] == {
        "Ana": 0,
        "Ben": 0,
    }
    assert insight(messages, "romance", "rituals").metrics["good_mornings"] == {"Ana": 0, "Ben": 0}


def test_words_are_counted_as_in_the_statistics():
    messages = talk(["Ana", "Ben"], ["I'll be there at 8", "see www.example.org"], minutes=5)
    assert insight(messages, "romance", "balance").metrics["words"] == {"Ana": 4, "Ben": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_a_word_list_is_found_where_it_is_said(language: str):
    lexicon = Lexicon([language])
    for signal, phrases in lexicon.phrases.items():
        for phrase in phrases:
            said = [word.strip("*^") or "so" for word in phrase.split()]
            assert words_of(" ".join(said)) == said, phrase
            assert signal in {hit.signal for hit in lexicon.hits(said)}, phrase
