"""Tables of a command, as a terminal shows them."""

from collections.abc import Sequence

NAME_CHARS_MAX = 60

Row = Sequence[str]


def table(rows: Sequence[Row], *, texts: int) -> str:
    """The first `texts` columns to the left, numbers to the right; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def shown_name(name: str) -> str:
    """A name that a provider chose: short, and nothing a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in name[:NAME_CHARS_MAX])
