"""Blocks of documents that are written by a command, between markers that name it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "performance.md"
CRITICISM = ROOT / "benchmarks" / "CRITICISM.md"


def fill(page: Path, name: str, block: str) -> bool:
    """Puts `block` between the markers of `name`; False if the page has none."""
    text = page.read_text(encoding="utf-8")
    after = filled(text, name, block)
    if after is None:
        return False
    page.write_text(after, encoding="utf-8")
    return True


def filled(text: str, name: str, block: str) -> str | None:
    """The text with `block` in place of what stands between the markers, None without them.

    They read `<!-- NAME: written by … -->` and `<!-- end of NAME -->`.
    """
    markers = re.compile(
        rf"(<!-- {re.escape(name)}: written by [^>]+ -->\n).*?(<!-- end of {re.escape(name)} -->)",
        re.DOTALL,
    )
    if markers.search(text) is None:
        return None
    return markers.sub(lambda found: f"{found[1]}{block.strip()}\n{found[2]}", text, count=1)
