"""Sentences that Messenger and Instagram write into a chat: no words of a person."""

import json

import pytest

from app.chats.formats.format import ReadingOptions
from app.chats.formats.meta_sentences import translated
from app.chats.formats.registry import read_export
from app.chats.message import MessageKind
from app.chats.statistics import compute_statistics
from app.chats.transcript import NoticeKind

MEDIA, CALL, DELETED = MessageKind.MEDIA, MessageKind.CALL, MessageKind.DELETED
PEOPLE = ("Nia Example", "Olo Muster")

MESSAGES = [
    ("Nia Example sent an attachment.", MEDIA, ""),
    ("Nia sent an attachment.", MEDIA, ""),
    ("You sent an attachment.", MEDIA, ""),
    ("You sent a photo.", MEDIA, ""),
    ("Nia sent 3 photos.", MEDIA, ""),
    ("Nia sent a video.", MEDIA, ""),
    ("Nia sent a GIF.", MEDIA, ""),
    ("Nia sent a sticker.", MEDIA, ""),
    ("Nia sent a voice message.", MEDIA, ""),
    ("Nia sent a link.", MEDIA, ""),
    ("Nia shared a story.", MEDIA, ""),
    ("Nia sent a location.", MessageKind.LOCATION, ""),
    ("You sent a live location.", MessageKind.LOCATION, ""),
    ("Nia unsent a message", DELETED, ""),
    ("Nia created a poll: Which lake?", MessageKind.POLL, "Which lake?"),
    ("Olo missed your call.", CALL, ""),
    ("Olo Muster missed your video chat.", CALL, ""),
    ("You missed a call from Nia.", CALL, ""),
    ("You missed a video chat with Nia.", CALL, ""),
    ("Nia started a video chat.", CALL, ""),
    ("You started a video chat", CALL, ""),
    ("You started an audio call", CALL, ""),
    ("Nia started a call.", CALL, ""),
    ("Nia called you.", CALL, ""),
    ("You called Olo.", CALL, ""),
    ("Missed audio call", CALL, ""),
    ("This message was unsent", DELETED, ""),
]
NOTICES = [
    ("Nia joined the call.", NoticeKind.CALL, ()),
    ("Nia joined the video chat.", NoticeKind.CALL, ()),
    ("Video chat ended", NoticeKind.CALL, ()),
    ("The video call ended.", NoticeKind.CALL, ()),
    ("Audio call ended", NoticeKind.CALL, ()),
    ("Nia joined the group.", NoticeKind.JOINED, ("Nia Example",)),
    ("Nia added Olo Muster to the group.", NoticeKind.JOINED, ("Olo Muster",)),
    ("Nia added Olo, Pia and Una to the group.", NoticeKind.JOINED, ("Olo", "Pia", "Una")),
    ("Nia added you to the group.", NoticeKind.JOINED, ()),
    ("Nia left the group.", NoticeKind.LEFT, ("Nia Example",)),
    ("You removed Pia from the group.", NoticeKind.LEFT, ("Pia",)),
    ("Nia named the group Lake house.", NoticeKind.SETTING, ()),
    ("Nia removed the group name.", NoticeKind.SETTING, ()),
    ("Nia changed the group photo.", NoticeKind.SETTING, ()),
    ("You created the group.", NoticeKind.SETTING, ()),
    ("Nia set the nickname for Olo Muster to Bee.", NoticeKind.SETTING, ()),
    ("Nia set her own nickname to Captain.", NoticeKind.SETTING, ()),
    ("Nia set your nickname to Bee.", NoticeKind.SETTING, ()),
    ("Nia cleared the nickname for Olo Muster.", NoticeKind.SETTING, ()),
    ("Nia cleared her own nickname.", NoticeKind.SETTING, ()),
    ("Nia set the emoji to 🐝.", NoticeKind.SETTING, ()),
    ("You set the quick reaction to 🐝.", NoticeKind.SETTING, ()),
    ("Nia changed the chat theme to Lake.", NoticeKind.SETTING, ()),
    ("You changed the theme to Lake.", NoticeKind.SETTING, ()),
    ("Nia changed the chat colors.", NoticeKind.SETTING, ()),
    ("Nia liked a message", NoticeKind.SETTING, ()),
    ("Liked a message", NoticeKind.SETTING, ()),
    ("Reacted ❤ to your message", NoticeKind.SETTING, ()),
    ("Reacted 👍🏽 to your message ", NoticeKind.SETTING, ()),
    ("This poll is no longer available.", NoticeKind.SETTING, ()),
    ("This poll is no longer available", NoticeKind.SETTING, ()),
    ('Nia voted for "Blue lake" in the poll: Which lake?', NoticeKind.SETTING, ()),
    ('Nia changed her vote to "Red" in the poll: Which?', NoticeKind.SETTING, ()),
    ("Nia pinned a message.", NoticeKind.SETTING, ()),
    ("You are now connected on Messenger", NoticeKind.SETTING, ()),
    ("You are now connected on Messenger.", NoticeKind.SETTING, ()),
    ("You can now call each other and see information such as Active Status.",
     NoticeKind.SETTING, ()),
    ("You can now message and call each other and see info like Active Status.",
     NoticeKind.SETTING, ()),
    ("Say hi to your new Facebook friend, Nia.", NoticeKind.SETTING, ()),
    ("Nia waved at you!", NoticeKind.SETTING, ()),
    ("Nia made Olo Muster an admin.", NoticeKind.SETTING, ()),
    ("Nia added Olo as a group admin.", NoticeKind.SETTING, ()),
    ("Nia turned on disappearing messages.", NoticeKind.SETTING, ()),
    ("Nia created a plan.", NoticeKind.SETTING, ()),
    ("Nia responded Going to Lake.", NoticeKind.SETTING, ()),
]  # fmt: skip
TYPED = [
    "You sent a photo", "you sent a photo.", "You called me.", "You called it.",
    "Olo sent a photo.",
    "Olo left the group.", "Mum missed your call.", "Nia", "Nia!", "Nia sent me home.", "You",
    "You left the group of smokers, right?", "You are now connected", "The call ended badly",
    "Missed you", "Liked a message from you", "Nia sent an attachment.\nand I did not",
    "Somebody liked a message", "This poll is rigged", "Nia named the groups", "You named it",
    "Nia added sugar.", "The lake", "Video chat?", "You started it",
]  # fmt: skip


def downloaded(*texts, author=PEOPLE[0], **fields):
    """An export without types, as it is since 2023."""
    told = [
        {"sender_name": author, "timestamp_ms": 1_707_819_300_000 + n, "content": latin(text)}
        | fields
        for n, text in enumerate(texts)
    ]
    named = [{"name": latin(name)} for name in PEOPLE]
    return json.dumps({"participants": named, "messages": told, "title": "Lake"})


def encrypted(*texts, author=PEOPLE[0]):
    told = [
        {"senderName": author, "timestamp": 1_707_819_300_000 + n, "text": text, "type": "text",
         "media": [], "reactions": [], "isUnsent": False}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    return json.dumps({"participants": list(PEOPLE), "threadName": "Lake", "messages": told})


def latin(text):
    return text.encode().decode("latin-1")


def read(raw):
    return read_export(raw.encode(), ReadingOptions())


@pytest.fixture(params=[downloaded, encrypted])
def export(request):
    return request.param


@pytest.mark.parametrize(("sentence", "kind", "text"), MESSAGES)
def test_a_sentence_tells_a_message_that_has_no_words(export, sentence, kind, text):
    chat = read(export("hello", sentence))
    assert [(m.author, m.kind, m.text) for m in chat.messages[1:]] == [(PEOPLE[0], kind, text)]
    assert chat.notices == []


@pytest.mark.parametrize(("sentence", "kind", "people"), NOTICES)
def test_a_sentence_tells_what_happened_to_the_chat(export, sentence, kind, people):
    chat = read(export("hello", sentence))
    assert [m.text for m in chat.messages] == ["hello"]
    assert [(n.kind, n.people, n.text) for n in chat.notices] == [(kind, people, sentence)]
    assert chat.report.unknown_notices == 0


@pytest.mark.parametrize("text", TYPED)
def test_what_a_person_writes_stays_words(export, text):
    chat = read(export(text))
    assert [(m.kind, m.text) for m in chat.messages] == [(MessageKind.TEXT, text)]


def test_none_of_the_sentences_counts_as_words():
    sentences = [sentence for sentence, *_ in MESSAGES + NOTICES if "poll:" not in sentence]
    statistics = compute_statistics(read(downloaded("one two three", *sentences)).messages)
    assert statistics.total.words == 3


@pytest.mark.parametrize(
    "sentence", ["Nia Example sent an attachment.", "Nia Example hat einen Anhang gesendet."]
)
def test_what_was_shared_is_a_medium_with_its_link_in_any_language(sentence):
    chat = read(downloaded(sentence, share={"link": "https://example.org/p/1"}))
    assert [(m.kind, m.text) for m in chat.messages] == [(MEDIA, "https://example.org/p/1")]


def test_a_call_of_another_language_is_one_by_its_duration():
    chat = read(downloaded("Nia hat dich angerufen.", call_duration=61))
    assert [(m.kind, m.text) for m in chat.messages] == [(CALL, "")]


def test_who_is_no_participant_any_more_is_known_by_what_they_wrote():
    raw = downloaded("hi", "Pia left the group.", author="Pia Former")
    assert [(n.kind, n.people) for n in read(raw).notices] == [(NoticeKind.LEFT, ("Pia Former",))]


@pytest.mark.parametrize("participants", ["[]", "[7, null, {}]", '[{"name": 7}]', "[[]]"])
def test_participants_of_another_form_are_nobody(participants):
    raw = downloaded("hi", "You sent a photo.").replace(
        json.dumps([{"name": name} for name in PEOPLE]), participants
    )
    assert [m.kind for m in read(raw).messages] == [MessageKind.TEXT, MEDIA]


@pytest.mark.parametrize("sentence", translated())
@pytest.mark.parametrize("render", [downloaded, encrypted])
def test_what_was_sent_and_who_left_is_known_in_other_languages(sentence, render):
    name = PEOPLE[0]
    chat = read(render(f"{name} {sentence}", "hi", f"{name} {sentence} ok", f"Olo {sentence}"))
    is_left = translated()[sentence] == "left"
    told = [notice.people for notice in chat.notices]
    assert told == ([(name,)] if is_left else [])
    kinds = [message.kind for message in chat.messages]
    assert kinds == [*([] if is_left else [MessageKind.MEDIA]), *[MessageKind.TEXT] * 3]
