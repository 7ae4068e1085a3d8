"""The scheduler: makes the sweeps punctual. Two of them, or none, do no harm."""

import structlog
from taskiq import ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.exceptions import SendTaskError
from taskiq.schedule_sources import LabelScheduleSource

from workers.tasks import broker

log = structlog.get_logger()


class SweepScheduler(TaskiqScheduler):
    """Goes on when Redis is away: rescue runs the sweeps that come due meanwhile."""

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        """Sends the task; one that cannot be sent is left to rescue."""
        try:
            await super().on_ready(source, task)
        except SendTaskError:
            log.warning("scheduler.redis_away", task=task.task_name)


scheduler = SweepScheduler(broker, [LabelScheduleSource(broker)])
