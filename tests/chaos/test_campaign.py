"""The campaign itself, at its shortest: it strikes, heals, and finds nothing wrong."""

from tests.chaos.campaign import run_campaign
from tests.chaos.plan import Fault, Options, draw_strikes


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


def test_a_seed_draws_one_schedule_and_another_seed_another() -> None:
    one, again, other = (draw_strikes(Options(seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
