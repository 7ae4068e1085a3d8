"""Every step under every fault: what is seen at once, and that all is well in the end."""

import pytest

from app import faults
from app.credits.invariants import check_invariants
from app.faults import Moment, Spot, Step
from tests.faults.outcomes import Fault, expected, faults_of
from tests.faults.running import Cell
from tests.faults.scenarios import SCENARIOS, Caller
from tests.faults.table import DOCUMENT, written
from tests.faults.world import Shared, World
from tests.faults.zygote import Zygote
from tests.support.proxy import Proxy
from tests.support.refused import forget_refused_connections

CELLS = [(step, fault) for step in SCENARIOS for fault in faults_of(step)]


@pytest.mark.parametrize(("step", "fault"), CELLS, ids=[f"{s}-{f.name}" for s, f in CELLS])
async def test_a_fault_costs_no_coin_and_no_job(
    step: Step | Spot,
    fault: Fault,
    world: World,
    shared_proxy: Proxy,
    zygote: Zygote,
    shared: Shared,
) -> None:
    cell = Cell(step, fault, world, shared_proxy, zygote)
    scenario, promise = cell.scenario, expected(step, fault).value
    seen = await cell.run()
    assert seen.left == getattr(scenario, promise.left, promise.left)
    if scenario.caller is Caller.CLIENT:
        assert seen.reply is promise.reply
    await cell.heal()
    assert await scenario.look(world) == scenario.end
    assert await world.entries() == scenario.effects
    assert [one for one in await check_invariants() if one.violations] == []
    shared.is_clean = True
    if fault in (Fault.FULL, Fault.AWAY):
        forget_refused_connections()


@pytest.mark.parametrize("step", SCENARIOS)
async def test_an_undisturbed_step_reaches_its_points_and_does_what_it_says(
    step: Step | Spot, world: World, shared: Shared
) -> None:
    scenario = SCENARIOS[step]
    for arrange in scenario.arrange:
        await arrange(world)
    reached: set[str] = set()
    last = f"{step}.{Moment.AFTER_COMMIT}" if isinstance(step, Step) else step

    async def hook(point: str, connection: object) -> None:
        reached.add(point)
        if point == last:
            world.fired.set()

    faults.hook = hook
    await scenario.act(world)
    faults.hook = None
    assert reached <= faults.POINTS
    assert reached >= {point for point in faults.POINTS if point.partition(".")[0] == step}
    assert await scenario.look(world) == scenario.done
    await world.finish()
    assert await scenario.look(world) == scenario.end
    assert await world.entries() == scenario.effects
    shared.is_clean = True


def test_every_step_and_every_spot_has_its_scenario() -> None:
    assert set(SCENARIOS) == {*Step, *Spot}


def test_the_documented_matrix_is_the_tested_one() -> None:
    document = DOCUMENT.read_text()
    assert document == written(document), "run: python -m tests.faults.table"
