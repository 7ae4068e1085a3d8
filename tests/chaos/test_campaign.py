"""The campaign itself, at its shortest: it strikes, heals, and finds nothing wrong."""

from tests.chaos.__main__ import parse_options
from tests.chaos.campaign import run_campaign
from tests.chaos.plan import OUTAGES, Fault, Options, draw_strikes


async def test_a_short_campaign_strikes_and_every_promise_is_kept() -> None:
    faults = (Fault.KILL_CHILD, Fault.CUT_COMMIT, Fault.FLUSHALL, Fault.STOP_DATABASE)
    options = Options(
        seconds=6,
        users=8,
        workers=2,
        apis=1,
        schedulers=1,
        unlocks_per_s=3,
        only=faults,
        harsher=2,
        is_provider_reliable=True,
        are_times_advisory=True,
    )
    report = await run_campaign(options)
    assert report.failures == []
    assert report.told["sums"]["jobs"] > 0
    assert report.told["calls"]["all"] > 0


async def test_a_short_campaign_of_outages_ends_with_every_process_serving() -> None:
    faults = (Fault.FORGOTTEN_REDIS, Fault.FORGOTTEN_DATABASE)
    options = Options(
        seconds=6,
        users=8,
        workers=1,
        apis=1,
        schedulers=1,
        unlocks_per_s=3,
        only=faults,
        harsher=12,
        is_provider_reliable=True,
        are_times_advisory=True,
    )
    report = await run_campaign(options)
    assert report.failures == []
    assert any(fault.value in report.told["faults"] for fault in faults)
    assert report.told["jobs"]["succeeded"] > 0


def test_outages_are_struck_only_where_they_are_asked_for() -> None:
    assert not OUTAGES & {strike.fault for strike in draw_strikes(Options(seconds=600))}
    only = parse_options(["--only", "outages", "kill_child"]).only
    assert set(only) == OUTAGES | {Fault.KILL_CHILD}
    asked = draw_strikes(Options(seconds=600, only=only))
    assert {strike.fault for strike in asked} == set(only)


def test_a_seed_draws_one_schedule_and_another_seed_another() -> None:
    one, again, other = (draw_strikes(Options(seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
