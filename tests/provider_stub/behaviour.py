"""How the stub behaves: how long it takes, what goes wrong and how often."""

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """One way in which a call goes wrong."""

    RATE_LIMITED = "rate_limited"  # 429 with Retry-After
    QUOTA = "quota"  # 429 of an empty account
    ERROR = "error"  # 500
    UNAVAILABLE = "unavailable"  # 503
    UNAUTHORIZED = "unauthorized"  # 401
    BAD_REQUEST = "bad_request"  # 400
    HANG = "hang"  # No answer until the caller gives up
    CUT = "cut"  # The connection ends without an answer
    CUT_BODY = "cut_body"  # It ends in the middle of the body
    SLOW_BODY = "slow_body"  # The body comes a byte at a time
    ENDLESS_BODY = "endless_body"  # The body does not end before the caller hangs up
    COMPRESSED = "compressed"  # A few kilobytes that unfold into megabytes
    NOT_JSON = "not_json"  # A body that is no JSON
    EMPTY = "empty"  # No choices
    TRUNCATED = "truncated"  # The answer ends at the token limit
    INVALID = "invalid"  # An answer in another form
    WRONG_EVIDENCE = "wrong_evidence"  # Messages that do not exist
    REFUSED = "refused"  # The model declines


@dataclass
class Behaviour:
    """`planned` faults come first, one a call (None: a good answer); then chance decides."""

    latency_s: float = 0.0
    spread_s: float = 0.0
    """Latencies are normal with this deviation, never below a tenth of the mean."""
    chances: Mapping[Fault, float] = field(default_factory=dict[Fault, float])
    retry_after_s: float = 0.0
    supports_schema: bool = True
    supports_json: bool = True
    tokens_parameter: str | None = None
    """The only name of the token limit that is accepted; None accepts any."""
    context_tokens: int | None = None
    """A longer prompt is refused."""
    prefill_s: float | None = None
    """After so long a prompt is cached, in blocks; None: as `cached_share` says."""
    cached_share: float = 0.0
    """Of the tokens of a prompt, after the first one with the same beginning."""
    seed: int = 1
    planned: deque[Fault | None] = field(default_factory=deque[Fault | None])

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def plan(self, faults: Iterable[Fault | None]) -> None:
        """These, in order, before chance decides again."""
        self.planned.extend(faults)

    def next_fault(self) -> Fault | None:
        if self.planned:
            return self.planned.popleft()
        drawn = self._random.random()
        for fault, chance in self.chances.items():
            drawn -= chance
            if drawn < 0:
                return fault
        return None

    def next_latency_s(self) -> float:
        drawn = self._random.gauss(self.latency_s, self.spread_s)
        return max(drawn, self.latency_s / 10)
