"""Master keys as settings have them: `<id>:<base64url of 32 bytes>`, the current one first."""

import base64
import re

MASTER_KEY_BYTES = 32
_BETWEEN = re.compile(r"[\s,]+")


def parse_master_key(value: str) -> tuple[str, bytes]:
    """`(id, key)` of `<id>:<base64url of 32 bytes>`. Raises ValueError, never naming the value."""
    key_id, separator, encoded = value.partition(":")
    try:
        key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        key = b""
    if not separator or not key_id.isalnum() or len(key_id) > 32 or len(key) != MASTER_KEY_BYTES:
        raise ValueError("must be <id>:<base64url of 32 bytes>, the id letters and digits")
    return key_id, key


def parse_master_keys(values: str) -> tuple[tuple[str, bytes], ...]:
    """The pairs of several, with commas, spaces or ends of lines between them.

    Raises ValueError, also when two keys have one id.
    """
    keys = tuple(parse_master_key(value) for value in _BETWEEN.split(values) if value)
    if len({key_id for key_id, _ in keys}) < len(set(keys)):
        raise ValueError("two different keys have the same id")
    return keys
