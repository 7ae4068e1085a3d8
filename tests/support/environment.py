"""The services of a test run, and the secrets of its instances."""

import base64
import os
from urllib.parse import quote, urlsplit
from uuid import uuid4

from pydantic import SecretStr

from app.settings import Settings
from tests.support.servers import execute

POSTGRES = "SIXFOLD_TEST_POSTGRES"
"""The environment variable with the URL of the run's PostgreSQL."""
VALKEY = "SIXFOLD_TEST_VALKEY"
"""The environment variable with the URL of the run's Valkey."""
TEMPLATE = "sixfold_template"
"""The migrated database that each test gets a clone of."""
AUTH_SECRET = "a secret for tests only, long enough for HS256"
MASTER_KEY = "test:" + base64.urlsafe_b64encode(bytes(range(32))).decode()


ROLE_PASSWORD = "of-the-roles-of-this-run"
API_ROLE, WORKER_ROLE = "sixfold_api", "sixfold_worker"


def url_of(database: str) -> str:
    """The URL of a database of the run's server, as its owner."""
    return urlsplit(os.environ[POSTGRES])._replace(path=f"/{database}").geturl()


def as_role(url: str, role: str) -> str:
    """The URL of the same database as one of the roles of the product."""
    parts = urlsplit(url)
    login = f"{role}:{quote(ROLE_PASSWORD, safe='')}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=login).geturl()


async def create_database() -> str:
    """The URL of a fresh, migrated, empty database."""
    name = f"t_{uuid4().hex}"
    # Its files are copied, not logged page by page: without fsync that is the faster way.
    copied = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"
    await execute(os.environ[POSTGRES], copied)
    return url_of(name)


async def drop_database(url: str) -> None:
    """Drops what `create_database` made, whoever is connected to it."""
    name = urlsplit(url).path.removeprefix("/")
    await execute(os.environ[POSTGRES], f"DROP DATABASE {name} WITH (FORCE)")


def settings_of(database_url: str, redis_url: str) -> Settings:
    """The settings of an instance on this database and Redis."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        master_key=SecretStr(MASTER_KEY),
        auth_secret=SecretStr(AUTH_SECRET),
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which another process has these settings, with the rights of a worker."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("SIXFOLD_")},
        "SIXFOLD_DATABASE_URL": as_role(settings.database_url, WORKER_ROLE),
        "SIXFOLD_MIGRATION_DATABASE_URL": settings.database_url,
        "SIXFOLD_REDIS_URL": settings.redis_url,
        "SIXFOLD_MASTER_KEY": MASTER_KEY,
        "SIXFOLD_AUTH_SECRET": AUTH_SECRET,
    }
