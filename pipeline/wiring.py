"""Settings -> stories with their adapters; the only place that chooses.

Each function here makes one story ready to call. Adapters are made once for equal settings, and
imported inside, because each Lambda package carries only the packages that its own story needs.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import secrets
import tomllib
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.applying import Applied
    from pipeline.broadcasting import Broadcast
    from pipeline.catching_up import Library
    from pipeline.cleaning import Cleaned
    from pipeline.core import route
    from pipeline.core.audience import ApiKey, Principal
    from pipeline.core.model import JsonObject
    from pipeline.fanning_out import FannedOut
    from pipeline.indexing import Indexed
    from pipeline.keeping_keys import Revoked
    from pipeline.limiting import Limiter
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
    from pipeline.recognising import Gate
    from pipeline.retiring import Retired
    from pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
"""Where ``routes.toml`` and the templates lie: the project's folder, or a function's."""

TICKET_BYTES = 32
"""Randomness of a ticket; 256 bits cannot be guessed."""

KEY_BYTES = 16
"""Randomness of an API key; 128 bits cannot be guessed either, and people copy it."""


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
    from pipeline.registry import Registry

    return partial(
        story.broadcast,
        registry=Registry(),
        table=table(settings),
        sockets=sockets(settings),
        queue=queue(settings),
        jobs=jobs(settings),
        clock=clock(settings),
        bounds=story.Bounds(settings.channel_budget, settings.posts_per_second, ledger_life()),
    )


def fanning_out(settings: Settings) -> Callable[..., FannedOut]:
    """The story of what one broadcast is too short for; call it with ``deliveries`` and ``deadline``."""
    from pipeline import fanning_out as story

    return partial(
        story.fan_out,
        table=table(settings),
        sockets=sockets(settings),
        queue=queue(settings),
        clock=clock(settings),
        ledger_life=ledger_life(),
    )


def issuing_tickets(settings: Settings) -> Callable[..., tuple[str, int]]:
    """The story of a new ticket; call it with the request's ``headers``."""
    from pipeline import connecting as story

    return partial(
        story.issue_ticket,
        gate=gate(settings),
        limiter=limiter(settings),
        new_ticket=partial(secrets.token_urlsafe, TICKET_BYTES),
    )


def admitting(settings: Settings) -> Callable[..., Principal]:
    """The story of who may connect; call it with ``headers`` and ``query``."""
    from pipeline import connecting as story

    return partial(story.admit, gate=gate(settings), allowed_origins=settings.allowed_origins)


def connecting(settings: Settings) -> Callable[..., None]:
    """The story of a new connection; call it with its id and its principal."""
    from pipeline import connecting as story

    return partial(
        story.connect,
        endpoint=settings.management_endpoint,
        table=table(settings),
        limiter=limiter(settings),
        clock=clock(settings),
    )


def disconnecting(settings: Settings) -> Callable[..., None]:
    """The story of a connection's end; call it with its id."""
    from pipeline import connecting as story

    return partial(story.disconnect, table=table(settings))


def creating_keys(settings: Settings) -> Callable[..., tuple[str, ApiKey]]:
    """The story of a new API key; call it with ``tenant``, ``name`` and ``days``."""
    from pipeline import keeping_keys as story
    from pipeline.core.authorize import KEY_PREFIX

    def new_key() -> str:
        return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)

    return partial(story.create, table=table(settings), clock=clock(settings), new_key=new_key)


def revoking_keys(settings: Settings) -> Callable[..., Revoked]:
    """The story of an API key's end; call it with the key."""
    from pipeline import keeping_keys as story

    return partial(story.revoke, table=table(settings), sockets=sockets(settings), clock=clock(settings))


def cleaning(settings: Settings) -> Callable[..., Cleaned]:
    """The story of channels in which nobody is left; call it with ``deadline``."""
    from pipeline import cleaning as story

    return partial(story.clean, table=table(settings), clock=clock(settings))


def answering(settings: Settings) -> Callable[..., int]:
    """The story of a client's frame; call it with its text, the connection's id and ``deadline``."""
    from pipeline import catching_up as story

    return partial(
        story.answer,
        table=table(settings),
        sockets=sockets(settings),
        library=library(settings),
        limiter=limiter(settings),
        clock=clock(settings),
        endpoint=settings.management_endpoint,
    )


def reading_hits(settings: Settings) -> Callable[..., JsonObject]:
    """The story of ``GET /v1/hits``; call it with ``headers`` and ``query``."""
    from pipeline import catching_up as story

    return partial(
        story.hits,
        gate=gate(settings),
        limiter=limiter(settings),
        library=library(settings),
        clock=clock(settings),
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


def ledger_life() -> int:
    """Milliseconds that the late ledger is kept: as long as any route's documents, and so as any cursor.

    Read without ``core.route``, whose checks were made at the deploy and need packages of their own.
    """
    from pipeline.core.instant import DAY
    from pipeline.core.model import Route

    tables = tomllib.loads((ROOT / "routes.toml").read_text(encoding="utf-8")).get("route", [])
    least = Route(source="*", family="events").retention_days
    days = [least, *(int(each.get("retention-days", least)) for each in tables)]
    return max(days) * DAY


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


def gate(settings: Settings) -> Gate:
    """What is needed to tell who somebody is."""
    from pipeline.recognising import Gate

    return Gate(tokens(settings), table(settings), clock(settings), settings.tenancy, settings.tenant_claim)


@cache
def limiter(settings: Settings) -> Limiter:
    """What this process knows of rates and counts."""
    from pipeline.core.limits import Limits
    from pipeline.limiting import Limiter

    return Limiter(
        Limits(
            connections=settings.max_connections,
            channels=settings.max_channels,
            subscriptions=settings.max_subscriptions,
            subscribes=settings.subscribes_per_second,
            hits=settings.hits_per_second,
        )
    )


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
