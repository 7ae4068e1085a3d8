"""The processes that `taskiq` starts: the broker, the tasks, the schedule."""

from app.collector import spare_inherited

spare_inherited()
