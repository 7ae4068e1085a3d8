import asyncio

from redis.asyncio import Redis

from benchmarks.async_task_demo import observe


async def test_celery_never_runs_an_async_task(redis: Redis, redis_url: str):
    observed = await asyncio.to_thread(observe, redis_url)
    assert observed.bodies_run == 0
    assert observed.never_awaited
    # Without a stored result the log reports success, with the coroutine as its result …
    assert "succeeded in" in observed.unseen_log
    assert "<coroutine object charge_unseen at" in observed.unseen_log
    # … with one, storing it fails, since a coroutine is no JSON.
    assert observed.stored_state == "FAILURE"
    assert "EncodeError" in observed.stored_error
    assert "coroutine is not JSON serializable" in observed.stored_error
    assert observed.applied == "coroutine"
