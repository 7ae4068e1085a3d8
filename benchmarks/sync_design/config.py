"""The Celery application, configured as it was in production."""

from celery import Celery

TIME_LIMIT_S = 120
SOFT_TIME_LIMIT_S = 110
TASKS_PER_CHILD_MAX = 100
CLEANUP_PERIOD_S = 300
REDIS_CONNECTIONS_MAX = 1_000

ORCHESTRATE = "orchestrate_insights"
WHOLE_JOB = "write_all_insights"
ASYNC_JOB = "write_all_insights_async"
CLEANUP = "cleanup_expired_reservations"


def make_app(redis_url: str, queue: str) -> Celery:
    """An application on this Redis, broker and result backend, whose messages go to `queue`."""
    app = Celery("sync_design", broker=redis_url, backend=redis_url)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        enable_utc=True,
        task_default_queue=queue,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=TIME_LIMIT_S,
        task_soft_time_limit=SOFT_TIME_LIMIT_S,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=TASKS_PER_CHILD_MAX,
        worker_concurrency=1,
        broker_connection_retry_on_startup=True,
        # redis-py 8 allows 100 by default and then raises: 64 greenlets lost their broker by it.
        broker_transport_options={"max_connections": REDIS_CONNECTIONS_MAX},
        redis_max_connections=REDIS_CONNECTIONS_MAX,
        beat_schedule={
            "cleanup-expired-reservations": {"task": CLEANUP, "schedule": CLEANUP_PERIOD_S}
        },
    )
    return app
