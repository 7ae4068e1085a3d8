"""What compose.yaml promises, read from it."""

import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from app.jobs.engine import DRAIN_CLEANUP_S
from app.main import GRACE_S
from app.settings import SECRETS as SECRETS_BY_FILE
from app.settings import SchedulerSettings, Settings
from tests.compose.stack import COMPOSE, ROOT, option, seconds, services

SECRETS = {
    "POSTGRES_PASSWORD": "database-secret",
    "VALKEY_PASSWORD": "valkey-secret",
    "API_ROLE_PASSWORD": "api-secret",
    "WORKER_ROLE_PASSWORD": "worker-secret",
}
MARGIN_S = 5
DELAY = Settings.model_fields["shutdown_delay_s"]
OF_THE_API = {"SIXFOLD_ALLOWED_HOSTS", "SIXFOLD_SHUTDOWN_DELAY_S", "SIXFOLD_PUBLIC_URL"} | {
    f"SIXFOLD_OIDC_{name}"
    for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "USER_CLAIM", "NAME")
}
OF_WORKERS = {"SIXFOLD_LLM_API_KEY", "SIXFOLD_LLM_API_KEY_FILE"}
ONLY_BY_HAND = {"local_sign_in", "migration_database_url"}
"""For one machine; for `sixfold archive`."""
IMAGE = re.compile(r"[a-z0-9]+(/[a-z0-9]+)?:\d[\w.-]*")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|_KEY|REDIS_URL|DATABASE_URL")


@pytest.fixture
def stack() -> dict:
    return services()


def test_the_file_is_valid_by_the_compose_specification():
    schema = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    checked = subprocess.run(
        [sys.executable, *schema, COMPOSE], capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_worker_is_killed_only_after_its_whole_drain(stack: dict):
    command = stack["worker"]["command"]
    cleanup_s = float(option(command, "--shutdown-timeout"))
    drain_s = float(option(command, "--wait-tasks-timeout")) + cleanup_s
    assert seconds(stack["worker"]["stop_grace_period"]) >= drain_s + MARGIN_S
    assert cleanup_s > DRAIN_CLEANUP_S, "jobs are given back within the shutdown timeout"


def test_the_api_is_killed_only_after_its_requests_and_connections_ended(stack: dict):
    delay_s_max = next(bound.le for bound in DELAY.metadata if hasattr(bound, "le"))
    assert seconds(stack["api"]["stop_grace_period"]) >= delay_s_max + GRACE_S + MARGIN_S


def test_every_service_says_how_long_it_may_take_to_stop_unless_it_ends_by_itself(stack: dict):
    lasting = {name for name, service in stack.items() if service["restart"] != "no"}
    assert lasting == set(stack) - {"migrate"}
    assert all("stop_grace_period" in stack[name] for name in lasting)


def test_every_service_that_lasts_has_a_health_check(stack: dict):
    for name, service in stack.items():
        checked = bool(service["healthcheck"].get("test"))
        assert checked == (service["restart"] != "no"), name


def test_no_service_starts_before_the_migration_has_succeeded(stack: dict):
    for name in ("api", "worker", "scheduler"):
        waits_for = stack[name]["depends_on"]["migrate"]
        assert waits_for == {"condition": "service_completed_successfully"}, name
    assert stack["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_no_service_may_do_more_than_it_needs(stack: dict):
    for name, service in stack.items():
        assert service["user"].split(":")[0] not in {"", "0", "root"}, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert service["mem_limit"], name
        assert service["pids_limit"], name


def test_nothing_listens_beyond_this_machine(stack: dict):
    published = {name: service["ports"] for name, service in stack.items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_every_secret_comes_from_outside(stack: dict):
    for name, service in stack.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert value is None or re.search(r"\$\{\w+:\?", value), (name, variable)


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_a_missing_secret_is_named_before_anything_starts(missing: str):
    given = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        services(given)


def test_no_secret_is_seen_in_the_list_of_processes():
    for name, service in services(SECRETS).items():
        # What Compose leaves as `$NAME` is put in by the container's own shell.
        seen = str(service.get("command", "")) + str(service["healthcheck"])
        assert not any(secret in seen for secret in SECRETS.values()), name


def test_the_urls_name_the_servers_of_this_file():
    stack = services(SECRETS)
    environment, server = stack["worker"]["environment"], stack["postgres"]["environment"]
    logins = {
        "migrate": (server["POSTGRES_USER"], server["POSTGRES_PASSWORD"]),
        "api": ("sixfold_api", stack["migrate"]["environment"]["SIXFOLD_API_ROLE_PASSWORD"]),
        "worker": (
            "sixfold_worker",
            stack["migrate"]["environment"]["SIXFOLD_WORKER_ROLE_PASSWORD"],
        ),
    }
    for name, login in logins.items():
        database = urlsplit(stack[name]["environment"]["SIXFOLD_DATABASE_URL"])
        assert (database.username, database.password) == login
        assert (database.hostname, database.path) == ("postgres", f"/{server['POSTGRES_DB']}")
    cache = urlsplit(environment["SIXFOLD_REDIS_URL"])
    assert cache.hostname == "valkey"
    assert cache.password == stack["valkey"]["environment"]["VALKEY_PASSWORD"]


def test_the_processes_are_passed_every_setting_and_every_file_of_a_secret(stack: dict):
    api, worker, scheduler = (stack[name]["environment"] for name in ("api", "worker", "scheduler"))
    assert OF_WORKERS.isdisjoint(api)
    assert set(worker) == (set(api) - OF_THE_API) | OF_WORKERS
    assert not any(SECRET_NAME.search(name) for name in set(scheduler) - {"SIXFOLD_REDIS_URL"})
    assert set(scheduler) == {
        f"SIXFOLD_{name.upper()}" for name in set(SchedulerSettings.model_fields) - {"data_dir"}
    }
    api = worker | api
    # Compose makes the URLs of its own servers; the folder is that of an embedded instance.
    made, embedded = {"database_url", "redis_url"}, {"data_dir"}
    files = {f"{name}_file" for name in set(SECRETS_BY_FILE) & set(Settings.model_fields) - made}
    files -= {"migration_database_url_file"}
    # Each container's own memory, and every one has it.
    assert api.pop("SIXFOLD_LIVENESS_DIR") == stack["api"]["tmpfs"][0].partition(":")[0]
    settings = {key.removeprefix("SIXFOLD_").lower() for key in api} | {"liveness_dir"}
    assert settings == (set(Settings.model_fields) - embedded - ONLY_BY_HAND) | files
    assert all(
        api[f"SIXFOLD_{name.upper()}"] is None for name in settings - made - {"liveness_dir"}
    )
    roles = {"SIXFOLD_API_ROLE_PASSWORD", "SIXFOLD_WORKER_ROLE_PASSWORD"}
    assert set(stack["migrate"]["environment"]) == {"SIXFOLD_DATABASE_URL"} | roles


def test_every_image_names_a_major_version_and_no_registry(stack: dict):
    for name, service in stack.items():
        assert IMAGE.fullmatch(service["image"]), name
    assert stack["postgres"]["image"].endswith(":18")
    # From 18 on the image keeps its clusters, by version, below this folder.
    assert stack["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_the_example_of_an_environment_names_every_variable_and_holds_no_secret():
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("# ").partition("=") for line in lines if re.match(r"(# )?\w+=", line)
    ]
    values = {name: value for name, _, value in pairs}
    assert {*SECRETS, "SIXFOLD_AUTH_SECRET"} <= set(values)
    assert not any(value for name, value in values.items() if SECRET_NAME.search(name))
    named = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    passed_on = {
        variable
        for service in services().values()
        for variable, value in service.get("environment", {}).items()
        if value is None
    }
    assert named <= set(values) <= named | passed_on
