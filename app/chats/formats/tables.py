"""Tables of this package and of those inside it: rows of columns between tabs."""

from importlib.resources import files


def rows(name: str) -> list[list[str]]:
    """The rows of a table; lines that begin with # say what its columns are."""
    lines = files("app.chats.formats").joinpath(name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def known_events(messenger: str) -> frozenset[str]:
    """The events of a messenger that are known to change a chat, or to tell of it."""
    return frozenset(event for of, event in rows("events.tsv") if of == messenger)
