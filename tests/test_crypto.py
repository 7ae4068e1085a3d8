from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.crypto import ChatKey, KeyRing, SealBroken, _gathered, _spread

CHAT = UUID(int=1)
OLD, NEW = ("old", bytes(32)), ("new", bytes(range(32)))
KEY = ChatKey(bytes(range(32)))

parts = st.lists(st.one_of(st.text(), st.integers(), st.uuids(), st.binary()), max_size=4)


@given(st.binary(max_size=2_000), parts)
def test_what_was_sealed_opens_in_its_place(plain: bytes, place: list[str]) -> None:
    assert KEY.open(KEY.seal(plain, *place), *place) == plain


@given(parts, parts)
def test_what_was_sealed_opens_in_no_other_place(place: list[str], other: list[str]) -> None:
    assume(_encoded(place) != _encoded(other))
    with pytest.raises(SealBroken):
        KEY.open(KEY.seal(b"private", *place), *other)


def _encoded(place: list[str]) -> list[bytes]:
    return [part if isinstance(part, bytes) else str(part).encode() for part in place]


def test_parts_that_join_to_the_same_text_are_different_places() -> None:
    with pytest.raises(SealBroken):
        KEY.open(KEY.seal(b"private", "ab", "c"), "a", "bc")


@pytest.mark.parametrize("position", [0, 1, 12, 13, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(KEY.seal(b"private", "place"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        KEY.open(bytes(sealed), "place")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01short", b"\x02" + bytes(40)])
def test_what_never_was_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        KEY.open(sealed, "place")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert KEY.seal(b"private", "place") != KEY.seal(b"private", "place")


def test_a_chat_key_opens_after_the_master_key_was_changed() -> None:
    wrapped = KeyRing([OLD]).wrap(KEY, "alice", CHAT)
    rotated = KeyRing([NEW, OLD])
    assert rotated.unwrap(wrapped.key_id, wrapped.sealed, "alice", CHAT) == KEY
    assert rotated.wrap(KEY, "alice", CHAT).key_id == "new"


def test_a_chat_key_opens_for_its_own_user_chat_and_master_key_alone() -> None:
    for wrapped in (
        KeyRing([OLD]).wrap(KEY, "alice", CHAT),
        KeyRing([OLD]).wrap_short(KEY, "alice", CHAT),
    ):
        for ring, user, chat in (
            (KeyRing([OLD]), "bob", CHAT),
            (KeyRing([OLD]), "alice", UUID(int=2)),
            (KeyRing([("old", NEW[1])]), "alice", CHAT),
            (KeyRing([NEW]), "alice", CHAT),
        ):
            with pytest.raises(SealBroken):
                ring.unwrap(wrapped.key_id, wrapped.sealed, user, chat)


def test_both_forms_of_a_wrapped_key_open_and_new_keys_differ() -> None:
    ring = KeyRing([OLD])
    for wrapped in (ring.wrap(KEY, "alice", CHAT), ring.wrap_short(KEY, "alice", CHAT)):
        assert ring.unwrap(wrapped.key_id, wrapped.sealed, "alice", CHAT) == KEY
    assert ChatKey.new() != ChatKey.new()


@pytest.mark.parametrize("at", range(0, 256, 16))
def test_sixteen_lost_bytes_of_a_spread_key_are_the_key_lost(at: int) -> None:
    """Even for who holds the master key and knows where every other byte stood."""
    spread = _spread(KEY.secret)
    torn = spread[:at] + bytes(16) + spread[at + 16 :]
    found, true = _gathered(torn), KEY.secret
    assert all(found[place : place + 8] != true[place : place + 8] for place in (0, 8, 16, 24))


def test_a_content_hmac_tells_nothing_without_its_key() -> None:
    other = ChatKey(bytes(32))
    assert KEY.content_hmac(b"text") == KEY.content_hmac(b"text")
    assert KEY.content_hmac(b"text") != other.content_hmac(b"text")
    assert KEY.content_hmac(b"text") != KEY.content_hmac(b"text.")


def test_a_key_does_not_show_itself() -> None:
    assert "\\x" not in repr(KEY)
