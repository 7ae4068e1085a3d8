"""The processes that `taskiq` starts: the broker, the tasks, the schedule."""

from app.gc_tuning import spare_inherited

spare_inherited()
