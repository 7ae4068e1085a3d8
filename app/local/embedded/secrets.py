"""The generated secrets of an embedded instance: made once, mode 600, never rewritten."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from app.local.embedded.data_dir import prepare_data_dir, write_atomically
from app.local.embedded.errors import EmbeddedFailed
from app.settings import SECRETS_FILE

MASTER_KEY_BYTES = 32
SECRET_BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """`master_key` is `<id>:<32 bytes, base64url>`; the passwords need no quoting in a URL."""

    master_key: str
    auth_secret: str
    postgres_password: str
    valkey_password: str

    def __repr__(self) -> str:
        return "Secrets(…)"  # So that a traceback or a log of the object shows nothing.


def load_or_create_secrets(data_dir: Path) -> Secrets:
    """The secrets of this data folder; the first caller makes them, simultaneous ones agree."""
    prepare_data_dir(data_dir)
    path = data_dir / SECRETS_FILE
    if not path.exists():
        write_atomically(path, json.dumps(asdict(_generate()), indent=1), replace=False)
    return _parse(path)


def _generate() -> Secrets:
    key = base64.urlsafe_b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()
    return Secrets(
        master_key=f"k1:{key}",
        auth_secret=secrets.token_urlsafe(SECRET_BYTES),
        postgres_password=secrets.token_urlsafe(SECRET_BYTES),
        valkey_password=secrets.token_urlsafe(SECRET_BYTES),
    )


def _parse(path: Path) -> Secrets:
    try:
        stored = json.loads(path.read_text())
        return Secrets(**{field.name: str(stored[field.name]) for field in fields(Secrets)})
    except (ValueError, KeyError, TypeError):
        # No `from`: the parser's message may quote the file.
        raise EmbeddedFailed(f"{path} is damaged; restore it from a backup") from None
