"""What a campaign does and when: options, the short times it runs under, the nemesis's schedule."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LEASE_S = 5.0
HEARTBEAT_S = 1.5
RESCUE_S = 1.0
RESCUE_IN_PRODUCTION_S = 5.0
ATTEMPT_S = 15.0
EXPIRES_S = 30.0
SWEEP_PERIOD_S = 5
"""Reservations expire, and are swept, within a campaign instead of within the hour."""

HEAL_S = 60.0
"""After the last fault every job must have ended within this time."""
HEAL_PATIENT_S = 180.0
"""On a machine whose times prove nothing: a job that still has not ended then never will."""
RECOVERY_ALLOWED_S = LEASE_S + 10
WASTED_ALLOWED_PERCENT = 2.0
SERVING_ALLOWED_S = 15.0
"""After an outage every process serves again within this time."""
START_ALLOWED_S = 6.0
"""From an unlock to its first claim when FLUSHALL, and nothing else, came between."""

QUIET_S = 3.0
"""At the start, so that there is something to disturb."""


class Fault(StrEnum):
    KILL_WORKER = "kill worker, whole group"
    KILL_CHILD = "kill worker, child alone"
    KILL_MANAGER = "kill worker, manager alone"
    KILL_API = "kill API"
    KILL_SCHEDULER = "kill scheduler"
    TERMINATE = "SIGTERM worker"
    FREEZE_WORKER = "freeze worker beyond its lease"
    FREEZE_API = "freeze API"
    STOP_DATABASE = "stop database, immediate"
    KILL_VALKEY = "kill Valkey"
    FLUSHALL = "FLUSHALL"
    CLIENT_KILL = "CLIENT KILL"
    DUPLICATE = "duplicate wake-ups"
    CUT = "cut database connections"
    CUT_COMMIT = "cut after COMMIT, before its reply"
    DROP_COMMIT = "cut before COMMIT arrives"
    REFUSE_CHARGES = "database refuses charges"
    SET_CLOCK_BACK = "database clock set back"

    SILENT_REDIS = "packets from Redis vanish"
    SILENT_DATABASE = "packets from the database vanish"
    SILENT_PROVIDER = "packets from the provider vanish"
    FORGOTTEN_REDIS = "half-open connections to Redis"
    FORGOTTEN_DATABASE = "half-open connections to the database"
    FORGOTTEN_PROVIDER = "half-open connections to the provider"
    SLOW_REDIS = "Redis is seconds away"
    SLOW_DATABASE = "the database is seconds away"
    SLOW_PROVIDER = "the provider is seconds away"
    REDIS_READ_ONLY = "Redis is read-only"
    REDIS_FULL = "Redis is full"
    REDIS_PASSWORD = "Redis has another password"
    REDIS_MOVED = "Redis is a node of a cluster"


SIGKILLS = frozenset(
    {
        Fault.KILL_WORKER,
        Fault.KILL_CHILD,
        Fault.KILL_MANAGER,
        Fault.KILL_API,
        Fault.KILL_SCHEDULER,
        Fault.KILL_VALKEY,
    }
)
OUTAGES = frozenset(
    {
        Fault.SILENT_REDIS,
        Fault.SILENT_DATABASE,
        Fault.SILENT_PROVIDER,
        Fault.FORGOTTEN_REDIS,
        Fault.FORGOTTEN_DATABASE,
        Fault.FORGOTTEN_PROVIDER,
        Fault.SLOW_REDIS,
        Fault.SLOW_DATABASE,
        Fault.SLOW_PROVIDER,
        Fault.REDIS_READ_ONLY,
        Fault.REDIS_FULL,
        Fault.REDIS_PASSWORD,
        Fault.REDIS_MOVED,
    }
)
"""Of the network and of Redis: one at a time, and only where they are asked for."""
USUAL = tuple(fault for fault in Fault if fault not in OUTAGES)
FREEZES = frozenset({Fault.FREEZE_WORKER, Fault.FREEZE_API})

# Faults a minute. In sum at least 17 SIGKILLs, 7 freezes and 1.4 stops of the database, so that
# three campaigns of ten minutes make 500, 200 and 40.
PER_MINUTE: Mapping[Fault, float] = {
    Fault.KILL_WORKER: 6,
    Fault.KILL_CHILD: 6,
    Fault.KILL_MANAGER: 1.5,
    Fault.KILL_API: 3,
    Fault.KILL_SCHEDULER: 1.5,
    Fault.TERMINATE: 1,
    Fault.FREEZE_WORKER: 6.5,
    Fault.FREEZE_API: 1.5,
    Fault.STOP_DATABASE: 1.6,
    Fault.KILL_VALKEY: 1,
    Fault.FLUSHALL: 6,
    Fault.CLIENT_KILL: 2,
    Fault.DUPLICATE: 6,
    Fault.CUT: 3,
    Fault.CUT_COMMIT: 10,
    Fault.DROP_COMMIT: 4,
    Fault.REFUSE_CHARGES: 1.2,
    Fault.SET_CLOCK_BACK: 3,
    # As many as come after each other; one that is drawn during another is left out.
    **dict.fromkeys(sorted(OUTAGES), 2),
}


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float = 120.0
    seed: int = 1
    users: int = 30
    workers: int = 4
    apis: int = 2
    schedulers: int = 2
    unlocks_per_s: float = 4.0
    cancelled_share: float = 0.12
    harsher: float = 1.0
    """So many times the usual faults."""
    only: tuple[Fault, ...] = USUAL
    rescue_s: float = RESCUE_S
    database_delay_s: float = 0.0
    """So much longer takes each round trip to the database, so that races are wider."""
    heal_s: float = HEAL_S
    are_times_advisory: bool = False
    """Times and shares are told, but break nothing: for machines that others use too."""
    is_provider_reliable: bool = False
    keep: bool = False
    """Keeps the temporary folder, with every log, for a look at it."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: `at_s` after the start, `draw` in [0, 1) chooses among its victims."""

    at_s: float
    fault: Fault
    draw: float
    size: float
    """In [0, 1): how long, how many, how much of it."""


def draw_strikes(options: Options) -> list[Strike]:
    """The schedule: the same for the same seed and seconds. Interleavings are not."""
    drawn = random.Random(f"strikes:{options.seed}")
    strikes: list[Strike] = []
    struck_s = max(0.0, options.seconds - QUIET_S)
    for fault in Fault:
        expected = PER_MINUTE[fault] * options.harsher * struck_s / 60
        count = int(expected) + (drawn.random() < expected % 1)
        for number in range(count):
            # One in each of `count` equal slots: evenly spread, yet at no fixed distance.
            at_s = QUIET_S + struck_s * (number + drawn.random()) / count
            strikes.append(Strike(at_s, fault, drawn.random(), drawn.random()))
    kept = [strike for strike in strikes if strike.fault in options.only]
    return sorted(kept, key=lambda strike: strike.at_s)
