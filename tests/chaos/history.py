"""What clients asked and were told: the record that the ledger is held against."""

import json
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Kind(StrEnum):
    UNLOCK = "unlock"
    REUSE = "reuse"
    GRANT = "grant"
    CANCEL = "cancel"
    DELETE = "delete"
    UPLOAD = "upload"
    READ = "read"
    WATCH = "watch"


class Outcome(StrEnum):
    OPEN = "open"
    OK = "ok"
    FAIL = "fail"
    """Refused for good: it had no effect."""
    INFO = "info"
    """Never answered: it may have happened."""


@dataclass(slots=True)
class Try:
    """One request of an operation; `status` is None when no answer came."""

    sent_at: float
    answered_at: float | None = None
    status: int | None = None
    body: Json | None = None
    replayed: bool = False


@dataclass(slots=True)
class Operation:
    """One thing a user wanted; repeated with its own key until it was answered.

    Times are `time.monotonic()` seconds of the campaign.
    """

    number: int
    user: str
    kind: Kind
    key: str
    asked: Json
    invoked_at: float
    outcome: Outcome = Outcome.OPEN
    ended_at: float | None = None
    reply: Json | None = None
    tries: list[Try] = field(default_factory=list)


class History:
    """Every operation of a campaign, and every answer that no client should ever get."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.strange: list[str] = []

    def invoke(self, user: str, kind: Kind, key: str, **asked: Any) -> Operation:
        number = len(self.operations)
        operation = Operation(number, user, kind, key, asked, time.monotonic())
        self.operations.append(operation)
        return operation

    def of(self, kind: Kind, *outcomes: Outcome) -> list[Operation]:
        """Those of this kind, with one of these outcomes if any is named."""
        return [
            one
            for one in self.operations
            if one.kind is kind and (not outcomes or one.outcome in outcomes)
        ]

    def write(self, path: Path) -> None:
        with path.open("w") as file:
            for operation in self.operations:
                file.write(json.dumps(asdict(operation)) + "\n")


def end(operation: Operation, outcome: Outcome, reply: Json | None = None) -> None:
    operation.outcome, operation.reply = outcome, reply
    operation.ended_at = time.monotonic()
