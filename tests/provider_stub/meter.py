"""What the stub counted: calls, how many at once, how many in any minute."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field

WINDOW_S = 60.0


@dataclass
class Meter:
    """A call counts as under way until it is answered, also when its caller was killed."""

    calls: int = 0
    under_way: int = 0
    under_way_max: int = 0
    in_window_max: int = 0
    tokens_in_window_max: int = 0
    cached_tokens: int = 0
    connections: int = 0
    endless_bytes: int = 0
    """Written of bodies that do not end."""
    outcomes: Counter[str] = field(default_factory=Counter[str])
    window_s: float = WINDOW_S
    _asked: deque[float] = field(default_factory=deque[float])
    _spent: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    _tokens: int = 0

    def begin(self) -> None:
        self.calls += 1
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        now = time.monotonic()
        self._asked.append(now)
        while self._asked[0] < now - self.window_s:
            self._asked.popleft()
        self.in_window_max = max(self.in_window_max, len(self._asked))

    def spend(self, tokens: int) -> None:
        now = time.monotonic()
        self._spent.append((now, tokens))
        self._tokens += tokens
        while self._spent[0][0] < now - self.window_s:
            self._tokens -= self._spent.popleft()[1]
        self.tokens_in_window_max = max(self.tokens_in_window_max, self._tokens)

    def end(self, outcome: str) -> None:
        self.under_way -= 1
        self.outcomes[outcome] += 1

    def snapshot(self) -> dict[str, object]:
        """As JSON."""
        return {
            "calls": self.calls,
            "under_way": self.under_way,
            "under_way_max": self.under_way_max,
            "in_window_max": self.in_window_max,
            "tokens_in_window_max": self.tokens_in_window_max,
            "cached_tokens": self.cached_tokens,
            "connections": self.connections,
            "endless_bytes": self.endless_bytes,
            "outcomes": dict(self.outcomes),
        }
