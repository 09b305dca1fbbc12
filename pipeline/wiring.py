"""Settings -> stories with their adapters; the only place that chooses.

Each function here makes one story ready to call. Adapters are made once for equal settings, and
imported inside, because each Lambda package carries only the packages that its own story needs.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import secrets
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.applying import Applied
    from pipeline.broadcasting import Broadcast
    from pipeline.catching_up import Library
    from pipeline.core import route
    from pipeline.core.audience import Principal
    from pipeline.core.model import JsonObject
    from pipeline.indexing import Indexed
    from pipeline.ports import (
        Clock,
        Cluster,
        ConnectionTable,
        DeltaBus,
        DocumentStore,
        Queues,
        Sockets,
        Tokens,
    )
    from pipeline.retiring import Retired
    from pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
"""Where ``routes.toml`` and the templates lie: the project's folder, or a function's."""

TICKET_BYTES = 32
"""Randomness of a ticket; 256 bits cannot be guessed."""


def indexing(settings: Settings) -> Callable[..., Indexed]:
    """The indexing story; call it with ``deliveries`` and ``deadline``."""
    from pipeline import indexing as story

    return partial(
        story.index,
        routes=routes(),
        store=store(settings),
        bus=bus(settings),
        queue=queue(settings),
        clock=clock(settings),
        single_tenant=settings.tenancy == "single",
        read_only_ages=read_only_ages(),
    )


def broadcasting(settings: Settings) -> Callable[..., Broadcast]:
    """The broadcasting story; call it with ``deliveries`` and ``deadline``."""
    from pipeline import broadcasting as story

    return partial(
        story.broadcast,
        registry=story.Registry(),
        table=table(settings),
        sockets=sockets(settings),
        queue=queue(settings),
        clock=clock(settings),
    )


def issuing_tickets(settings: Settings) -> Callable[..., tuple[str, int]]:
    """The story of a new ticket; call it with the request's ``headers``."""
    from pipeline import connecting as story

    return partial(
        story.issue_ticket,
        tokens=tokens(settings),
        table=table(settings),
        clock=clock(settings),
        new_ticket=partial(secrets.token_urlsafe, TICKET_BYTES),
        tenancy=settings.tenancy,
        tenant_claim=settings.tenant_claim,
    )


def admitting(settings: Settings) -> Callable[..., Principal]:
    """The story of who may connect; call it with ``headers`` and ``query``."""
    from pipeline import connecting as story

    return partial(
        story.admit,
        tokens=tokens(settings),
        table=table(settings),
        clock=clock(settings),
        allowed_origins=settings.allowed_origins,
        tenancy=settings.tenancy,
        tenant_claim=settings.tenant_claim,
    )


def connecting(settings: Settings) -> Callable[..., None]:
    """The story of a new connection; call it with its id and its principal."""
    from pipeline import connecting as story

    return partial(story.connect, endpoint=settings.management_endpoint, table=table(settings))


def disconnecting(settings: Settings) -> Callable[..., None]:
    """The story of a connection's end; call it with its id."""
    from pipeline import connecting as story

    return partial(story.disconnect, table=table(settings))


def answering(settings: Settings) -> Callable[..., int]:
    """The story of a client's frame; call it with its text, the connection's id and ``deadline``."""
    from pipeline import catching_up as story

    return partial(
        story.answer,
        table=table(settings),
        sockets=sockets(settings),
        library=library(settings),
        clock=clock(settings),
        endpoint=settings.management_endpoint,
    )


def reading_hits(settings: Settings) -> Callable[..., JsonObject]:
    """The story of ``GET /v1/hits``; call it with ``headers`` and ``query``."""
    from pipeline import catching_up as story

    return partial(
        story.hits,
        tokens=tokens(settings),
        library=library(settings),
        clock=clock(settings),
        tenancy=settings.tenancy,
        tenant_claim=settings.tenant_claim,
    )


def applying(settings: Settings) -> Callable[[], Applied]:
    """The story of templates and policies, ready to call."""
    from pipeline import applying as story
    from pipeline.core import bodies

    return partial(
        story.apply, bodies.wanted(template_files()), cluster(settings), require_ism=settings.require_ism
    )


def retiring(settings: Settings) -> Callable[..., Retired]:
    """The story of indices past their time; call it with ``dry_run``."""
    from pipeline import retiring as story

    return partial(story.retire, routes().ordered, cluster=cluster(settings), clock=clock(settings))


def routes() -> route.Routes:
    """The routes that travel in the package."""
    from pipeline.core import route

    return route.routes((ROOT / "routes.toml").read_text(encoding="utf-8"))


def read_only_ages() -> dict[str, int]:
    """For each family whose policy does so, the age in ms at which it makes indices read-only."""
    from pipeline.core import lifecycle
    from pipeline.core.bodies import Kind, wanted

    policies = [body.body for body in wanted(template_files()) if body.kind is Kind.POLICY]
    return lifecycle.read_only_ages(policies, routes().families)


def template_files() -> dict[str, bytes]:
    """The index templates and ISM policies that travel in the package, by path below the root."""
    folders = ("index_templates", "ism_policies")
    return {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in folders
        for file in sorted((ROOT / folder).glob("*.json"))
    }


def library(settings: Settings) -> Library:
    """What is needed to ask the index."""
    from pipeline import catching_up as story

    known = routes()
    return story.Library(store(settings), known, ranged_attributes(known))


def ranged_attributes(known: route.Routes) -> frozenset[str]:
    """The attributes that have a numeric field in the index template of every family that has them."""
    from pipeline.core import bodies

    having: dict[str, set[str]] = {family: set() for family in known.families}
    for each in known.ordered:
        having[each.family].update(dict(each.attributes))
    return bodies.numeric(bodies.wanted(template_files()), having)


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
