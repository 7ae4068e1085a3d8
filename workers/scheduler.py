"""The scheduler: makes the sweeps punctual. Two of them, or none, do no harm."""

from taskiq import TaskiqScheduler
from taskiq.schedule_sources import LabelScheduleSource

from workers.tasks import broker

scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
