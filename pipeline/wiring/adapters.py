"""Which adapter stands behind each port; made once for equal settings."""
# ruff: noqa: PLC0415 - a function imports what it makes: see the package

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets
    from pipeline.ports.index import Cluster, DocumentStore
    from pipeline.ports.queues import DeltaBus, Queues
    from pipeline.ports.tokens import Tokens
    from pipeline.settings import Settings


@cache
def cluster(settings: Settings) -> Cluster:
    """OpenSearch's own set-up."""
    if settings.target == "memory":
        from pipeline.adapters import memory_store

        return memory_store.Cluster()
    from pipeline.adapters import opensearch_cluster

    return opensearch_cluster.connect(settings)


@cache
def store(settings: Settings) -> DocumentStore:
    """OpenSearch."""
    if settings.target == "memory":
        from pipeline.adapters import memory_store

        return memory_store.DocumentStore()
    from pipeline.adapters import opensearch

    return opensearch.connect(settings)


@cache
def bus(settings: Settings) -> DeltaBus:
    """EventBridge: the deltas bus."""
    if settings.target == "memory":
        from pipeline.adapters import memory

        return memory.MemoryDeltaBus()
    from pipeline.adapters import eventbridge

    return eventbridge.connect(settings)


@cache
def table(settings: Settings) -> ConnectionTable:
    """DynamoDB."""
    if settings.target == "memory":
        from pipeline.adapters import memory

        return memory.MemoryConnectionTable(clock(settings))
    from pipeline.adapters import dynamodb

    return dynamodb.connect(settings)


@cache
def sockets(settings: Settings) -> Sockets:
    """API Gateway's management endpoint."""
    if settings.target == "memory":
        from pipeline.adapters import memory

        return memory.MemorySockets()
    from pipeline.adapters import websocket

    return websocket.connect(settings)


@cache
def queue(settings: Settings) -> Queues:
    """SQS."""
    if settings.target == "memory":
        from pipeline.adapters import memory

        return memory.MemoryQueues(clock(settings))
    from pipeline.adapters import sqs

    return sqs.connect(settings)


def jobs(settings: Settings) -> Queues:
    """SQS: the queue that feeds the fan-out function."""
    return queue(replace(settings, queue_url=settings.fanout_queue_url, dead_letter_queue_url=""))


@cache
def clock(settings: Settings) -> Clock:
    """The system's clock, or one that tests turn."""
    if settings.target == "memory":
        from pipeline.adapters import memory

        return memory.MemoryClock()
    from pipeline.adapters import system_clock

    return system_clock.SystemClock()


@cache
def tokens(settings: Settings) -> Tokens:
    """Checks bearer tokens; the same locally as on AWS."""
    from pipeline.adapters import tokens as adapter

    return adapter.connect(settings)
