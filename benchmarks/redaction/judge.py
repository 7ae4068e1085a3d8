"""How much of what must not be sent is replaced, and how much of what is replaced had to be."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.generation.model.redaction import Redactor, restored
from benchmarks.redaction.corpus import PARTS, PLAIN, Sentence

RECALL_MIN = PRECISION_MIN = 0.97


@dataclass(slots=True)
class Score:
    """Of some sentences."""

    found: int = 0
    missed: int = 0
    false: int = 0
    plain: int = 0
    wrong: list[tuple[Sentence, str]] = field(default_factory=list)
    """Sentences that were not sent as they should be, and what was sent."""

    @property
    def recall(self) -> float:
        """The share of the secrets that were replaced."""
        return self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        """The share of what was replaced that was a secret."""
        return self.found / max(self.found + self.false, 1)

    @property
    def is_met(self) -> bool:
        """Whether both targets are."""
        return self.recall >= RECALL_MIN and self.precision >= PRECISION_MIN


def judge(sentences: Iterable[Sentence]) -> Score:
    """The score of `sentences`, each redacted by itself.

    A secret counts as found when its sentence is sent with a placeholder of the right kind in
    its place and all other words as they are, and comes back character by character.
    """
    score = Score()
    for sentence in sentences:
        redactor = Redactor(sentence.people)
        sent = redactor.redact(sentence.text)
        if sentence.kind == PLAIN:
            score.plain += 1
            is_right = sent == sentence.text
            score.false += not is_right
        else:
            is_right = bool(sentence.expected.fullmatch(sent)) and (
                sentence.kind == "name" or restored(sent, redactor.originals) == sentence.text
            )
            score.found += len(sentence.secrets) if is_right else 0
            score.missed += 0 if is_right else len(sentence.secrets)
        if not is_right:
            score.wrong.append((sentence, sent))
    return score


def as_text(sentences: list[Sentence]) -> str:
    """The scores as a table: of both parts, then of each kind."""
    rows = [(part, judge(one for one in sentences if one.part == part)) for part in PARTS]
    kinds = dict.fromkeys(one.kind for one in sentences if one.kind != PLAIN)
    rows += [(kind, judge(one for one in sentences if one.kind == kind)) for kind in sorted(kinds)]
    lines = [f"{'':10} secrets  replaced  recall   plain  changed  precision"]
    for name, score in [("all", judge(sentences)), *rows]:
        line = f"{name:10} {score.found + score.missed:7} {score.found:9} {score.recall:7.3f}"
        if score.plain:
            line += f" {score.plain:7} {score.false:8} {score.precision:10.3f}"
        lines.append(line)
    return "\n".join(lines)
