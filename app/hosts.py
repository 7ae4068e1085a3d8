"""Which Host headers a server answers to, and which addresses only this machine reaches."""

import ipaddress
from collections.abc import Iterable

ANY = "*"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def is_allowed(host: str, allowed: Iterable[str]) -> bool:
    """Whether a Host header, its port aside, is one of `allowed`; `*.x.org` is any below x.org."""
    name = host.lower()
    name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return any(
        pattern in (ANY, name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        for pattern in allowed
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a server that listens on `address`."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"
