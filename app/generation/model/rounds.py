"""What the calls for one job know of each other: who goes first, and whether all fail alike."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

WARM_WAIT_S = 2.0
"""For the first byte of the first answer: by then the provider has cached what all begin with."""
SAME_MAX = 6
"""Answers that cannot be used for one reason: as many as a job has insights."""
AGREE_WAIT_S = 60.0
ROUNDS_KEPT = 4_096


@dataclass
class Round:
    """The calls for the insights of one job in this process."""

    _first: object = None
    _warm: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[Hashable] = field(default_factory=set[Hashable])
    """Insights whose first call has not come to anything yet."""
    _begun: set[Hashable] = field(default_factory=set[Hashable])
    _all_ended: asyncio.Event = field(default_factory=asyncio.Event)
    _problem: str = ""
    _same: int = 0

    def begin(self, insight: Hashable) -> None:
        """Before the first await of a call, so that the round knows all who take part."""
        if insight not in self._begun:
            self._begun.add(insight)
            self._open.add(insight)
            self._all_ended.clear()

    async def take_turn(self, insight: Hashable) -> None:
        """Returns at once for the first; for the others when it is answered, or after a while."""
        if self._first is None:
            self._first = insight
        if self._first == insight or self._warm.is_set():
            return
        try:
            async with asyncio.timeout(WARM_WAIT_S):
                await self._warm.wait()
        except TimeoutError:
            return

    def warm(self) -> None:
        """The first byte of an answer has come, or there will be none."""
        self._warm.set()

    def end(self, insight: Hashable, *, is_usable: bool) -> None:
        """A call has come to something else than an unusable answer."""
        if is_usable:
            self._problem, self._same = "", 0
        self._end(insight, is_usable=is_usable)

    async def is_hopeless(self, insight: Hashable, problem: str) -> bool:
        """After an unusable answer: whether all the job's answers are unusable for this reason.

        Waits for the first answers of the others: a repair sent meanwhile would be in vain.
        """
        self._same = self._same + 1 if problem == self._problem else 1
        self._problem = problem
        self._end(insight, is_usable=False)
        if self._same < SAME_MAX and len(self._begun) >= SAME_MAX and self._open:
            try:
                async with asyncio.timeout(AGREE_WAIT_S):
                    await self._all_ended.wait()
            except TimeoutError:
                return False
        return self._same >= SAME_MAX and self._problem == problem

    def _end(self, insight: Hashable, *, is_usable: bool) -> None:
        self._open.discard(insight)
        if is_usable or not self._open or self._same >= SAME_MAX:
            self._all_ended.set()


class Rounds:
    """The rounds of a process, the latest jobs' first to stay."""

    def __init__(self) -> None:
        self._rounds: OrderedDict[Hashable, Round] = OrderedDict()

    def of(self, job: Hashable) -> Round:
        """The round of `job`, over all of its attempts in this process."""
        kept = self._rounds.get(job)
        if kept is None:
            kept = self._rounds[job] = Round()
            if len(self._rounds) > ROUNDS_KEPT:
                self._rounds.popitem(last=False)
        return kept
