"""What every invocation leaves behind: one structured line and its metrics."""

from __future__ import annotations

import functools
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline.handlers import COLLECT_AFTER  # noqa: F401 - where benchmarks look for it
from pipeline.settings import Settings, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

RESERVE = 1_000
"""Milliseconds of an invocation that are kept for answering: acknowledging, dead-lettering, logging."""

NAMESPACE = "livedex"

Story = TypeVar("Story")


@functools.cache
def settings() -> Settings:
    """The settings, read at the first invocation."""
    return read()


def once(make: Callable[[Settings], Story]) -> Callable[[], Story]:
    """A story that is made at the first invocation and kept as long as the process lives."""

    def made() -> Story:
        return make(settings())

    return functools.cache(made)


def deadline(context: LambdaContext) -> int:
    """When the story must be done, in ms since the epoch."""
    return int(time.time() * 1000) + context.get_remaining_time_in_millis() - RESERVE


def misrouted(request: Mapping[str, Any]) -> bool:
    """Whether an event of ``$connect`` or ``$disconnect`` is a client's frame that named that route.

    The route is chosen by the frame's ``type``, which may be anything.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
    """
    return request.get("eventType") == "MESSAGE"


@contextmanager
def invocation(function: str) -> Iterator[dict[str, Any]]:
    """Measure an invocation; the caller fills in its counts, and a text where there was trouble.

    Writes one structured line with the counts, and the same counts as CloudWatch metrics in
    embedded form, also when the story fails.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
    """
    log_file = settings().log_file
    counts: dict[str, Any] = {}
    failure: str | None = None
    started = time.perf_counter()
    try:
        yield counts
    except Exception as error:
        failure = type(error).__name__
        raise
    finally:
        line: dict[str, Any] = {
            "function": function,
            **counts,
            "ms": round((time.perf_counter() - started) * 1000),
        }
        if failure:
            line["failure"] = failure
        _logger().info(line)
        _measure(function, {name: count for name, count in counts.items() if isinstance(count, int)})
        if log_file:
            _append(Path(log_file), {"time": int(time.time() * 1000), **line})


@functools.cache
def _logger() -> Logger:
    return Logger(service=NAMESPACE, location=None)


def _measure(function: str, counts: dict[str, int]) -> None:
    if not counts:
        return
    metrics = Metrics(namespace=NAMESPACE, service=function)
    for name, count in counts.items():
        metrics.add_metric(name=name.title().replace("_", ""), unit=MetricUnit.Count, value=count)
    metrics.flush_metrics()


def _append(file: Path, line: dict[str, Any]) -> None:
    """Local runs read their functions' lines from one file; an append this short is not torn."""
    with file.open("ab", buffering=0) as lines:
        lines.write(json.dumps(line).encode() + b"\n")
