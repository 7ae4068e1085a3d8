"""Writes docs/import.md from the registry of formats and the table of WhatsApp's phrases.

python ops/write_import_docs.py           writes it
python ops/write_import_docs.py --check   exits 1 if it is not current
"""

import sys
from pathlib import Path

from app.chats.formats.registry import FORMATS
from app.chats.formats.whatsapp.matrix import KINDS, PLATFORMS, REQUIRED, Known, known

DOCS = Path(__file__).resolve().parent.parent / "docs" / "import.md"
BEGIN, END = "<!-- matrix: written by ops/write_import_docs.py -->", "<!-- end of matrix -->"


def matrix() -> str:
    """The matrix as Markdown: a row a language, a column a kind of line, letters for platforms."""
    shown = known()
    rows = [
        "| | " + " | ".join(title for _, title in KINDS) + " |",
        "|---|" + "---|" * len(KINDS),
    ]
    for tag, name in sorted(shown.languages.items(), key=lambda item: item[1]):
        cells = [cell(shown, tag, kind) for kind, _ in KINDS]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    required = ", ".join(f"{len(tags)} on {platform}" for platform, tags in REQUIRED.items())
    formats = ", ".join(known_format.title for known_format in FORMATS)
    return "\n".join([f"Formats: {formats}. Languages of WhatsApp: {required}.", "", *rows])


def cell(shown: Known, language: str, kind: str) -> str:
    """The platforms on which a kind of line is known in a language."""
    return " ".join(p[0] for p in PLATFORMS if shown.has(language, kind, p)) or "–"


def render(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{matrix()}\n{END}{after}"


def main() -> int:
    page = DOCS.read_text(encoding="utf-8")
    written = render(page)
    if "--check" in sys.argv:
        return int(written != page)
    DOCS.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
