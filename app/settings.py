"""Every setting and what it means, read once by `app.setting_sources`."""

import json
import os
from functools import cached_property
from typing import Any, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsError as UnreadableSetting

from app.master_keys import parse_master_key, parse_master_keys
from app.setting_sources import (
    DATA_DIR_DEFAULT,
    ENV_PREFIX,
    RUN_FILE,
    SECRETS,
    SECRETS_FILE,
    DatabaseSettings,
    Instance,
    ProviderSettings,
    RoleSettings,
    SchedulerSettings,
    instance_url,
    shows_tracebacks,
)

__all__ = [
    "DATA_DIR_DEFAULT",
    "ENV_PREFIX",
    "RUN_FILE",
    "SECRETS",
    "SECRETS_FILE",
    "ApiSettings",
    "DatabaseSettings",
    "RoleSettings",
    "SchedulerSettings",
    "Settings",
    "SettingsError",
    "instance_url",
    "load_api_settings",
    "load_database_url",
    "load_role_passwords",
    "load_scheduler_settings",
    "load_settings",
    "parse_master_key",
    "shows_tracebacks",
]

AUTH_SECRET_BYTES_MIN = 32

Kind = TypeVar("Kind", bound=Instance)


class SettingsError(SystemExit):
    """A setting is missing or wrong; start-up stops with this message, which is one line."""


class Settings(ProviderSettings, DatabaseSettings, SchedulerSettings):
    """All settings of the API and the workers. Times are in seconds."""

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
    auth_secret_previous: SecretStr | None = Field(
        default=None,
        description="the ones before a rotation, with commas between them, or a JSON list: they"
        " still check tokens, they sign no new ones",
    )
    auth_jwks_url: str | None = Field(
        default=None, description="`https://…`, the key set of an identity provider: RS256 or ES256"
    )
    auth_audience: str = Field(default="sixfold", description="what `aud` of a token must be")
    auth_issuer: str = Field(default="sixfold", description="what `iss` of a token must be")
    local_sign_in: bool = Field(
        default=False,
        description="whether one-time codes of `sixfold sign-in` are taken; only for an API that"
        " one machine alone can reach",
    )

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
        default=("*",),
        description='JSON list of Host headers; `["*.example.org"]` is understood; must be set'
        " unless the API listens on loopback",
    )
    metrics_port: int | None = Field(
        default=None,
        description="Prometheus metrics on loopback, for Host headers of loopback or"
        " `ALLOWED_HOSTS`; worker processes take the next free port",
    )

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

    @field_validator("auth_secret_previous")
    @classmethod
    def _are_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in _listed(value):
            if len(secret.encode()) < AUTH_SECRET_BYTES_MIN:
                raise ValueError(f"each must be at least {AUTH_SECRET_BYTES_MIN} bytes long")
        return value

    @model_validator(mode="after")
    def _signs_its_own_tokens_where_it_needs_to(self) -> Self:
        for name in ("local_sign_in", "auth_secret_previous", "oidc_issuer"):
            if self.auth_secret is None and getattr(self, name):
                raise ValueError(f"SIXFOLD_{name.upper()} needs SIXFOLD_AUTH_SECRET")
        return self

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
        is_complete = (self.llm_api_key is None) == (self.llm_model is None)
        if self.needs_the_key_of_its_model() and not is_complete:
            raise ValueError("set both of SIXFOLD_LLM_API_KEY and SIXFOLD_LLM_MODEL, or neither")
        prices = (self.llm_price_input, self.llm_price_cached, self.llm_price_output)
        if None in prices and any(price is not None for price in prices):
            raise ValueError("set all of SIXFOLD_LLM_PRICE_INPUT, _CACHED and _OUTPUT, or none")
        return self

    def needs_the_key_of_its_model(self) -> bool:
        """Whether a model without its provider's key is a mistake."""
        return True

    @property
    def auth_secrets_previous(self) -> tuple[SecretStr, ...]:
        """Secrets that tokens may still be signed with."""
        return tuple(SecretStr(secret) for secret in _listed(self.auth_secret_previous))

    @cached_property
    def master_keys(self) -> tuple[tuple[str, bytes], ...]:
        """`(id, key)` pairs, the current one first."""
        return parse_master_keys(self._all_keys)

    @property
    def _all_keys(self) -> str:
        given = (self.master_key, self.master_key_previous)
        return ",".join(key.get_secret_value() for key in given if key is not None)


class ApiSettings(Settings):
    """The settings of the API, which holds no key of a provider."""

    @model_validator(mode="before")
    @classmethod
    def _holds_no_provider_key(cls, given: dict[str, Any]) -> dict[str, Any]:
        return given | {"llm_api_key": None}

    def needs_the_key_of_its_model(self) -> bool:
        """No: it knows that a provider is paid, and asks none."""
        return False


def load_api_settings() -> ApiSettings:
    """The settings of the API; a provider's key leaves its environment. Raises SettingsError."""
    settings = _load(ApiSettings)
    for name in ("SIXFOLD_LLM_API_KEY", "SIXFOLD_LLM_API_KEY_FILE"):
        os.environ.pop(name, None)
    return settings


def load_settings() -> Settings:
    """The process's settings.

    Raises SettingsError (an exit with a message that names each wrong variable).
    """
    return _load(Settings)


def load_scheduler_settings() -> SchedulerSettings:
    """The settings of the scheduler. Raises SettingsError."""
    return _load(SchedulerSettings)


def load_database_url() -> str:
    """The database's URL alone, as its owner, for migrations. Raises SettingsError."""
    return _load(DatabaseSettings).owner_url


def load_role_passwords() -> dict[str, str]:
    """The passwords that a migration sets, by role. Raises SettingsError."""
    settings = _load(RoleSettings)
    given = {
        "sixfold_api": settings.api_role_password,
        "sixfold_worker": settings.worker_role_password,
    }
    return {
        role: password.get_secret_value()
        for role, password in given.items()
        if password is not None
    }


def _load(kind: type[Kind]) -> Kind:
    try:
        return kind()  # Its values come from the environment.
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None  # Its cause would show the values.
    except UnreadableSetting as error:
        raise SettingsError(f"sixfold cannot start: {error}") from None


def _listed(value: SecretStr | None) -> list[str]:
    """The secrets of a list with commas, or of a JSON list. Raises ValueError, never naming one."""
    given = "" if value is None else value.get_secret_value().strip()
    if not given.startswith("["):
        return [one.strip() for one in given.split(",") if one.strip()]
    try:
        listed: Any = json.loads(given)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):  # pyright: ignore[reportUnknownVariableType]
        raise ValueError("must be secrets with commas between them, or a JSON list of them")
    return [str(one) for one in listed]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


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
