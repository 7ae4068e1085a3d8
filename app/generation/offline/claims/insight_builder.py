"""An insight being written: claims with evidence, metrics, and how sure one can be."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from pydantic import ValidationError

from app.catalog.content import (
    EVIDENCE_MAX,
    FINDINGS_MAX,
    EvidenceMissing,
    Finding,
    InsightContent,
    Metric,
)
from app.chats.names import printable
from app.generation.offline.claims.prose import capital, counted, listed
from app.generation.offline.measures.facts import Facts
from app.generation.offline.measures.sampling import spread_over

LABEL = "offline"
CONFIDENCE_MAX = 0.9
CONFIDENCE_MIN = 0.05
UNREAD_CONFIDENCE_MAX = 0.2
SHORT_CHAT = 60
HALVES_DAYS_MIN = 10
PEOPLE_SHOWN = 20
_EVIDENCE_SHOWN = 12


class InsightBuilder:
    """Collects findings; `people` are names fit for sentences, in the order of the facts."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.people = [printable(person.name) for person in facts.people]
        self.metrics: dict[str, Metric] = {"generator": LABEL, "language": "en"}
        self.observations = 0
        self.is_lexical = False
        self._findings: list[Finding] = []

    @property
    def is_pair(self) -> bool:
        return len(self.people) == 2

    @property
    def has_halves(self) -> bool:
        """Whether the chat is long enough for its halves to be compared."""
        activity = self.facts.activity
        return activity.days >= HALVES_DAYS_MIN and activity.middle_on > activity.first_on

    @property
    def can_read(self) -> bool:
        """Whether word lists exist for the language of the chat."""
        return bool(self.facts.languages)

    def name(self, who: int) -> str:
        """The printable name of the person at index `who`."""
        return self.people[who]

    def names(self, everyone: Iterable[int]) -> str:
        """The printable names of these people as a list in words."""
        return listed([self.people[who] for who in everyone])

    def add(self, claim: str, evidence: Iterable[int]) -> None:
        """A finding; without evidence, or beyond ten findings, nothing is added."""
        numbers = spread_over(sorted(set(evidence)), min(_EVIDENCE_SHOWN, EVIDENCE_MAX))
        if numbers and len(self._findings) < FINDINGS_MAX:
            # A claim that cannot be stored is left out, and not the insight with it.
            with suppress(ValidationError):
                self._findings.append(Finding(claim=claim, evidence=list(numbers)))

    def by_person(self, values: Sequence[float | int | None]) -> Mapping[str, float | int | None]:
        """A metric by name, of the twenty people who write most."""
        return dict(zip(self.people[:PEOPLE_SHOWN], values, strict=False))

    def measure(self, **metrics: Metric | Mapping[str, float | int | None]) -> None:
        """Adds metrics; a mapping is a metric by person."""
        for name, value in metrics.items():
            self.metrics[name] = dict(value) if isinstance(value, Mapping) else value

    def content(self, headline: str, summary: str) -> InsightContent:
        """The finished insight. Raises EvidenceMissing when nothing was found."""
        if not self._findings:
            raise EvidenceMissing
        notes = [summary, *self._cautions()]
        return InsightContent(
            headline=capital(headline),
            summary=capital(" ".join(note for note in notes if note)),
            findings=self._findings,
            metrics=self.metrics,
            confidence=self._confidence(),
        )

    def _cautions(self) -> Iterable[str]:
        if self.is_lexical and not self.can_read:
            yield (
                "No word list covers the language of this chat, so only emoji could be counted "
                "here; take the numbers as a lower bound."
            )
        if len(self.people) == 1:
            yield "Only one person wrote, so nothing can be said about the other side."
        elif self.facts.messages < SHORT_CHAT:
            total = counted(self.facts.messages, "message")
            yield f"With {total} this is a first impression, no more."

    def _confidence(self) -> float:
        """Grows with what was observed; small chats and unread languages stay low."""
        observed = self.observations / (self.observations + 25)
        size = self.facts.messages / (self.facts.messages + 60)
        sure = CONFIDENCE_MAX * observed * size
        if self.is_lexical and not self.can_read:
            sure = min(sure, UNREAD_CONFIDENCE_MAX)
        return round(max(CONFIDENCE_MIN, sure), 2)
