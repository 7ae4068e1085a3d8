"""What is measured of the retrieval: what it finds, and how long that takes."""

import time
from collections.abc import Iterable
from statistics import fmean

from app.generation.retrieval import ChatIndex, build_index, rank_windows, select_context
from benchmarks.retrieval.chats import SHAPES, AskedChat, Question, made_up_chat
from benchmarks.retrieval.planted import LANGUAGES, facts

WORDS_MAX = 1_500
BEST = 10
SPEED_MESSAGES = 40_000
SPEED_ROUNDS = 5
SEEDS = range(3)


def coverage(meetings: Iterable[AskedChat]) -> float:
    """cov@1500w: the share of the evidence in a context of 1,500 words, mean over the questions."""
    return fmean(
        _covered(index, question)
        for index, questions in _indexed(meetings)
        for question in questions
    )


def found(chats: Iterable[AskedChat], part: str) -> float:
    """any@10: the share of the questions of `part` with evidence in one of the ten best windows."""
    return fmean(
        _is_found(index, question)
        for index, questions in _indexed(chats)
        for question in questions
        if question.part == part
    )


def chats_by_shape() -> dict[str, list[AskedChat]]:
    """The made-up chats of all languages."""
    return {
        shape.name: [made_up_chat(each, shape, seed=seed) for each in LANGUAGES for seed in SEEDS]
        for shape in SHAPES
    }


def speed() -> tuple[float, float]:
    """CPU seconds to index 40,000 messages, and of one query of them: the best of five."""
    chat = made_up_chat("en", SHAPES[0], seed=0)
    times = -(-SPEED_MESSAGES // len(chat.messages))
    messages = (chat.messages * times)[:SPEED_MESSAGES]
    queries = [fact.ask for fact in facts("en")]
    index = build_index(messages)
    built_s: list[float] = []
    asked_s: list[float] = []
    for _ in range(SPEED_ROUNDS):
        started = time.process_time()
        index = build_index(messages)
        built_s.append(time.process_time() - started)
        started = time.process_time()
        for query in queries:
            rank_windows(index, query)
        asked_s.append((time.process_time() - started) / len(queries))
    return min(built_s), min(asked_s)


def _indexed(chats: Iterable[AskedChat]) -> Iterable[tuple[ChatIndex, list[Question]]]:
    for chat in chats:
        yield build_index(chat.messages), chat.questions


def _covered(index: ChatIndex, question: Question) -> float:
    chunks = select_context(index, [question.text], words_max=WORDS_MAX)
    shown = {message.number for chunk in chunks for message in chunk.messages}
    return len(shown & question.evidence) / len(question.evidence)


def _is_found(index: ChatIndex, question: Question) -> bool:
    best = (index.windows[window] for window in rank_windows(index, question.text)[:BEST])
    return any(
        index.messages[at].number in question.evidence
        for start, stop in best
        for at in range(start, stop)
    )
