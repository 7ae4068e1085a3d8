import json
from pathlib import Path

import pytest

from app.settings import SECRETS, SettingsError, load_settings, parse_master_key
from tests.support.environment import AUTH_SECRET, MASTER_KEY

COMPLETE = {
    "SIXFOLD_DATABASE_URL": "postgresql://u:p@db/sixfold",
    "SIXFOLD_REDIS_URL": "redis://cache",
    "SIXFOLD_MASTER_KEY": MASTER_KEY,
    "SIXFOLD_AUTH_SECRET": AUTH_SECRET,
}


def _set(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_a_missing_setting_stops_start_up_and_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _set(monkeypatch, {name: value for name, value in COMPLETE.items() if name != missing})
    monkeypatch.setenv("SIXFOLD_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match=missing):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIXFOLD_AUTH_SECRET", "short"),
        ("SIXFOLD_AUTH_SECRET_PREVIOUS", f"{AUTH_SECRET},short"),
        ("SIXFOLD_AUTH_SECRET_PREVIOUS", '["short"'),
        ("SIXFOLD_MASTER_KEY", "no id"),
        ("SIXFOLD_MASTER_KEY", "k1:c2hvcnQ="),
        ("SIXFOLD_MASTER_KEY_PREVIOUS", "k1:c2hvcnQ="),
        ("SIXFOLD_MASTER_KEY_PREVIOUS", f"{MASTER_KEY[:-2]}A="),
        ("SIXFOLD_DATABASE_URL", "mysql://db"),
        ("SIXFOLD_REDIS_URL", "http://cache"),
        ("SIXFOLD_ATTEMPT_S", "111"),
        ("SIXFOLD_HEARTBEAT_S", "40"),
        ("SIXFOLD_AUTH_JWKS_URL", "https://issuer/keys"),
        ("SIXFOLD_LLM_API_KEY", "sk-without-a-model"),
        ("SIXFOLD_LLM_PRICE_INPUT", "0.4"),
    ],
)
def test_a_wrong_setting_stops_start_up_without_showing_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, COMPLETE | {name: value})
    with pytest.raises(SettingsError) as stopped:
        load_settings()
    for secret in ("short", "c2hvcnQ", "sk-without", AUTH_SECRET, MASTER_KEY):
        assert secret not in str(stopped.value)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, COMPLETE | {"SIXFOLD_MASTER_KEY_PREVIOUS": "", "SIXFOLD_METRICS_PORT": ""})
    assert load_settings().master_key_previous is None


@pytest.mark.parametrize("given", ["{0}, {1}", '["{0}", "{1}"]'])
def test_previous_secrets_are_listed_with_commas_or_as_json(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = "a" * 32, "b" * 32
    _set(monkeypatch, COMPLETE | {"SIXFOLD_AUTH_SECRET_PREVIOUS": given.format(*secrets)})
    found = tuple(one.get_secret_value() for one in load_settings().auth_secrets_previous)
    assert found == secrets


PROVIDER = {
    "SIXFOLD_OIDC_ISSUER": "https://id.example",
    "SIXFOLD_OIDC_CLIENT_ID": "sixfold",
    "SIXFOLD_PUBLIC_URL": "https://chats.example",
}


@pytest.mark.parametrize(
    ("issuer", "name"),
    [("https://id.example/a", "id.example"), ("http://127.0.0.1:9400", "127.0.0.1:9400")],
)
def test_a_provider_is_called_by_its_host_unless_it_has_a_name(
    issuer: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, COMPLETE | PROVIDER | {"SIXFOLD_OIDC_ISSUER": issuer})
    assert load_settings().provider_name == name
    monkeypatch.setenv("SIXFOLD_OIDC_NAME", "Ours")
    assert load_settings().provider_name == "Ours"


@pytest.mark.parametrize("missing", sorted(PROVIDER))
def test_a_provider_needs_all_that_it_is_asked_with(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, COMPLETE | {name: PROVIDER[name] for name in {*PROVIDER} - {missing}})
    with pytest.raises(SettingsError, match="set all of SIXFOLD_OIDC_ISSUER"):
        load_settings()


@pytest.mark.parametrize(
    "issuer",
    [
        *("http://id.example", "id.example", "ftp://id.example", "https://", "https://[id"),
        *(
            "https://id.example?x=1",
            "https://id.example#x",
            "https://id.example/a|b",
            "https://i d",
        ),
    ],
)
def test_an_issuer_is_encrypted_and_has_no_bar(
    issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User ids are made of it, with bars between."""
    _set(monkeypatch, COMPLETE | PROVIDER | {"SIXFOLD_OIDC_ISSUER": issuer})
    with pytest.raises(SettingsError, match="SIXFOLD_OIDC_ISSUER"):
        load_settings()


@pytest.mark.parametrize("name", ["LOCAL_SIGN_IN", "AUTH_SECRET_PREVIOUS", "OIDC_ISSUER"])
def test_what_needs_the_secret_is_refused_with_an_identity_provider(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"LOCAL_SIGN_IN": "true", "OIDC_ISSUER": PROVIDER["SIXFOLD_OIDC_ISSUER"]}
    outside = {"SIXFOLD_AUTH_SECRET": "", "SIXFOLD_AUTH_JWKS_URL": "https://issuer/keys"}
    others = PROVIDER if name == "OIDC_ISSUER" else {}
    wrong = {f"SIXFOLD_{name}": given.get(name, "b" * 32)}
    _set(monkeypatch, COMPLETE | outside | others | wrong)
    with pytest.raises(SettingsError, match=f"SIXFOLD_{name} needs SIXFOLD_AUTH_SECRET"):
        load_settings()


def test_a_list_that_is_no_json_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, COMPLETE | {"SIXFOLD_ALLOWED_HOSTS": "localhost"})
    with pytest.raises(SettingsError, match="allowed_hosts"):
        load_settings()


def test_without_a_database_url_the_embedded_instance_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = {"database_url": "postgresql://x@127.0.0.1/s", "redis_url": "redis://127.0.0.1"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    secrets = {"master_key": MASTER_KEY, "auth_secret": AUTH_SECRET}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    monkeypatch.setenv("SIXFOLD_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.database_url == run["database_url"]
    assert settings.auth_secret is not None
    assert settings.auth_secret.get_secret_value() == AUTH_SECRET


def test_with_no_instance_running_the_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIXFOLD_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match=r"sixfold up.*SIXFOLD_DATABASE_URL"):
        load_settings()


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, COMPLETE)
    shown = repr(load_settings())
    assert AUTH_SECRET not in shown
    assert MASTER_KEY not in shown


@pytest.mark.parametrize("between", [",", ", ", "\n", " "])
def test_the_current_master_key_comes_first_and_any_number_follow(
    monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    older = [f"k{number}:" + "A" * 42 + "AQgw"[number] for number in range(4)]
    _set(monkeypatch, COMPLETE | {"SIXFOLD_MASTER_KEY_PREVIOUS": between.join(older)})
    given = [MASTER_KEY, *older]
    assert load_settings().master_keys == tuple(parse_master_key(one) for one in given)


def test_two_master_keys_of_one_id_are_refused_and_a_repeated_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _set(monkeypatch, COMPLETE | {"SIXFOLD_MASTER_KEY_PREVIOUS": MASTER_KEY})
    load_settings()
    other = MASTER_KEY.partition(":")[0] + ":" + "A" * 43
    _set(monkeypatch, COMPLETE | {"SIXFOLD_MASTER_KEY_PREVIOUS": other})
    with pytest.raises(SettingsError, match="the same id"):
        load_settings()


def test_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(COMPLETE["SIXFOLD_AUTH_SECRET"] + "\n")
    rest = {key: value for key, value in COMPLETE.items() if key != "SIXFOLD_AUTH_SECRET"}
    _set(monkeypatch, rest | {"SIXFOLD_AUTH_SECRET_FILE": str(file)})
    settings = load_settings()
    assert settings.auth_secret is not None
    assert settings.auth_secret.get_secret_value() == COMPLETE["SIXFOLD_AUTH_SECRET"]


@pytest.mark.parametrize("name", SECRETS)
def test_the_file_of_a_secret_must_be_there_and_stand_alone(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variable = f"SIXFOLD_{name.upper()}"
    monkeypatch.setenv("SIXFOLD_DATA_DIR", str(tmp_path))
    _set(monkeypatch, COMPLETE | {f"{variable}_FILE": "/nowhere", variable: ""})
    with pytest.raises(SettingsError, match=f"{variable}_FILE: /nowhere: No such file"):
        load_settings()
    _set(monkeypatch, {variable: "given"})
    with pytest.raises(SettingsError, match=f"set it or {variable}_FILE"):
        load_settings()
