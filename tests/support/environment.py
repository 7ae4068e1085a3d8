"""The services of a test run, and the secrets of its instances."""

import base64
import os
from urllib.parse import quote, urlsplit

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
