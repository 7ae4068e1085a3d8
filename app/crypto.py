"""Sealing: what is stored of a chat can be read only with that chat's key.

`sealed` = version ‖ 96-bit random nonce ‖ AES-256-GCM ciphertext ‖ tag (NIST SP 800-38D) of
zlib-compressed bytes. The associated data is length-prefixed, so no two lists of parts collide.

A chat's key is wrapped *spread*: mask ‖ (key XOR SHA-256(mask)), the mask eight times as long as
the key (an all-or-nothing transform). Of a wrapped key that was overwritten in part, nothing opens.
"""

import hashlib
import hmac
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import DomainError

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
MASK_BYTES = 8 * KEY_BYTES
COMPRESSION_LEVEL = 3  # Level 6 takes three times as long for 4 % less.
OPENED_BYTES_MAX = 256 * 1024 * 1024

Part = str | int | UUID | bytes


class SealBroken(DomainError):
    """What is stored here cannot be opened; it was logged and will be looked at.

    It is not what was sealed, it was sealed for something else or under another key, or the master
    key that its key was wrapped by is not configured. `reason` says which, for operators.
    """

    code, http_status = "content_unreadable", 409

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


@dataclass(frozen=True, slots=True)
class ChatKey:
    """The key of one chat. `repr` shows nothing of it."""

    secret: bytes

    @classmethod
    def new(cls) -> "ChatKey":
        """A fresh key."""
        return cls(os.urandom(KEY_BYTES))

    def __repr__(self) -> str:
        return "ChatKey(…)"

    def seal(self, plain: bytes, *parts: Part) -> bytes:
        """`plain`, compressed and sealed; `parts`, its associated data, say what it belongs to."""
        return _seal(self.secret, compressed(plain), parts)

    def open(self, sealed: bytes, *parts: Part) -> bytes:
        """What `seal` was given for the same `parts`. Raises SealBroken."""
        inflater = zlib.decompressobj()
        compressed = _open(self.secret, sealed, parts)
        try:
            plain = inflater.decompress(compressed, OPENED_BYTES_MAX)
        except zlib.error as error:
            raise SealBroken("the opened content is not compressed as it is here") from error
        if inflater.unconsumed_tail:
            raise SealBroken("the opened content is larger than anything that is sealed here")
        return plain

    def content_hmac(self, content: bytes) -> bytes:
        """HMAC-SHA-256 of `content`: 32 bytes that mean nothing without this key."""
        subkey = hmac.digest(self.secret, b"sixfold content hmac", hashlib.sha256)
        return hmac.digest(subkey, content, hashlib.sha256)

    def mark(self, name: bytes) -> str:
        """A mark that follows from `name` and this key, the same on every machine."""
        subkey = hmac.digest(self.secret, b"sixfold prompt mark", hashlib.sha256)
        return hmac.digest(subkey, name, hashlib.sha256).hex()[:24]


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The key of a chat as it is stored, and the id of the master key that opens it."""

    key_id: str
    sealed: bytes = field(repr=False)


class KeyRing:
    """The master keys: the first wraps chat keys, all of them unwrap."""

    def __init__(self, master_keys: Sequence[tuple[str, bytes]]) -> None:
        self.current_id = master_keys[0][0]
        self._keys = dict(reversed(master_keys))

    @property
    def ids(self) -> frozenset[str]:
        """Of all master keys there are."""
        return frozenset(self._keys)

    def wrap(self, key: ChatKey, user_id: str, chat_id: UUID) -> WrappedKey:
        """The key under the current master key, spread."""
        return self._wrapped(_spread(key.secret), user_id, chat_id)

    def wrap_short(self, key: ChatKey, user_id: str, chat_id: UUID) -> WrappedKey:
        """The same as the release before reads it: not spread."""
        return self._wrapped(key.secret, user_id, chat_id)

    def unwrap(self, key_id: str, sealed_key: bytes, user_id: str, chat_id: UUID) -> ChatKey:
        """The key of a chat, in either form. Raises SealBroken, also when `key_id` is not in the
        ring."""
        master = self._keys.get(key_id)
        if master is None:
            raise SealBroken(f"no master key with the id {key_id!r} is configured")
        opened = _open(master, sealed_key, ("chat key", key_id, user_id, chat_id))
        return ChatKey(opened if len(opened) == KEY_BYTES else _gathered(opened))

    def _wrapped(self, secret: bytes, user_id: str, chat_id: UUID) -> WrappedKey:
        binding = ("chat key", self.current_id, user_id, chat_id)
        return WrappedKey(self.current_id, _seal(self._keys[self.current_id], secret, binding))


def compressed(plain: bytes) -> bytes:
    """What is sealed in place of `plain`."""
    return zlib.compress(plain, COMPRESSION_LEVEL)


def _spread(secret: bytes) -> bytes:
    mask = os.urandom(MASK_BYTES)
    return mask + _xor(secret, hashlib.sha256(mask).digest())


def _gathered(spread: bytes) -> bytes:
    mask, masked = spread[:MASK_BYTES], spread[MASK_BYTES:]
    if len(masked) != KEY_BYTES:
        raise SealBroken("a wrapped key has another form")
    return _xor(masked, hashlib.sha256(mask).digest())


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(KEY_BYTES)


def _seal(key: bytes, plain: bytes, parts: Sequence[Part]) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _associated(parts))


def _open(key: bytes, sealed: bytes, parts: Sequence[Part]) -> bytes:
    if sealed[:1] != VERSION:
        raise SealBroken("unknown version of a sealed value")
    nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated(parts))
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value does not open") from error


def _associated(parts: Sequence[Part]) -> bytes:
    encoded = (part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return b"".join(len(part).to_bytes(4) + part for part in encoded)
