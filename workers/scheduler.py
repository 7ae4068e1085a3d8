"""The scheduler: makes the sweeps punctual. Two of them, or none, do no harm."""

from taskiq import ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.exceptions import SendTaskError
from taskiq.schedule_sources import LabelScheduleSource

from app import reachability
from app.redis import scheduler_mark
from workers.tasks import broker

MARK_S = 90
"""It sends something every minute, and at once when it starts."""


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
            await broker.leave_mark(scheduler_mark(), lasts_s=MARK_S)

    async def shutdown(self) -> None:
        """Takes the mark away: this host has no scheduler any more."""
        await broker.leave_mark(scheduler_mark(), lasts_s=0)
        await super().shutdown()


scheduler = SweepScheduler(broker, [LabelScheduleSource(broker)])
