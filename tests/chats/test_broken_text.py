"""A text with bytes that mean nothing is read in parts, as if it were read whole."""

import random

import pytest

from app.chats.formats import text as texts
from app.chats.formats.text import utf8_of
from tests.chats.fuzz import memory_allowed, memory_of

PIECES = ("ü", "😀", "\ufffd", "a", "名前", "\n", "‎")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_character_at_the_end_of_a_part_is_whole(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    chance = random.Random(encoding)
    mark = "\ufeff".encode(encoding)
    for _ in range(200):
        raw = bytearray("".join(chance.choices(PIECES, k=60)).encode(encoding))
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(128, 256)
        whole = bytes(raw).decode(encoding, "replace")
        meant = bytes(raw).decode(encoding, "ignore").count("\ufffd")
        monkeypatch.setattr(texts, "_BROKEN_BYTES", chance.randrange(1, 30))
        assert utf8_of(mark + raw) == (whole.encode(), whole.count("\ufffd") - meant)


def test_a_broken_text_with_an_emoji_takes_no_four_bytes_a_character() -> None:
    line = "13.02.24, 10:15 - Nia: 😀 what a day\n".encode()
    raw = line * 40_000 + b"\xff" * 40_000
    peak, made = memory_of(raw)
    assert made == 0
    assert peak <= memory_allowed(raw, 0)
