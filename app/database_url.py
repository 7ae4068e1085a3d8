"""A PostgreSQL URL as libpq understands it, made into what asyncpg is called with.

Every parameter of libpq is honoured, or harmless by its value, or refused by name: one that is
silently left out may be the one that made the connection safe.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

PORT_DEFAULT = 5432
CONNECT_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S_MAX = 600
SCHEMES = ("postgresql://", "postgres://")
SYSTEM_CERTIFICATES = "system"


class BadDatabaseUrl(ValueError):
    """What of the URL cannot be honoured; the message names it and never shows a password."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server to try: a name, an address, or a folder of sockets. None: asyncpg's defaults."""

    name: str | None
    port: int | None

    def __str__(self) -> str:
        if self.name is None:
            return "the default host"
        return self.name if self.name.startswith("/") else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """`options` are keyword arguments of `asyncpg.connect`, the same for every host."""

    hosts: tuple[Host, ...]
    options: Mapping[str, Any]
    server_settings: Mapping[str, str]
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    keepalives: Mapping[str, int] = field(default_factory=dict[str, int])
    is_pooled: bool | None = None
    """True when the URL says so (`pgbouncer=true`); None is to be found out."""

    @property
    def chosen_settings(self) -> frozenset[str]:
        """Names of the session settings that `options` chooses: `-c name=value`, `--name=value`."""
        return frozenset(
            name.replace("-", "_").lower()
            for name in _CHOSEN.findall(self.server_settings.get("options", ""))
        )


def parse_database_url(url: str) -> DatabaseAddress:
    """The address that `url` names. Raises BadDatabaseUrl."""
    scheme = next((one for one in SCHEMES if url.startswith(one)), None)
    if scheme is None:
        raise BadDatabaseUrl("must be a plain postgresql:// URL")
    rest, _, query = url[len(scheme) :].partition("?")
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    if "@" in path:  # The path began inside a password.
        raise BadDatabaseUrl(_UNREADABLE)
    user, _, password = credentials.partition(":")
    asked = _parameters(query)
    named = {
        "user": asked.pop("user", _decoded(user)),
        "password": asked.pop("password", _decoded(password)),
        "database": asked.pop("dbname", asked.pop("database", _decoded(path))),
    }
    where = _hosts(asked.pop("host", None), asked.pop("port", None), hosts)
    return _address(where, {key: value for key, value in named.items() if value}, asked)


def _parameters(query: str) -> dict[str, str]:
    """The last value of each; `+` is no space here, as in libpq."""
    asked: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, separator, value = pair.partition("=")
        if not separator:
            raise BadDatabaseUrl(f"parameter {_decoded(name)!r} has no value")
        asked[_decoded(name)] = _decoded(value)
    return {name: value for name, value in asked.items() if value}


def _decoded(text: str) -> str:
    decoded = unquote(text, errors="strict")
    if "\0" in decoded:
        raise BadDatabaseUrl("%00 cannot be a part of it")
    return decoded


def _hosts(asked: str | None, ports: str | None, authority: str) -> tuple[Host, ...]:
    """As libpq: `host=` and `port=` win over what stands before the path."""
    names, given = _split_authority(authority)
    if asked is not None:
        names = asked.split(",")
    if ports is not None:
        given = [_port(one) for one in ports.split(",")]
    if len(given) == 1:
        given *= len(names)
    if len(given) != len(names):
        raise BadDatabaseUrl(f"{len(names)} hosts and {len(given)} ports do not match")
    if any(name.startswith("@") for name in names):
        raise BadDatabaseUrl("host: a socket in the abstract namespace cannot be used")
    if names == [""]:
        return (Host(None, given[0]),)
    return tuple(
        Host(name or "localhost", port or PORT_DEFAULT)
        for name, port in zip(names, given, strict=True)
    )


def _split_authority(authority: str) -> tuple[list[str], list[int | None]]:
    names: list[str] = []
    ports: list[int | None] = []
    for one in authority.split(","):
        found = _HOST.fullmatch(one)
        if found is None:
            raise BadDatabaseUrl(_UNREADABLE)  # It may be a part of a password.
        names.append(_decoded(found["v6"] or found["name"]))
        ports.append(_port(found["port"]) if found["port"] else None)
    return names, ports


def _port(text: str) -> int | None:
    if text == "":
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise BadDatabaseUrl("port must be a number from 1 to 65535")
    return int(text)


def _address(
    hosts: tuple[Host, ...], named: dict[str, str], asked: dict[str, str]
) -> DatabaseAddress:
    options: dict[str, Any] = dict(named)
    options |= {name: asked.pop(name) for name in _OF_THE_DRIVER & asked.keys()}
    options |= _target(asked.pop("target_session_attrs", None), several=len(hosts) > 1)
    options |= _tls(asked)
    settings = {name: asked.pop(name) for name in _SERVER_SETTINGS & asked.keys()}
    fallback = asked.pop("fallback_application_name", "sixfold")
    settings.setdefault("application_name", fallback)
    timeout_s = _connect_timeout_s(asked.pop("connect_timeout", None))
    keepalives = _keepalives(asked)
    is_pooled = {"true": True, "false": None}.get(asked.get("pgbouncer", ""))
    for name, value in asked.items():
        _refuse_unless_harmless(name, value)
    return DatabaseAddress(hosts, options, settings, timeout_s, keepalives, is_pooled)


def _target(asked: str | None, *, several: bool) -> dict[str, str]:
    """Which of several servers: the one that takes writes, unless the URL wants another rule."""
    if asked is None:
        return {"target_session_attrs": "read-write"} if several else {}
    if asked not in {"any", "read-write", "primary"}:
        raise BadDatabaseUrl(
            f"target_session_attrs={asked}: the product writes;"
            " it takes any, primary and read-write"
        )
    return {"target_session_attrs": asked}


def _tls(asked: dict[str, str]) -> dict[str, Any]:
    """Takes the parameters of TLS out of `asked`. asyncpg reads them in a URL of its own."""
    given = {name: asked.pop(name) for name in _TLS & asked.keys()}
    if (wanted := asked.pop("ssl", None)) is not None:
        if wanted != "true":
            raise BadDatabaseUrl("ssl can only be true; use sslmode")
        given.setdefault("sslmode", "require")  # As libpq reads JDBC's word.
    mode = given.get("sslmode", "prefer")
    if mode not in _SSL_MODES:
        raise BadDatabaseUrl(f"sslmode must be one of {', '.join(_SSL_MODES)}")
    if given.get("sslrootcert") == SYSTEM_CERTIFICATES:
        return {"ssl": _system_context(given)}
    if mode.startswith("verify") and "sslrootcert" not in given and not _ROOT_OF_HOME.is_file():
        raise BadDatabaseUrl(f"sslmode={mode} needs sslrootcert=FILE or sslrootcert=system")
    _load_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), given)
    return {"dsn": f"postgresql://?{urlencode(given)}"} if given else {}


def _system_context(given: dict[str, str]) -> ssl.SSLContext:
    """Verifies the name and the chain against the authorities that the system trusts."""
    if given.get("sslmode", "verify-full") != "verify-full":
        raise BadDatabaseUrl("sslrootcert=system needs sslmode=verify-full")
    beyond = given.keys() - {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"}
    if beyond:
        raise BadDatabaseUrl(f"{min(beyond)} cannot be used together with sslrootcert=system")
    context = ssl.create_default_context()
    _load_certificates(context, {k: v for k, v in given.items() if k != "sslrootcert"})
    return context


def _load_certificates(context: ssl.SSLContext, given: Mapping[str, str]) -> None:
    """Finds out now whether the files are there and are what they should be."""
    loads: dict[str, Callable[[], object]] = {
        "sslrootcert": lambda: context.load_verify_locations(given["sslrootcert"]),
        "sslcrl": lambda: context.load_verify_locations(given["sslcrl"]),
        "sslcert": lambda: context.load_cert_chain(
            given["sslcert"], given.get("sslkey"), lambda: given.get("sslpassword", "")
        ),
    }
    for name in loads.keys() & given.keys():
        try:
            loads[name]()
        except OSError as error:  # ssl.SSLError is one.
            reason = "no usable PEM file" if isinstance(error, ssl.SSLError) else error.strerror
            raise BadDatabaseUrl(f"{name}={given[name]}: {reason}") from None
    if "sslkey" in given and "sslcert" not in given:
        raise BadDatabaseUrl("sslkey needs sslcert")


def _connect_timeout_s(asked: str | None) -> float:
    if asked is None:
        return CONNECT_TIMEOUT_S
    if not asked.isascii() or not asked.isdigit() or not 0 < int(asked) <= CONNECT_TIMEOUT_S_MAX:
        raise BadDatabaseUrl(f"connect_timeout must be 1 to {CONNECT_TIMEOUT_S_MAX} seconds")
    return float(asked)


def _keepalives(asked: dict[str, str]) -> dict[str, int]:
    """Takes the parameters of TCP out of `asked`; none of them when `keepalives=0`."""
    given = {name: asked.pop(name) for name in _KEEPALIVES & asked.keys()}
    for name, value in given.items():
        if not value.isascii() or not value.isdigit():
            raise BadDatabaseUrl(f"{name} must be a number")
    numbers = {name: int(value) for name, value in given.items()}
    return {} if numbers.get("keepalives") == 0 else numbers


def _refuse_unless_harmless(name: str, value: str) -> None:
    harmless = _HARMLESS.get(name)
    if harmless is None:
        raise BadDatabaseUrl(f"parameter {name} cannot be honoured{_HINTS.get(name, '')}")
    if value.casefold() not in harmless:
        allowed = " or ".join(sorted(harmless))
        raise BadDatabaseUrl(f"{name} can only be {allowed}{_HINTS.get(name, '')}")


_UNREADABLE = "its host cannot be read; in a password write / as %2F, ? as %3F and % as %25"
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[^:\[\]@]*))(?::(?P<port>[0-9]*))?")
_CHOSEN = re.compile(r"(?:-c\s*|--)([A-Za-z_.-]+)\s*=")
_ROOT_OF_HOME = Path("~/.postgresql/root.crt").expanduser()

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS = {
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
}
_OF_THE_DRIVER = {"passfile", "service", "krbsrvname", "gsslib"}
_SERVER_SETTINGS = {"application_name", "options"}
_KEEPALIVES = {
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    "tcp_user_timeout",
}
_HARMLESS: dict[str, set[str]] = {
    "channel_binding": {"disable", "prefer"},
    "client_encoding": {"auto", "utf8", "utf-8"},
    "gssdelegation": {"0"},
    "gssencmode": {"disable", "prefer"},
    "load_balance_hosts": {"disable"},
    "max_protocol_version": {"3.0", "3.2", "latest"},
    "min_protocol_version": {"3.0"},
    "pgbouncer": {"true", "false"},
    "replication": {"0", "false", "no", "off"},
    "sslcertmode": {"allow"},
    "sslcompression": {"0"},
    "sslsni": {"1"},
}
"""Values that ask for nothing beyond what is done anyway, or for what may be left undone."""
_HINTS = {
    "channel_binding": ": the driver cannot bind a channel. Against an impostor use"
    " sslmode=verify-full with sslrootcert",
    "hostaddr": "; give the address as the host",
    "statement_timeout": "; write options=-c%20statement_timeout%3D…",
    "search_path": "; write options=-c%20search_path%3D…",
    "schema": "; write options=-c%20search_path%3D…",
    "connection_limit": "; set SIXFOLD_DB_POOL_SIZE",
}
