"""Sealing: what is stored of a chat can be read only with that chat's key.

`sealed` = version ‖ 96-bit random nonce ‖ AES-256-GCM ciphertext ‖ tag (NIST SP 800-38D) of
zlib-compressed bytes. The associated data is length-prefixed, so no two lists of parts collide.
"""

import hashlib
import hmac
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import DomainError

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
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

    def __repr__(self) -> str:
        return "ChatKey(…)"

    def seal(self, plain: bytes, *parts: Part) -> bytes:
        """`plain`, compressed and sealed; `parts`, its associated data, say what it belongs to."""
        return _seal(self.secret, zlib.compress(plain, COMPRESSION_LEVEL), parts)

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


class KeyRing:
    """The master keys: the first wraps new chat keys, all of them unwrap."""

    def __init__(self, master_keys: Sequence[tuple[str, bytes]]) -> None:
        self._current_id = master_keys[0][0]
        self._keys = dict(reversed(master_keys))

    def new_chat_key(self, user_id: str, chat_id: UUID) -> tuple[ChatKey, str, bytes]:
        """A fresh key with the id of the master key that wraps it, and its wrapped form."""
        secret = os.urandom(KEY_BYTES)
        binding = ("chat key", self._current_id, user_id, chat_id)
        return ChatKey(secret), self._current_id, _seal(self._current, secret, binding)

    def unwrap(self, key_id: str, sealed_key: bytes, user_id: str, chat_id: UUID) -> ChatKey:
        """The key of a chat. Raises SealBroken, also when `key_id` is not in the ring."""
        master = self._keys.get(key_id)
        if master is None:
            raise SealBroken(f"no master key with the id {key_id!r} is configured")
        return ChatKey(_open(master, sealed_key, ("chat key", key_id, user_id, chat_id)))

    @property
    def _current(self) -> bytes:
        return self._keys[self._current_id]


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
