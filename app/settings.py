"""Every setting and what it means, read once. The only module that reads the environment."""

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from app.database_url import parse_database_url
from app.master_keys import parse_master_key, parse_master_keys

ENV_PREFIX = "SIXFOLD_"
RUN_FILE = "run.json"
SECRETS_FILE = "secrets.json"
DATA_DIR_DEFAULT = Path(".sixfold")
AUTH_SECRET_BYTES_MIN = 32
SECRETS = (
    *("database_url", "redis_url", "master_key", "master_key_previous"),
    *("auth_secret", "llm_api_key"),
)
"""Settings that may come from a file, named by the variable with `_FILE` behind it."""


class SettingsError(SystemExit):
    """A setting is missing or wrong; start-up stops with this message, which is one line."""


class _Instance(BaseSettings):
    """The settings an embedded instance supplies when the environment names no database."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(
        default=DATA_DIR_DEFAULT,
        description="folder of the embedded instance, which supplies whatever is marked ◆",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, then the files that the environment names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _fall_back_to_the_instance(cls, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("database_url"):
            return given
        return _instance_values(Path(given.get("data_dir", DATA_DIR_DEFAULT))) | given


class _SecretFiles(PydanticBaseSettingsSource):
    """A secret from the file that `SIXFOLD_…_FILE` names, without the line's end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """None where no file is named. Raises UnreadableSetting, naming the variable."""
        own = f"{ENV_PREFIX}{field_name.upper()}"
        path = os.environ.get(f"{own}_FILE") if field_name in SECRETS else None
        if not path:
            return None, field_name, False
        if os.environ.get(own):
            raise UnreadableSetting(f"{own}: set it or {own}_FILE, not both")
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no text"
            raise UnreadableSetting(f"{own}_FILE: {path}: {reason}") from None

    def __call__(self) -> dict[str, Any]:
        """The secrets that are in files, by name."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value}


class DatabaseSettings(_Instance):
    """What a migration needs."""

    database_url: str = Field(description="◆ `postgresql://…`, PostgreSQL 15 or newer")

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: str) -> str:
        parse_database_url(url)
        return url


class Settings(DatabaseSettings):
    """All settings of the API, the workers and the scheduler. Times are in seconds."""

    redis_url: str = Field(
        description="◆ `redis://…` or `rediss://…`, Redis 6.2 or newer, or Valkey"
    )

    master_key: SecretStr = Field(
        description="◆ `<id>:<base64url of 32 bytes>`; wraps the key of every chat"
    )
    master_key_previous: SecretStr | None = Field(
        default=None,
        description="those before it, any number, with commas between: they still unwrap",
    )

    auth_secret: SecretStr | None = Field(
        default=None,
        description="◆ signs and checks tokens by HS256, at least 32 bytes; or the next one",
    )
    auth_jwks_url: str | None = Field(
        default=None, description="`https://…`, the key set of an identity provider: RS256 or ES256"
    )
    auth_audience: str = Field(default="sixfold", description="what `aud` of a token must be")
    auth_issuer: str = Field(default="sixfold", description="what `iss` of a token must be")

    llm_base_url: str | None = Field(
        default=None, description="of an OpenAI-compatible provider; unset: OpenAI's own"
    )
    llm_api_key: SecretStr | None = Field(
        default=None, description="of the provider; without it insights are written offline"
    )
    llm_model: str | None = Field(
        default=None, description="of the provider; set together with the key"
    )
    llm_max_tokens: int = Field(default=2_000, ge=100, le=32_000, description="of one answer")
    llm_timeout_s: float = Field(
        default=45,
        gt=0,
        le=100,
        description="of one call; two of them and a pause fit into an attempt by default",
    )
    llm_prompt_chars: int = Field(
        default=100_000,
        ge=4_000,
        le=2_000_000,
        description="of the messages in a prompt; less for a model with a small context",
    )
    llm_concurrency: int = Field(
        default=60, ge=1, le=10_000, description="calls under way at once, over all workers"
    )
    llm_requests_per_minute: int | None = Field(
        default=None, ge=1, description="over all workers; unset: no limit"
    )
    llm_tokens_per_minute: int | None = Field(
        default=None, ge=1_000, description="over all workers; unset: no limit"
    )
    llm_price_input: float | None = Field(
        default=None,
        ge=0,
        description="US dollars for a million tokens, in place of `prices.toml`; all three or none",
    )
    llm_price_cached: float | None = Field(
        default=None, ge=0, description="the same, for input the provider had in its cache"
    )
    llm_price_output: float | None = Field(default=None, ge=0, description="the same, for output")

    lease_s: float = Field(
        default=45, gt=0, le=90, description="how long a claim holds without a heartbeat"
    )
    heartbeat_s: float = Field(
        default=15,
        gt=0,
        description="between two renewals; the lease must be at least twice as long",
    )
    rescue_s: float = Field(
        default=5,
        gt=0,
        description="between two looks at the database for jobs that no wake-up will start",
    )
    attempt_s: float = Field(
        default=110,
        gt=0,
        le=110,
        description="what one attempt may take; its lease cannot be renewed 10 s after that",
    )
    expires_s: float = Field(
        default=3600,
        gt=0,
        description="after its unlock a job that has not ended expires, and the coins come back",
    )

    db_pool_size: int = Field(default=10, ge=1, description="connections that a process keeps")
    db_pool_overflow: int = Field(
        default=0,
        ge=0,
        description="connections beyond these, opened and closed under load: costly (ADR 0011)",
    )
    db_pool_recycle_s: float = Field(
        default=300, gt=0, description="age at which a connection is replaced"
    )

    upload_bytes_max: int = Field(
        default=48 * 1024 * 1024,
        ge=1024,
        description="size of an upload, and of the transcript in an archive",
    )
    uploads_at_once: int = Field(
        default=4, ge=1, description="in one API process; one user gets at most half of them"
    )
    storage_bytes_max: int = Field(
        default=500_000_000,
        ge=0,
        description="of one user's chats, compressed and sealed; beyond it 413 `quota_exceeded`;"
        " 0: no limit",
    )
    preparing_processes: int = Field(
        default=2,
        ge=1,
        description="of one worker process, for preparing chats; of several one takes short chats"
        " only",
    )
    daily_jobs_max: int = Field(
        default=200,
        ge=0,
        description="unlocks of one user in 24 hours; beyond it 429 `daily_limit`; 0: no limit",
    )
    daily_cost_max: float = Field(
        default=10,
        ge=0,
        description="US dollars paid to a provider for a user in 24 hours, likewise; 0: no limit",
    )
    requests_per_minute: int = Field(
        default=600, ge=1, description="of one user at all API processes; beyond it 429"
    )

    shutdown_delay_s: float = Field(
        default=0,
        ge=0,
        le=60,
        description="after SIGTERM the API is not ready, and still serves, for so long",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=("*",), description='JSON list of Host headers; `["*.example.org"]` is understood'
    )
    metrics_port: int | None = Field(
        default=None,
        description="Prometheus metrics on loopback; worker processes take the next free port",
    )
    liveness_dir: Path | None = Field(
        default=None,
        description="folder for a file of each process whose loop ticks, read by liveness probes",
    )
    log_json: bool = Field(default=True, description="`false`: logs for people instead of machines")
    log_level: str = Field(default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`")

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str) -> str:
        if not url.startswith(("redis://", "rediss://")):
            raise ValueError("must be a redis:// URL")
        return url

    @field_validator("master_key")
    @classmethod
    def _is_a_key_with_an_id(cls, value: SecretStr) -> SecretStr:
        parse_master_key(value.get_secret_value())
        return value

    @field_validator("master_key_previous")
    @classmethod
    def _are_keys_with_ids(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_master_keys(value.get_secret_value())
        return value

    @field_validator("auth_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < AUTH_SECRET_BYTES_MIN:
            raise ValueError(f"must be at least {AUTH_SECRET_BYTES_MIN} bytes long")
        return value

    @model_validator(mode="after")
    def _has_exactly_one_way_to_authenticate(self) -> Self:
        if (self.auth_secret is None) == (self.auth_jwks_url is None):
            raise ValueError("set exactly one of SIXFOLD_AUTH_SECRET and SIXFOLD_AUTH_JWKS_URL")
        if self.auth_jwks_url is not None and not self.auth_jwks_url.startswith("https://"):
            raise ValueError("SIXFOLD_AUTH_JWKS_URL must be an https:// URL")
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError("SIXFOLD_LEASE_S must be at least twice SIXFOLD_HEARTBEAT_S")
        return self

    @model_validator(mode="after")
    def _has_one_key_for_each_id(self) -> Self:
        try:
            parse_master_keys(self._all_keys)
        except ValueError as error:
            raise ValueError(
                f"SIXFOLD_MASTER_KEY and SIXFOLD_MASTER_KEY_PREVIOUS: {error}"
            ) from None
        return self

    @model_validator(mode="after")
    def _names_a_model_and_its_whole_price(self) -> Self:
        if (self.llm_api_key is None) != (self.llm_model is None):
            raise ValueError("set both of SIXFOLD_LLM_API_KEY and SIXFOLD_LLM_MODEL, or neither")
        prices = (self.llm_price_input, self.llm_price_cached, self.llm_price_output)
        if None in prices and any(price is not None for price in prices):
            raise ValueError("set all of SIXFOLD_LLM_PRICE_INPUT, _CACHED and _OUTPUT, or none")
        return self

    @cached_property
    def master_keys(self) -> tuple[tuple[str, bytes], ...]:
        """`(id, key)` pairs, the current one first."""
        return parse_master_keys(self._all_keys)

    @property
    def _all_keys(self) -> str:
        given = (self.master_key, self.master_key_previous)
        return ",".join(key.get_secret_value() for key in given if key is not None)


def load_settings() -> Settings:
    """The process's settings.

    Raises SettingsError (an exit with a message that names each wrong variable).
    """
    try:
        return Settings()  # pyright: ignore[reportCallIssue] (its values come from the environment)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None  # Its cause would show the values.
    except UnreadableSetting as error:
        raise SettingsError(f"sixfold cannot start: {error}") from None


def load_database_url() -> str:
    """The database's URL alone, for migrations. Raises SettingsError."""
    try:
        return DatabaseSettings().database_url  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except UnreadableSetting as error:
        raise SettingsError(f"sixfold cannot start: {error}") from None


def _instance_values(data_dir: Path) -> dict[str, str]:
    """What `sixfold up` left in `data_dir` for other commands; empty if nothing runs there."""
    values: dict[str, str] = {}
    for name, keys in (
        (RUN_FILE, ("database_url", "redis_url")),
        (SECRETS_FILE, ("master_key", "auth_secret")),
    ):
        try:
            content: dict[str, Any] = json.loads((data_dir / name).read_bytes())
        except (OSError, ValueError):
            continue
        values |= {key: content[key] for key in keys if content.get(key)}
    if os.environ.get(f"{ENV_PREFIX}AUTH_JWKS_URL"):
        values.pop("auth_secret", None)
    return values


def shows_tracebacks() -> bool:
    """Whether a command that fails shows where, and not in one line why."""
    return os.environ.get(f"{ENV_PREFIX}LOG_LEVEL", "").upper() == "DEBUG"


def _explain(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False):
        where = "".join(str(part) for part in problem["loc"])
        name = f"{ENV_PREFIX}{where.upper()}" if where else "settings"
        lines.append(f"{name}: {problem['msg']}")
        if where == "database_url" and problem["type"] == "missing":
            lines.append(
                f"no instance runs in {os.environ.get(ENV_PREFIX + 'DATA_DIR', DATA_DIR_DEFAULT)}"
                ": start one with `sixfold up`, or set SIXFOLD_DATABASE_URL and SIXFOLD_REDIS_URL."
            )
    return "sixfold cannot start: " + "; ".join(lines)
