"""Procrastinate: an async queue in PostgreSQL, here in the database of the jobs themselves."""

from collections.abc import Callable, Sequence
from typing import Any

from procrastinate import App, PsycopgConnector

from benchmarks.bare.body import Body
from benchmarks.contestant import Job
from benchmarks.peers.interface import PeerSetup, run_job

CONNECTIONS = 16


async def prepare(setup: PeerSetup) -> None:
    async with _app(setup).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def work(setup: PeerSetup, ready: Callable[[], None]) -> None:
    body = await Body.open(setup.body)
    app = _app(setup)

    @app.task(name="insights")
    async def insights(*, user_id: str, job_id: str) -> None:
        await run_job(body, user_id, job_id)

    async with app.open_async():
        ready()
        await app.run_worker_async(concurrency=setup.in_flight, install_signal_handlers=False)


async def send(setup: PeerSetup, jobs: Sequence[Job]) -> None:
    async with _app(setup).open_async() as app:
        sent: list[Any] = [{"user_id": user_id, "job_id": str(job_id)} for user_id, job_id in jobs]
        await app.configure_task("insights", allow_unknown=True).batch_defer_async(*sent)


def _app(setup: PeerSetup) -> App:
    return App(
        connector=PsycopgConnector(
            conninfo=setup.body.database_url, min_size=1, max_size=CONNECTIONS
        )
    )
