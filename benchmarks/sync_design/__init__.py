"""The design that Sixfold replaces: synchronous Celery workers, as they ran in production."""

from benchmarks.sync_design.contestant import SyncDesign

__all__ = ["SyncDesign"]
