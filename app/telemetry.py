"""The few metrics that matter, served on a loopback port of their own."""

from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
    make_wsgi_app,  # pyright: ignore[reportUnknownVariableType]
)

from app.hosts import ANY, LOOPBACK_HOSTS, is_allowed

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

METRICS_HOST = "127.0.0.1"
METRICS_READ_S = 10

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
uploads_waiting = Gauge("sixfold_uploads_waiting", "Uploads that wait for a slot.")

jobs_settled = Counter("sixfold_jobs_settled", "Jobs that ended.", ["outcome"])
preparations = Counter("sixfold_preparations", "Chats that were prepared, or not.", ["outcome"])
preparations_awaited = Gauge(
    "sixfold_preparations_awaited", "Jobs of this process whose chat is being prepared."
)
jobs_running = Gauge("sixfold_jobs_running", "Jobs in flight in this process.")
insight_duration = Histogram(
    "sixfold_insight_duration_seconds",
    "From the first call for an insight to its result, retries included.",
    ["outcome"],
    buckets=_INSIGHT_BUCKETS,
)
batch_size = Histogram(
    "sixfold_batch_rows",
    "Rows that one statement of a group commit carried.",
    ["kind"],
    buckets=_BATCH_BUCKETS,
)

llm_cost = Counter(
    "sixfold_llm_cost_microusd",
    "Millionths of a US dollar spent on models, by what became of the insight.",
    ["model", "category", "outcome"],
)
llm_tokens = Counter(
    "sixfold_llm_tokens",
    "Tokens billed; fresh and cached ones were sent, output ones came back.",
    ["model", "kind"],
)
llm_wasted = Counter(
    "sixfold_llm_wasted_microusd",
    "Millionths of a US dollar spent on what was charged to no user.",
    ["reason"],
)
llm_adopted = Counter(
    "sixfold_llm_adopted_microusd",
    "Of what jobs that were not charged had cost: what a later job took over.",
)
llm_rejected = Gauge(
    "sixfold_llm_rejected",
    "1 while the provider rejects calls for a reason that only a human can mend.",
    ["reason", "status", "host"],
)
task_failures = Counter(
    "sixfold_task_failures",
    "Times that a long task of the process failed and began again.",
    ["task"],
)
wakeups = Counter("sixfold_wakeups", "Wake-ups by what brought them: stream or rescue.", ["source"])
wakeups_by_rescue_only = Gauge(
    "sixfold_wakeups_by_rescue_only", "1 while rescue finds jobs and the stream brings none."
)
wakeups_malformed = Counter(
    "sixfold_wakeups_malformed", "Entries of the stream that are no wake-ups."
)
unreadable = Counter(
    "sixfold_unreadable", "Reads of stored content that did not open with its key.", ["kind"]
)
database_role_unbound = Gauge(
    "sixfold_database_role_unbound",
    "1 where the process's role is superuser, bypasses row-level security or owns the tables.",
)
llm_hopeless = Counter(
    "sixfold_llm_answers_unusable",
    "Jobs that ended because all of a model's answers were unusable for one reason.",
)
coins_moved = Counter("sixfold_coins", "Coins captured from users and refunded to them.", ["kind"])

MODELS_MAX = 20


class BoundedLabel:
    """Makes labels of names that others choose: the first `most` of them, then `other`."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def __call__(self, name: str | None) -> str:
        known = name or "unknown"
        if known not in self._names:
            if len(self._names) >= self._most:
                return "other"
            self._names.add(known)
        return known


model_label = BoundedLabel(most=MODELS_MAX)
"""Of a model: the name is the provider's answer."""


def serve_metrics(port: int, *, hosts: Iterable[str] = ()) -> Callable[[], None]:
    """Serves the metrics on loopback; what is returned ends that.

    Answered are requests whose Host header is loopback or one of `hosts`: a page of another site
    whose name leads to loopback reads nothing.
    """
    allowed = (*LOOPBACK_HOSTS, *(host for host in hosts if host != ANY))
    metrics = cast("WSGIApplication", make_wsgi_app())

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if is_allowed(environ.get("HTTP_HOST", ""), allowed):
            return metrics(environ, start)
        start("421 Misdirected Request", [("content-length", "0")])
        return []

    server = make_server(METRICS_HOST, port, answer, _MetricsServer, _MetricsHandler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


class _MetricsServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _MetricsHandler(WSGIRequestHandler):
    timeout = METRICS_READ_S

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a scrape is no event."""
