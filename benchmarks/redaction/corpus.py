"""The sentences that redaction is judged by, one file a country under corpus/.

A list of sentences for each kind of thing: ⟦ and ⟧ stand around what must be replaced by a
placeholder of that kind; in `plain` nothing may be. `seen` was looked at while the rules were
written, `held_out` was not. All values are invented: telephone numbers from ranges kept for
fiction where a country has one, cards as test systems use them, accounts with check digits
that were computed. The sign · is taken out, so that no scanner takes a key for a real one.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).parent / "corpus"
PLAIN = "plain"
PARTS = ("seen", "held_out")

_MARKED = re.compile("⟦(.*?)⟧", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A message, and what of it may not be sent."""

    country: str
    part: str
    kind: str
    people: tuple[str, ...]
    marked: str

    @property
    def text(self) -> str:
        """As it is written."""
        return re.sub("[⟦⟧]", "", self.marked)

    @property
    def secrets(self) -> list[str]:
        """What must be replaced; empty in a plain sentence."""
        return _MARKED.findall(self.marked)

    @property
    def expected(self) -> re.Pattern[str]:
        """What is sent when all of the secrets are replaced, and nothing else."""
        alias = r"(?:P\d+|\[NAME_\d+\])" if self.kind == "name" else rf"\[{self.kind.upper()}_\d+\]"
        rest = map(re.escape, _MARKED.split(self.marked)[::2])
        return re.compile(alias.join(rest))


def sentences() -> Iterator[Sentence]:
    """All of them."""
    for path in sorted(FILES.glob("*.toml")):
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        people = tuple(read["people"])
        for part in PARTS:
            for kind, marked in read[part].items():
                for one in marked:
                    yield Sentence(path.stem, part, kind, people, one.replace("·", ""))
