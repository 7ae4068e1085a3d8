"""The promises that have a figure: what was measured, what is allowed, and whether it was kept."""

from dataclasses import dataclass
from typing import Any

from tests.chaos import plan

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Promise:
    """`measured` is None when the campaign met nothing to measure it by."""

    what: str
    measured: float | None
    allowed: float
    unit: str

    @property
    def is_broken(self) -> bool:
        return self.measured is not None and self.measured > self.allowed

    def __str__(self) -> str:
        if self.measured is None:
            return f"not measured  {self.what}"
        told = f"{self.what}: {self.measured:g} {self.unit}, allowed {self.allowed:g} {self.unit}"
        return f"{'FAIL' if self.is_broken else 'PASS'}  {told}"


def judge_promises(told: Json) -> list[Promise]:
    """Those of a campaign's figures that something was promised about."""
    meanwhile: Json = told["healthz_meanwhile"]
    starts: Json = told["start_delay_s"]["at a FLUSHALL, no other fault meanwhile"]
    return [
        Promise(
            f"longest of {starts['count']} starts at a FLUSHALL, no other fault meanwhile",
            starts.get("max"),
            plan.START_ALLOWED_S,
            "s",
        ),
        Promise(
            f"{told['recovery_s']['count']} jobs of killed workers taken over, p99",
            told["recovery_s"].get("p99"),
            plan.RECOVERY_ALLOWED_S,
            "s",
        ),
        Promise(
            f"every process serves again after each of {told['serving_again_s']['count']} outages",
            told["serving_again_s"].get("max"),
            plan.SERVING_ALLOWED_S,
            "s",
        ),
        Promise(
            f"unanswered of {meanwhile['asked']} /healthz during outages",
            len(meanwhile["unanswered"]) if meanwhile["asked"] else None,
            0,
            "of them",
        ),
        Promise("all jobs ended after healing", told["all_ended_after_s"], plan.HEAL_S, "s"),
        Promise(
            f"wasted of {told['calls']['all']} calls",
            told["calls"]["wasted_percent"] if told["calls"]["all"] else None,
            plan.WASTED_ALLOWED_PERCENT,
            "%",
        ),
    ]
