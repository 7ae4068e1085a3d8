"""PostgreSQL's URLs as they are pasted: each is taken as libpq takes it, or refused by name."""

from pathlib import Path
from typing import Any

import pytest

from app.database_url import BadDatabaseUrl, DatabaseAddress, parse_database_url

PASSWORD = "s3cr3t"


def _parsed(url: str) -> DatabaseAddress:
    return parse_database_url(url)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u:p@db/s", ["db:5432"]),
        ("postgres://u:p@db:6543/s", ["db:6543"]),
        ("postgresql://u@[2001:db8::1]:5433/s", ["2001:db8::1:5433"]),
        ("postgresql://u@[::1]/s", ["::1:5432"]),
        ("postgresql://u@a,b:5433,c/s", ["a:5432", "b:5433", "c:5432"]),
        ("postgresql://u@/s?host=a,b&port=1,2", ["a:1", "b:2"]),
        ("postgresql://u@/s?host=a,b&port=7", ["a:7", "b:7"]),
        ("postgresql://u@a/s?port=7", ["a:7"]),
        ("postgresql://u@a/s?host=b", ["b:5432"]),
        ("postgresql://u@a:7/s?host=b", ["b:7"]),
        ("postgresql://u@/s?host=/run/postgresql", ["/run/postgresql"]),
        ("postgresql://u@%2Frun%2Fpostgresql/s", ["/run/postgresql"]),
        ("postgresql://u@%2Frun%2Fpostgresql:5433/s", ["/run/postgresql"]),
        ("postgresql:///s?user=u&host=%2Frun%2Fpostgresql", ["/run/postgresql"]),
        ("postgresql:///s", ["the default host"]),
    ],
)
def test_hosts_are_read_where_libpq_reads_them(url: str, hosts: list[str]) -> None:
    assert [str(host) for host in _parsed(url).hosts] == hosts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db/s", {"user": "u", "password": "p", "database": "s"}),
        ("postgresql://u:p%40s%2Fs%3Aw%25@db/s", {"password": "p@s/s:w%"}),
        ("postgresql://u:p@ss:w#rd+[x]@db/s", {"password": "p@ss:w#rd+[x]", "user": "u"}),
        ("postgresql://u:100%@db/s", {"password": "100%"}),
        ("postgresql://u:p%20w@db/s", {"password": "p w"}),
        ("postgresql://u:a+b@db/s", {"password": "a+b"}),
        ("postgresql://db/s?user=u&password=a+b%26c", {"user": "u", "password": "a+b&c"}),
        ("postgresql://u.tenant:p%C3%A4ss@db/s", {"user": "u.tenant", "password": "päss"}),
        ("postgresql://u:p@db/my%20db?dbname=other", {"database": "other"}),
        ("postgresql://u@db/?passfile=/run/secrets/pgpass", {"passfile": "/run/secrets/pgpass"}),
        ("postgresql://u@db?target_session_attrs=primary", {"target_session_attrs": "primary"}),
        ("postgresql://u@a,b/s", {"target_session_attrs": "read-write"}),
        ("postgresql://u@a,b/s?target_session_attrs=any", {"target_session_attrs": "any"}),
        ("postgresql://u@db/s?ssl=true", {"dsn": "postgresql://?sslmode=require"}),
        ("postgresql://u@db/s?sslmode=disable", {"dsn": "postgresql://?sslmode=disable"}),
        ("postgresql://u@db/s?sslmode=allow", {"dsn": "postgresql://?sslmode=allow"}),
        (
            "postgresql://u@db/s?sslmode=require&sslnegotiation=direct",
            {"dsn": "postgresql://?sslmode=require&sslnegotiation=direct"},
        ),
    ],
)
def test_parameters_reach_the_driver(url: str, expected: dict[str, Any]) -> None:
    options = _parsed(url).options
    given = {key: options.get(key) for key in expected}
    if "dsn" in expected:
        assert sorted(str(given["dsn"]).split("?")[1].split("&")) == sorted(
            expected["dsn"].split("?")[1].split("&")
        )
    else:
        assert given == expected


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ("", {"application_name": "sixfold"}),
        ("application_name=api-1", {"application_name": "api-1"}),
        ("fallback_application_name=api-2", {"application_name": "api-2"}),
        (
            "options=-c%20search_path%3Dsixfold",
            {"application_name": "sixfold", "options": "-c search_path=sixfold"},
        ),
        (
            "channel_binding=prefer&gssencmode=disable&client_encoding=UTF8&sslsni=1",
            {"application_name": "sixfold"},
        ),
        ("channel_binding=disable&keepalives=0&keepalives_idle=9", {"application_name": "sixfold"}),
        ("connect_timeout=", {"application_name": "sixfold"}),
    ],
)
def test_only_what_the_server_knows_is_sent_to_it(query: str, settings: dict[str, str]) -> None:
    assert _parsed(f"postgresql://u@db/s?{query}").server_settings == settings


def test_times_and_probes_of_the_connection_are_taken() -> None:
    address = _parsed(
        "postgresql://u@db/s?connect_timeout=10&keepalives_idle=30&tcp_user_timeout=9000"
    )
    assert address.connect_timeout_s == 10
    assert address.keepalives == {"keepalives_idle": 30, "tcp_user_timeout": 9000}


def test_a_setting_of_the_options_wins_over_ours() -> None:
    address = _parsed("postgresql://u@db/s?options=-c%20lock_timeout%3D2s%20--jit%3Don")
    assert address.chosen_settings == {"lock_timeout", "jit"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("channel_binding=require", "channel_binding"),
        ("sslmode=verify", "sslmode"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "sslrootcert=/nowhere/ca.pem"),
        ("sslmode=require&sslrootcert=system", "sslrootcert=system"),
        ("sslrootcert=system&sslcrl=/nowhere", "sslcrl"),
        ("sslcert=/nowhere/client.pem&sslkey=/nowhere/client.key", "sslcert"),
        ("sslkey=/nowhere/client.key", "sslkey"),
        ("ssl=1", "ssl can only be true"),
        ("sslcompression=1", "sslcompression"),
        ("gssencmode=require", "gssencmode"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("requirepeer=postgres", "requirepeer"),
        ("hostaddr=10.0.0.1", "hostaddr"),
        ("load_balance_hosts=random", "load_balance_hosts"),
        ("target_session_attrs=standby", "target_session_attrs=standby"),
        ("target_session_attrs=read-only", "target_session_attrs=read-only"),
        ("client_encoding=LATIN1", "client_encoding"),
        ("replication=database", "replication"),
        ("connect_timeout=0", "connect_timeout"),
        ("connect_timeout=soon", "connect_timeout"),
        ("keepalives_idle=long", "keepalives_idle"),
        ("port=0", "port"),
        ("port=1,2", "1 hosts and 2 ports"),
        ("host=a,b,c&port=1,2", "3 hosts and 2 ports"),
        ("statement_timeout=5000", "statement_timeout"),
        ("schema=public", "schema"),
        ("connection_limit=5", "SIXFOLD_DB_POOL_SIZE"),
        ("pgbouncer=perhaps", "pgbouncer"),
        ("sslmode", "sslmode"),
        ("host=@abstract", "abstract"),
        ("something=else", "something"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(query: str, named: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        _parsed(f"postgresql://u:{PASSWORD}@db/s?{query}")
    assert named in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}/x@db/s",
        f"postgresql://u:{PASSWORD}?x@db/s",
        f"postgresql://u:12/{PASSWORD}@db/s",
        f"postgresql://u:{PASSWORD}@db:port/s",
        f"postgresql://u:{PASSWORD}@db:70000/s",
        f"postgresql://u:{PASSWORD}%00@db/s",
        f"postgresql+asyncpg://u:{PASSWORD}@db/s",
        f"mysql://u:{PASSWORD}@db/s",
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        _parsed(url)
    assert PASSWORD not in str(refused.value)


def test_a_certificate_that_is_none_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(BadDatabaseUrl, match="no usable PEM file"):
        _parsed(f"postgresql://u@db/s?sslmode=verify-ca&sslrootcert={tmp_path}/ca.pem")
