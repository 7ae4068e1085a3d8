"""Logs as events: one JSON object a line on standard error, from this code and from libraries.

A log never holds what users wrote. Messages of exceptions may (a validation error quotes its
input), so tracebacks show frames and types, and messages only of types that quote nothing.
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Any, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FRAMES_MAX = 15
MESSAGE_CHARS_MAX = 300

_QUOTE_NOTHING = (RuntimeError, OSError, TypeError, AttributeError, NameError, ImportError)
_LEVELS = {
    # The start and end of every task at INFO cost a quarter of the throughput.
    "taskiq.receiver": logging.WARNING,
    "taskiq.receiver.receiver": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "openai": logging.WARNING,  # At DEBUG it logs what is sent.
    "sqlalchemy.engine": logging.WARNING,
    "python_multipart": logging.ERROR,  # Callers could fill the log with malformed forms.
}
_TAKEN_OVER = ("uvicorn", "uvicorn.error", "uvicorn.access", "taskiq", "taskiq.worker")


class _StandardError:
    """Standard error as it is at the moment of writing, not as it was at start-up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Handler(logging.StreamHandler[_StandardError]):
    """The one of this module, told from those that others add."""


def configure_logging(*, json: bool = True, level: str = "INFO") -> None:
    """Sends every log of the process through structlog; `json` is for machines. May be repeated."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _show_exception,
    ]
    render: Processor = (
        structlog.processors.JSONRenderer(serializer=_dumps)
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=_StandardError()),  # pyright: ignore[reportArgumentType] (needs write and flush alone)
        cache_logger_on_first_use=False,
    )
    _route_libraries(shared, render, number)


def _route_libraries(shared: Sequence[Processor], render: Processor, level: int) -> None:
    handler = _Handler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    # Not the plain handlers of `logging.basicConfig`, as taskiq calls it: lines would come twice.
    others = [h for h in root.handlers if type(h) not in (_Handler, logging.StreamHandler)]
    root.handlers = [*others, handler]
    root.setLevel(level)
    for name in _TAKEN_OVER:
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
    for name, lowest in _LEVELS.items():
        logging.getLogger(name).setLevel(max(lowest, level))


def _show_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces `exc_info` by `exception`: types and frames, outermost cause last."""
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error: Any = exc_info
    if isinstance(exc_info, tuple):
        _, error, _ = cast("tuple[Any, Any, Any]", exc_info)
    if isinstance(error, BaseException):
        event["exception"] = [_described(one) for one in _chain(error)]
    return event


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain and len(chain) < FRAMES_MAX:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, _QUOTE_NOTHING):
        described["message"] = str(error)[:MESSAGE_CHARS_MAX]
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        described["sqlstate"] = state
    return described


def _dumps(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
