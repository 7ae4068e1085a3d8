"""Meetings and what is asked of them: files of QMSum's form (Zhong et al. 2021), one a line.

`meeting_transcripts` is a list of turns, `{speaker, content}`; each item of `specific_query_list`
has a `query` and `relevant_text_span`, a list of `[first, last]` turns from 0, inclusive.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from app.chats.message import Message
from benchmarks.retrieval.chats import AskedChat, Question

WORDS_A_SECOND = 2.5


def meetings(path: Path) -> Iterator[AskedChat]:
    """The meetings of one file; a turn is a message, and takes as long as its words."""
    for line in path.read_bytes().splitlines():
        if line.strip():
            yield _meeting(orjson.loads(line))


def _meeting(told: dict[str, Any]) -> AskedChat:
    at = datetime(2024, 1, 1, 9, tzinfo=UTC)
    messages: list[Message] = []
    for number, turn in enumerate(told["meeting_transcripts"], start=1):
        messages.append(Message(number, at, turn["speaker"], turn["content"]))
        at += timedelta(seconds=1 + len(turn["content"].split()) / WORDS_A_SECOND)
    questions = [
        Question(each["query"], _turns(each["relevant_text_span"]), "held_out")
        for each in told["specific_query_list"]
    ]
    return AskedChat(messages, [each for each in questions if each.evidence])


def _turns(spans: list[list[str | int]]) -> frozenset[int]:
    return frozenset(turn + 1 for first, last in spans for turn in range(int(first), int(last) + 1))
