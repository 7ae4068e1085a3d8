"""Connecting to a real server as URLs say: TLS, several hosts, a socket, a login refused."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from app.database_connect import CannotConnect, connect, find_pooler
from app.database_url import parse_database_url
from app.local.embedded.data_dir import LOOPBACK, free_port, new_runner
from tests.database.certificates import Authority
from tests.support.refused import forget_refused_connections
from tests.support.servers import execute, own_folder, postgres_cluster

USER = "sixfold"
PASSWORD = "p@ss/w?rd#[100%]+:ä"

HBA = f"""\
local all all scram-sha-256
hostssl mutual all {LOOPBACK}/32 scram-sha-256 clientcert=verify-ca
hostnossl mutual all {LOOPBACK}/32 reject
hostssl tls_only all {LOOPBACK}/32 scram-sha-256
hostnossl tls_only all {LOOPBACK}/32 reject
hostnossl plain_only all {LOOPBACK}/32 scram-sha-256
hostssl plain_only all {LOOPBACK}/32 reject
host all all {LOOPBACK}/32 scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    port: int
    folder: Path
    files: dict[str, Path]

    def url(self, database: str = "postgres", query: str = "", host: str = LOOPBACK) -> str:
        """With `{name}` in the query put in: `{ca}`, `{other_ca}`, `{cert}`, `{key}`."""
        parameters = query.format_map(self.files)
        secret = quote(PASSWORD, safe="")
        return f"postgresql://{USER}:{secret}@{host}:{self.port}/{database}?{parameters}"


@pytest.fixture(autouse=True)
def _forgets_refused_connections() -> Iterator[None]:
    yield
    forget_refused_connections()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster of this module's own, which speaks TLS and listens on a socket as well."""
    runner = new_runner()
    with own_folder(runner) as own:
        ours, other = Authority(own, "ca"), Authority(own, "other")
        certificate, key = ours.issue("server", LOOPBACK)
        runner.give(key)
        client, client_key = ours.issue("client")
        hba, port = own / "hba.conf", free_port()
        hba.write_text(HBA)
        options = ("-c", "ssl=on", "-c", f"ssl_cert_file={certificate}")
        options += ("-c", f"ssl_key_file={key}", "-c", f"ssl_ca_file={ours.file}")
        options += ("-c", f"hba_file={hba}", "-c", f"unix_socket_directories={own}")
        plain = "plain-password"
        with postgres_cluster(own, runner, port, *options, user=USER, password=plain) as url:
            secret = PASSWORD.replace("'", "''")
            statements = [f"CREATE DATABASE {name}" for name in ("mutual", "tls_only")]
            statements += ["CREATE DATABASE plain_only", "CREATE DATABASE reads"]
            statements += ["ALTER DATABASE reads SET default_transaction_read_only = on"]
            asyncio.run(execute(url, *statements, f"ALTER USER {USER} PASSWORD '{secret}'"))
            files = {"ca": ours.file, "other_ca": other.file, "cert": client, "key": client_key}
            yield Server(port, own, files | {"folder": own})


async def _asked(url: str, question: str) -> object:
    connection = await connect(parse_database_url(url), pooled=False)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.mark.parametrize(
    ("database", "query", "is_encrypted"),
    [
        ("postgres", "", True),
        ("postgres", "sslmode=disable", False),
        ("postgres", "sslmode=allow", False),
        ("tls_only", "sslmode=allow", True),
        ("postgres", "sslmode=prefer&channel_binding=prefer", True),
        ("plain_only", "sslmode=prefer", False),
        ("postgres", "sslmode=require", True),
        ("postgres", "ssl=true", True),
        ("postgres", "sslmode=require&sslrootcert={ca}", True),
        ("postgres", "sslmode=verify-ca&sslrootcert={ca}", True),
        ("postgres", "sslmode=verify-full&sslrootcert={ca}", True),
        ("mutual", "sslmode=verify-full&sslrootcert={ca}&sslcert={cert}&sslkey={key}", True),
        ("postgres", "sslmode=verify-full&sslrootcert={ca}&keepalives=1&keepalives_idle=30", True),
        ("postgres", "sslmode=require&ssl_min_protocol_version=TLSv1.3", True),
    ],
)
async def test_tls_is_used_as_the_url_says(
    server: Server, database: str, query: str, is_encrypted: bool
) -> None:
    assert await _asked(server.url(database, query), TLS) is is_encrypted


@pytest.mark.parametrize(
    ("database", "query", "why"),
    [
        ("tls_only", "sslmode=disable", "28000"),
        ("plain_only", "sslmode=require", "28000"),
        ("postgres", "sslmode=require&sslrootcert={other_ca}", "certificate verify failed"),
        ("postgres", "sslmode=verify-ca&sslrootcert={other_ca}", "certificate verify failed"),
        ("postgres", "sslmode=verify-full&sslrootcert=system", "certificate verify failed"),
        ("mutual", "sslmode=verify-full&sslrootcert={ca}", "certificate"),
        ("no_such_database", "", "3D000"),
        ("postgres", "options=-c%20no_such_setting%3D1", "no_such_setting"),
        ("reads", "target_session_attrs=read-write", "target_session_attrs"),
    ],
)
async def test_a_connection_that_is_refused_says_why_in_one_line(
    server: Server, database: str, query: str, why: str
) -> None:
    with pytest.raises(CannotConnect, match=why) as refused:
        await _asked(server.url(database, query), TLS)
    told = str(refused.value)
    assert f"{LOOPBACK}:{server.port}" in told
    assert "\n" not in told
    assert PASSWORD not in told


async def test_verify_full_wants_the_name_that_was_called(server: Server) -> None:
    query = "sslmode={}&sslrootcert={{ca}}"
    await _asked(server.url(host="localhost", query=query.format("verify-ca")), TLS)
    with pytest.raises(CannotConnect, match="Hostname mismatch"):
        await _asked(server.url(host="localhost", query=query.format("verify-full")), TLS)


async def test_a_folder_of_sockets_is_a_host(server: Server) -> None:
    where = "SELECT inet_client_addr() IS NULL"
    by_parameter = server.url(host="", query="host={folder}")
    encoded = server.url(host=quote(str(server.folder), safe=""))
    assert [await _asked(url, where) for url in (by_parameter, encoded)] == [True, True]


async def test_what_the_session_is_told_arrives(server: Server) -> None:
    query = "application_name=api-7&options=-c%20lock_timeout%3D2s%20-c%20work_mem%3D9MB"
    asked = "SELECT array_agg(setting ORDER BY name) FROM pg_settings WHERE name = ANY($${}$$)"
    names = "{application_name,jit,lock_timeout,work_mem}"
    found = await _asked(server.url(query=query), asked.format(names))
    assert found == ["api-7", "off", "2000", "9216"]


async def test_the_first_host_that_takes_the_connection_is_used(server: Server) -> None:
    """One refuses, one swallows what it is sent, one only reads."""
    with socket.create_server((LOOPBACK, 0)) as swallowing:
        dead = f"{LOOPBACK}:{free_port()},{LOOPBACK}:{swallowing.getsockname()[1]},{LOOPBACK}"
        url = server.url(host=dead, query="connect_timeout=1")
        assert await _asked(url, "SELECT current_setting('transaction_read_only')") == "off"
        read_only = server.url("reads", host=dead, query="connect_timeout=1")
        with pytest.raises(CannotConnect) as refused:
            await _asked(read_only, TLS)
    told = str(refused.value).split("; ")
    assert len(told) == 3
    assert "no answer within 1 s" in told[1]


async def test_a_wrong_password_ends_the_search(server: Server) -> None:
    hosts = f"{LOOPBACK}:{server.port},{LOOPBACK}"
    url = server.url(host=hosts).replace(quote(PASSWORD, safe=""), "wrong")
    with pytest.raises(CannotConnect, match="28P01") as refused:
        await _asked(url, TLS)
    assert ";" not in str(refused.value)


async def test_a_server_without_a_pooler_is_known_as_such(server: Server) -> None:
    assert await find_pooler(parse_database_url(server.url())) is False
