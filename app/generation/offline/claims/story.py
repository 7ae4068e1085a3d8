"""An insight being written: claims with the messages behind them, metrics, a headline."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta

from pydantic import ValidationError

from app.catalog.content import EVIDENCE_MAX, FINDINGS_MAX, Finding, InsightContent, Metric
from app.chats.names import printable
from app.generation.offline.language import Language
from app.generation.offline.measures import rhythm
from app.generation.offline.measures.facts import Facts
from app.generation.offline.measures.sampling import spread_over
from app.generation.offline.measures.transcript import AnnotatedTranscript

LABEL = "offline"
CONFIDENCE_MAX, CONFIDENCE_MIN = 0.9, 0.05
HALVES_DAYS_MIN = 10
PEOPLE_SHOWN = 20
QUOTE_CHARS = 90
HEADLINE_CHARS = 200
FORM_MIN = 2
_EVIDENCE_SHOWN = min(12, EVIDENCE_MAX)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


class Story:
    """Collects the findings of one insight; `people` are names fit for sentences."""

    def __init__(self, facts: Facts, language: Language) -> None:
        self.facts, self.language = facts, language
        self.chat: AnnotatedTranscript = facts.chat
        self.people = [printable(person.name) for person in facts.people]
        self.metrics: dict[str, Metric] = {"generator": LABEL, "language": language.tag}
        self._observed = 0
        self._findings: list[Finding] = []
        self._headline: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether more than one person wrote."""
        return len(self.people) > 1

    @property
    def is_crowd(self) -> bool:
        return len(self.people) > 2

    @property
    def has_halves(self) -> bool:
        """Whether the chat is long enough for its halves to be compared."""
        day, middle = self.chat.day, self.chat.middle
        is_parted = 0 < middle < len(day) and day[middle] > day[0]
        return is_parted and day[-1] - day[0] + 1 >= HALVES_DAYS_MIN

    def name(self, at: int) -> str:
        """The printable name of who wrote the message at `at`."""
        return self.people[self.chat.who[at]]

    def quote(self, at: int) -> str:
        """The words of a message on one line, cut where it is long."""
        text = _SPACE.sub(" ", self.chat.messages[at].text).strip().rstrip(".")
        return text if len(text) <= QUOTE_CHARS else text[: QUOTE_CHARS - 1].rstrip() + "…"

    def halves(self, positions: Iterable[int]) -> tuple[list[int], list[int]]:
        """Those before the middle of the chat, and those since."""
        early: list[int] = []
        late: list[int] = []
        for at in positions:
            (early if at < self.chat.middle else late).append(at)
        return early, late

    def say(self, message: str, /, **values: object) -> str:
        return self.language.say(message, **values)

    def tell(
        self, message: str, behind: Iterable[int], /, headline: str | None = None, **values: object
    ) -> None:
        """A finding, and the headline if there is none yet; without messages nothing is added."""
        self._add(self.language.say(message, **values), behind, values)
        if headline is not None and self._findings and self._headline is None:
            self._headline = self.language.say(headline, **values)

    def tell_n(
        self, one: str, many: str, behind: Iterable[int], /, *, n: int, **values: object
    ) -> None:
        """A finding in the form for `n`."""
        self._add(self.language.plural(one, many, n=n, **values), behind, values)

    def head_n(self, one: str, many: str, /, *, n: int, **values: object) -> None:
        """The headline in the form for `n`, if there is none yet."""
        if self._headline is None:
            self._headline = self.language.plural(one, many, n=n, **values)

    def _add(self, claim: str, behind: Iterable[int], values: Mapping[str, object]) -> None:
        positions = sorted(set(behind))
        self._observed += len(positions)
        if positions and len(self._findings) < FINDINGS_MAX:
            shown = self._carrying(positions, values)
            numbers = sorted(self.chat.messages[at].number for at in shown)
            # A claim that cannot be stored is left out, and not the insight with it.
            with suppress(ValidationError):
                self._findings.append(Finding(claim=_capital(claim), evidence=numbers))

    def _carrying(self, positions: Sequence[int], values: Mapping[str, object]) -> set[int]:
        """A few of the messages behind a claim: of each person and each day that it names one."""
        chat = self.chat
        shown = set(spread_over(positions, _EVIDENCE_SHOWN))
        for value in values.values():
            if isinstance(value, date) and not any(chat.on(at) == value for at in shown):
                day = value.toordinal()
                there = (at for at in positions if chat.day[at] == day)
                shown.add(next(there, None) or chat.day.index(day))
            elif isinstance(value, str) and value in self.people:
                who = self.people.index(value)
                if not any(chat.who[at] == who for at in shown):
                    own = self.facts.people[who].own
                    shown.add(next((at for at in positions if chat.who[at] == who), own[0]))
        return shown

    def forms(self, signal: str, message: str, *, headline: str, people_max: int = 2) -> None:
        """What each of two people says most often for a signal, literally.

        `message` and `headline` have places for `name`, `form` and `count`.
        """
        told: list[tuple[int, str, str, list[int]]] = []
        for who, name in enumerate(self.people):
            said = self.chat.forms.get((signal, who))
            if said:
                form, behind = max(said.items(), key=lambda each: (len(each[1]), each[0]))
                if len(behind) >= FORM_MIN:
                    told.append((len(behind), name, form, behind))
        for count, name, form, behind in sorted(told, key=lambda each: -each[0])[:people_max]:
            said_as = self._as_said(form, behind[0])
            self.tell(message, behind, headline=headline, name=name, form=said_as, count=count)

    def _as_said(self, form: str, at: int) -> str:
        """The form with its capitals and marks, as the first message has it."""
        pattern = r"\W+".join(map(re.escape, form.split()))
        found = re.search(rf"(?<!\w){pattern}(?!\w)", self.chat.messages[at].text, re.IGNORECASE)
        return _SPACE.sub(" ", found[0]) if found else form

    def by_person(self, values: Sequence[float | int | None]) -> Mapping[str, float | int | None]:
        """A metric by name, of the twenty people who write most."""
        return dict(zip(self.people[:PEOPLE_SHOWN], values, strict=False))

    def counts(self, signal: str) -> Mapping[str, float | int | None]:
        """How many messages of each person hold the signal."""
        own = self.chat.by_person(self.chat.signals[signal])
        return self.by_person([len(mine) for mine in own])

    def measure(self, **metrics: Metric | Mapping[str, float | int | None]) -> None:
        """Adds metrics; a mapping is a metric by person."""
        for name, value in metrics.items():
            self.metrics[name] = dict(value) if isinstance(value, Mapping) else value

    def measure_replies(self) -> list[timedelta | None]:
        """Adds the metrics of replies and questions; each person's median wait, by their place."""
        asked = self.facts.questions
        waits = [rhythm.wait(self.chat, mine) for mine in self.facts.replies]
        minutes = [None if each is None else each.total_seconds() / 60 for each in waits]
        self.measure(
            median_reply_minutes=self.by_person(
                [None if each is None else round(each, 1) for each in minutes]
            ),
            questions=self.by_person([len(mine) for mine in asked.asked]),
            questions_left_open=len(asked.open),
        )
        return waits

    def told(self, summary: str) -> InsightContent | None:
        """The finished insight; None when nothing was found that can be proven."""
        if not self._findings:
            return None
        headline = self._headline or self._findings[0].claim
        if len(headline) > HEADLINE_CHARS:
            headline = headline[: HEADLINE_CHARS - 1].rstrip() + "…"
        return InsightContent(
            headline=_capital(headline),
            summary=self.language.say(summary),
            findings=self._findings,
            metrics=self.metrics,
            confidence=self._confidence(),
        )

    def _confidence(self) -> float:
        """Grows with what was observed; small chats stay low."""
        observed = self._observed / (self._observed + 25)
        size = self.facts.messages / (self.facts.messages + 60)
        return round(max(CONFIDENCE_MIN, CONFIDENCE_MAX * observed * size), 2)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def leads(counts: Iterable[int]) -> bool:
    """Whether one of the counts is greater than all others."""
    most, *rest = sorted(counts, reverse=True)
    return not rest or most > rest[0]


def ranked(lists: Sequence[Sequence[object]]) -> list[int]:
    """The people by the falling length of their lists."""
    return sorted(range(len(lists)), key=lambda who: -len(lists[who]))
