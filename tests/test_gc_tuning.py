"""What a worker process shares with its master stays shared, and its garbage is collected."""

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def _import_and_settle() -> tuple[bool, bool, bool]:
    import workers
    from app.gc_tuning import tune_gc

    assert workers.__doc__
    is_spared = gc.get_freeze_count() > 0 and not gc.isenabled()
    tune_gc()
    return is_spared, gc.isenabled(), gc.get_freeze_count() > 0


def test_a_process_of_a_master_collects_nothing_before_it_has_started() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(_import_and_settle).result(timeout=60) == (True, True, True)


def test_other_programs_that_import_the_workers_collect_as_before() -> None:
    import workers

    assert workers.__doc__
    assert gc.isenabled()


def test_what_an_import_makes_is_not_walked_by_the_next_small_collection() -> None:
    from app.gc_tuning import collector_paused

    with collector_paused():
        made = [[number] for number in range(10_000)]
    assert gc.isenabled()
    assert gc.get_count()[0] < len(made)
    assert any(known is made[0] for known in gc.get_objects(generation=2))
