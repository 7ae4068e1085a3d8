"""The tables of this package, as they stand in its files: rows of columns between tabs."""

from importlib.resources import files

_PACKAGE = "app.chats.formats.whatsapp"


def rows(name: str) -> list[list[str]]:
    """The rows of a table; lines that begin with # say what its columns are."""
    lines = files(_PACKAGE).joinpath(name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]
