from prometheus_client import REGISTRY
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.llm.protocol import Rejection
from app.llm.rejections import KEPT_S, Rejections
from app.redis import connect_redis

QUOTA = Rejection("quota", 429, "model.example")
LABELS = {"reason": "quota", "status": "429", "host": "model.example"}


async def test_what_one_process_reports_all_others_know_until_it_is_cleared(redis: Redis) -> None:
    worker, api = Rejections(redis), Rejections(redis)
    reported = await worker.report(QUOTA)
    known = await api.current()
    assert known is not None
    assert (known.rejection, known.since) == (QUOTA, reported.since)
    await worker.clear()
    assert await Rejections(redis).current() is None


async def test_when_it_began_outlives_the_worker_that_met_it_first(redis: Redis) -> None:
    first = await Rejections(redis).report(QUOTA)
    again = await Rejections(redis).report(Rejection("credit", 402, "model.example"))
    assert again.since == first.since


async def test_a_rejection_without_a_worker_that_repeats_it_is_forgotten(redis: Redis) -> None:
    await Rejections(redis).report(QUOTA)
    (key,) = await redis.keys("*llm:rejection")
    assert 0 < await redis.pttl(key) <= KEPT_S * 1000


async def test_an_operator_reads_it_in_the_log_and_in_a_metric(redis: Redis) -> None:
    rejections = Rejections(redis)
    with capture_logs() as logs:
        await rejections.report(QUOTA)
        await rejections.report(QUOTA)
    (told,) = [line for line in logs if line["event"] == "llm.rejected"]
    assert (told["reason"], told["status"], told["host"]) == ("quota", 429, "model.example")
    assert told["log_level"] == "error"
    assert "quota" in told["advice"]
    assert REGISTRY.get_sample_value("sixfold_llm_rejected", LABELS) == 1
    await rejections.clear()
    assert REGISTRY.get_sample_value("sixfold_llm_rejected", LABELS) is None


async def test_without_redis_a_process_knows_its_own_and_others_go_on_selling() -> None:
    away = connect_redis("redis://127.0.0.1:1/0")
    worker = Rejections(away)
    first = await worker.report(QUOTA)
    assert (await worker.report(QUOTA)).since == first.since
    assert await Rejections(away).current() is None
    await away.aclose()
