"""The few metrics that matter, served on a loopback port of their own."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram, start_http_server

METRICS_HOST = "127.0.0.1"

_REQUEST_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_INSIGHT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 110)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

http_requests = Counter(
    "sixfold_http_requests", "Requests answered.", ["method", "route", "status"]
)
http_request_duration = Histogram(
    "sixfold_http_request_duration_seconds",
    "From the request's head to the end of its answer; streams are left out.",
    ["route"],
    buckets=_REQUEST_BUCKETS,
)
event_streams = Gauge("sixfold_http_event_streams", "Open streams of job events.")
uploads_waiting = Gauge("sixfold_uploads_waiting", "Uploads that wait for a place.")

jobs_settled = Counter("sixfold_jobs_settled", "Jobs that ended.", ["outcome"])
jobs_running = Gauge("sixfold_jobs_running", "Jobs in flight in this process.")
insight_duration = Histogram(
    "sixfold_insight_duration_seconds",
    "From the first call for an insight to its result, retries included.",
    ["outcome"],
    buckets=_INSIGHT_BUCKETS,
)
batch_size = Histogram(
    "sixfold_batch_rows",
    "Rows that one statement of the group-commit writer carried.",
    ["kind"],
    buckets=_BATCH_BUCKETS,
)


def serve_metrics(port: int) -> Callable[[], None]:
    """Serves the metrics on loopback; what is returned ends that."""
    server, thread = start_http_server(port, addr=METRICS_HOST)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
