"""The scheduler: makes the sweeps punctual. Two of them, or none, do no harm."""

from taskiq import ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.exceptions import SendTaskError
from taskiq.schedule_sources import LabelScheduleSource

from app import reachability
from workers.tasks import broker


class SweepScheduler(TaskiqScheduler):
    """Goes on when Redis is away: rescue runs the sweeps that come due meanwhile."""

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        """Sends the task; one that cannot be sent is left to rescue."""
        try:
            await super().on_ready(source, task)
        except SendTaskError as error:
            reachability.redis.lost(error.__cause__ or error)
        else:
            reachability.redis.found()


scheduler = SweepScheduler(broker, [LabelScheduleSource(broker)])
