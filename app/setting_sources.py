"""Where settings come from: the environment, files that it names, and an embedded instance; and
those that some processes need alone.

With `app.settings` the only module that reads the environment.
"""

import json
import os
import re
from collections.abc import Set
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from app.database_url import parse_database_url

ENV_PREFIX = "SIXFOLD_"
RUN_FILE = "run.json"
SECRETS_FILE = "secrets.json"
DATA_DIR_DEFAULT = Path(".sixfold")
SECRETS = (
    *("database_url", "migration_database_url", "redis_url", "master_key", "master_key_previous"),
    *("auth_secret", "auth_secret_previous", "llm_api_key", "oidc_client_secret"),
)
"""Settings that may come from a file, named by the variable with `_FILE` behind it."""
ROLE_PASSWORDS = ("api_role_password", "worker_role_password")
"""The same, of a migration alone."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_PLAIN_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""No quotes, angle brackets, backslashes, carets, braces or bars: user ids are made from it."""


class Instance(BaseSettings):
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
        data_dir = Path(given.get("data_dir", DATA_DIR_DEFAULT))
        return instance_values(data_dir, wanted=set(cls.model_fields)) | given


class _SecretFiles(PydanticBaseSettingsSource):
    """A secret from the file that `SIXFOLD_…_FILE` names, without the line's end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """None where no file is named. Raises UnreadableSetting, naming the variable."""
        own = f"{ENV_PREFIX}{field_name.upper()}"
        path = os.environ.get(f"{own}_FILE") if field_name in (*SECRETS, *ROLE_PASSWORDS) else None
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


class DatabaseSettings(Instance):
    """What a migration needs."""

    database_url: str = Field(
        description="◆ `postgresql://…`, PostgreSQL 15 or newer, as the user of this process"
    )
    migration_database_url: str | None = Field(
        default=None,
        description="the same as the owner of the tables, who migrates and archives; unset: the"
        " one above",
    )

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _is_postgres(cls, url: str | None) -> str | None:
        if url is not None:
            parse_database_url(url)
        return url

    @property
    def owner_url(self) -> str:
        """The database as its owner; as the configured role where no owner is configured."""
        return self.migration_database_url or self.database_url


class RoleSettings(Instance):
    """What a migration needs to let the roles of API and workers in."""

    api_role_password: SecretStr | None = Field(
        default=None,
        description="the password that a migration gives the role `sixfold_api`; unset: it stays",
    )
    worker_role_password: SecretStr | None = Field(
        default=None, description="the same for `sixfold_worker`"
    )


class SchedulerSettings(Instance):
    """What the scheduler needs: no database, and no key."""

    redis_url: str = Field(
        description="◆ `redis://…` or `rediss://…`, Redis 6.2 or newer, or Valkey"
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


class ProviderSettings(Instance):
    """Signing in by an identity provider, by OpenID Connect."""

    oidc_issuer: str | None = Field(
        default=None,
        description="`https://…`, an identity provider that people sign in by, exactly as it names"
        " itself; needs the next two, and `SIXFOLD_AUTH_SECRET`",
    )
    oidc_client_id: str | None = Field(
        default=None, description="the id of this installation at the provider"
    )
    public_url: str | None = Field(
        default=None,
        description="`https://…`, where browsers reach the API; the redirect URI for the provider"
        " is `/sign-in/oidc/callback` there",
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="the secret of this client; unset: a public client"
    )
    oidc_user_claim: str = Field(
        default="sub",
        pattern=r"^[\w:./-]{1,100}$",
        description="the claim that becomes part of the user id; `email` only if the provider has"
        " verified it",
    )
    oidc_name: str | None = Field(
        default=None,
        max_length=60,
        pattern=r"^[^\x00-\x1f\x7f{}]+$",
        description="name of the provider on the button; unset: its host",
    )

    @property
    def provider_name(self) -> str:
        """What people know the provider by; empty where there is none."""
        if self.oidc_issuer is None:
            return ""
        return self.oidc_name or urlsplit(self.oidc_issuer).netloc

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _is_encrypted_or_on_this_machine(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        is_here = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not (is_here or (parts.scheme == "https" and parts.hostname)):
            raise ValueError("must be an https:// URL; http:// on this machine alone")
        if parts.query or parts.fragment or not _PLAIN_URL.fullmatch(url):
            raise ValueError("must be a URL without query and fragment")
        return url

    @model_validator(mode="after")
    def _knows_all_of_its_provider(self) -> Self:
        given = (self.oidc_issuer, self.oidc_client_id)
        if (None in given) != (given == (None, None)) or (self.oidc_issuer and not self.public_url):
            raise ValueError(
                "set all of SIXFOLD_OIDC_ISSUER, SIXFOLD_OIDC_CLIENT_ID and SIXFOLD_PUBLIC_URL"
            )
        return self


def instance_values(data_dir: Path, *, wanted: Set[str]) -> dict[str, str]:
    """What `sixfold up` left in `data_dir` for other commands; empty if nothing runs there.

    A file with nothing that is wanted is not opened: it has secrets.
    """
    values: dict[str, str] = {}
    for name, keys in (
        (RUN_FILE, ("database_url", "redis_url")),
        (SECRETS_FILE, ("master_key", "auth_secret")),
    ):
        if wanted.isdisjoint(keys):
            continue
        try:
            content: dict[str, Any] = json.loads((data_dir / name).read_bytes())
        except (OSError, ValueError):
            continue
        values |= {key: content[key] for key in keys if content.get(key)}
    if os.environ.get(f"{ENV_PREFIX}AUTH_JWKS_URL"):
        values.pop("auth_secret", None)
    return values


def instance_url(data_dir: Path) -> str | None:
    """Where the API of the instance in `data_dir` answers; None if nothing runs there."""
    try:
        content: dict[str, Any] = json.loads((data_dir / RUN_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    url = content.get("url")
    return url if isinstance(url, str) else None


def shows_tracebacks() -> bool:
    """Whether a command that fails shows where, and not in one line why."""
    return os.environ.get(f"{ENV_PREFIX}LOG_LEVEL", "").upper() == "DEBUG"
