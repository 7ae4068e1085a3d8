"""Shifts `time.time()` of a process that finds this on its path; `time.monotonic()` stays.

CHAOS_SKEW_S seconds ahead (or behind), and after some seconds as much the other way: a clock
that is wrong, and one that is set while the process runs.
"""

import os
import time

SET_BACK_AFTER_S = 6.0

_skew_s = float(os.environ.get("CHAOS_SKEW_S", "0"))

if _skew_s:
    _time, _time_ns, _started = time.time, time.time_ns, time.monotonic()

    def _now_s() -> float:
        return _skew_s if time.monotonic() - _started < SET_BACK_AFTER_S else -_skew_s

    time.time = lambda: _time() + _now_s()
    time.time_ns = lambda: _time_ns() + int(_now_s() * 1e9)
