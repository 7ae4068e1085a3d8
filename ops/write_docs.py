"""Writes the README's table of settings from app/settings.py, between its two markers.

    python ops/write_docs.py           writes it
    python ops/write_docs.py --check   exits 1 if it is not current

What a setting means is said here; names, defaults and ranges come from the class.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from app.settings import ENV_PREFIX, Settings

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- settings: written by ops/write_docs.py -->"
END = "<!-- end of settings -->"

MEANS = {
    "data_dir": "folder of the embedded instance, which supplies whatever is marked ◆",
    "database_url": "◆ `postgresql://…`, PostgreSQL 15 or newer",
    "redis_url": "◆ `redis://…` or `rediss://…`, Redis 6.2 or newer, or Valkey",
    "master_key": "◆ `<id>:<base64url of 32 bytes>`; wraps the key of every chat",
    "master_key_previous": "the one before a rotation: it still unwraps, it wraps nothing new",
    "auth_secret": "◆ signs and checks tokens by HS256, at least 32 bytes; or the next one",
    "auth_jwks_url": "`https://…`, the key set of an identity provider: RS256 or ES256",
    "auth_audience": "what `aud` of a token must be",
    "auth_issuer": "what `iss` of a token must be",
    "llm_base_url": "of an OpenAI-compatible provider; unset: OpenAI's own",
    "llm_api_key": "of the provider; without it insights are written offline",
    "llm_model": "of the provider; set together with the key",
    "llm_max_tokens": "of one answer",
    "llm_timeout_s": "of one call",
    "llm_prompt_chars": "of the messages in a prompt; less for a model with a small context",
    "llm_concurrency": "calls under way at once, over all workers",
    "llm_requests_per_minute": "over all workers; unset: no limit",
    "llm_tokens_per_minute": "over all workers; unset: no limit",
    "llm_price_input": "US dollars for a million tokens; set all three prices or none",
    "llm_price_cached": "the same, for input the provider had in its cache",
    "llm_price_output": "the same, for output",
    "lease_s": "how long a claim holds without a heartbeat",
    "heartbeat_s": "between two renewals; the lease must be at least twice as long",
    "rescue_s": "between two looks at the database for jobs that no wake-up will start",
    "attempt_s": "what one attempt may take; its lease cannot be renewed 10 s after that",
    "expires_s": "after its unlock a job that has not ended expires, and the coins come back",
    "db_pool_size": "connections that a process keeps",
    "db_pool_overflow": "connections beyond these, opened and closed under load: costly (ADR 0011)",
    "db_pool_recycle_s": "age at which a connection is replaced",
    "upload_bytes_max": "size of an upload, and of the transcript in an archive",
    "uploads_at_once": "in one API process; one user gets at most half of them",
    "context_threads": "of one worker process, for decrypting and indexing chats",
    "daily_jobs_max": "unlocks of one user in 24 hours; beyond it 429 `daily_limit`; 0: no limit",
    "daily_cost_max": "US dollars paid to a provider for a user in 24 hours, likewise; 0: no limit",
    "requests_per_minute": "of one user at one API process; beyond it 429",
    "allowed_hosts": 'JSON list of Host headers; `["*.example.org"]` is understood',
    "metrics_port": "Prometheus metrics on loopback; worker processes take the next free port",
    "log_json": "`false`: logs for people instead of machines",
    "log_level": "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
}


def settings_table() -> str:
    """The table in Markdown. KeyError when a setting has no meaning here, or the reverse."""
    fields = Settings.model_fields
    if unknown := MEANS.keys() - fields.keys():
        raise KeyError(f"no such settings: {', '.join(sorted(unknown))}")
    rows = [
        f"| `{ENV_PREFIX}{name.upper()}` | {_default(field)} | {_range(field)} | {MEANS[name]} |"
        for name, field in sorted(fields.items(), key=lambda one: list(MEANS).index(one[0]))
    ]
    return "\n".join(["| Variable | Default | Range | Means |", "|---|---|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with the current table between its markers. ValueError when one is missing."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{BEGIN} or {END} is missing")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def main() -> int:
    """The exit code."""
    text = README.read_text()
    current = with_table(text)
    if "--check" in sys.argv[1:]:
        return int(text != current)
    README.write_text(current)
    return 0


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`".replace("'", '"')
    return f"`{value}`"


def _range(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = (
        f"{sign} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, sign in signs.items()
        if hasattr(bound, name)
    )
    return ", ".join(bounds)


if __name__ == "__main__":
    sys.exit(main())
