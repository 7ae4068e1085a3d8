"""The scheduler of a campaign: the product's own sweeps, in seconds instead of minutes."""

from taskiq import TaskiqScheduler
from taskiq.schedule_sources import LabelScheduleSource

from tests.chaos.plan import SWEEP_PERIOD_S
from workers.tasks import broker, cleanup_expired_reservations, retry_payment

for task in (cleanup_expired_reservations, retry_payment):
    task.labels["schedule"] = [{"interval": SWEEP_PERIOD_S, "schedule_id": task.task_name}]

scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
