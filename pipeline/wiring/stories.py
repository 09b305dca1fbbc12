"""Each story with what it stands on, ready to call."""
# ruff: noqa: PLC0415 - a function imports its story: see the package

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.wiring import adapters, parts, shipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.applying import Applied
    from pipeline.broadcasting import Broadcast
    from pipeline.cleaning import Cleaned
    from pipeline.core.audience import ApiKey, Connection, Principal
    from pipeline.fanning_out import FannedOut
    from pipeline.indexing import Indexed
    from pipeline.keeping_keys import Revoked
    from pipeline.reading_hits import Answer
    from pipeline.retiring import Retired
    from pipeline.settings import Settings


def indexing(settings: Settings) -> Callable[..., Indexed]:
    """The indexing story; call it with ``deliveries`` and ``deadline``."""
    from pipeline import indexing as story
    from pipeline.core.fill import Kinds

    return partial(
        story.index,
        routes=shipped.routes(),
        kinds=Kinds(),
        store=adapters.store(settings),
        bus=adapters.bus(settings),
        queue=adapters.queue(settings),
        clock=adapters.clock(settings),
        single_tenant=settings.tenancy == "single",
        read_only_ages=shipped.read_only_ages(),
    )


def broadcasting(settings: Settings) -> Callable[..., Broadcast]:
    """The broadcasting story; call it with ``deliveries`` and ``deadline``."""
    from pipeline import broadcasting as story
    from pipeline.core.slow import SlowOnes
    from pipeline.registry import Registry

    return partial(
        story.broadcast,
        registry=Registry(),
        table=adapters.table(settings),
        sockets=adapters.sockets(settings),
        queue=adapters.queue(settings),
        jobs=adapters.jobs(settings),
        clock=adapters.clock(settings),
        bounds=story.Bounds(settings.channel_budget, settings.posts_per_second, shipped.ledger_life()),
        slow=SlowOnes(),
    )


def fanning_out(settings: Settings) -> Callable[..., FannedOut]:
    """The story of what one broadcast is too short for; call it with ``deliveries`` and ``deadline``."""
    from pipeline import fanning_out as story
    from pipeline.core.slow import SlowOnes

    return partial(
        story.fan_out,
        table=adapters.table(settings),
        sockets=adapters.sockets(settings),
        queue=adapters.queue(settings),
        clock=adapters.clock(settings),
        ledger_life=shipped.ledger_life(),
        slow=SlowOnes(),
    )


def issuing_tickets(settings: Settings) -> Callable[..., tuple[str, int]]:
    """The story of a new ticket; call it with the request's ``headers``."""
    from pipeline import connecting as story
    from pipeline.wiring import unguessable

    return partial(
        story.issue_ticket,
        gate=parts.gate(settings),
        limiter=parts.limiter(settings),
        new_ticket=unguessable.ticket,
    )


def admitting(settings: Settings) -> Callable[..., Principal]:
    """The story of who may connect; call it with ``headers`` and ``query``."""
    from pipeline import connecting as story

    return partial(story.admit, gate=parts.gate(settings), allowed_origins=settings.allowed_origins)


def connecting(settings: Settings) -> Callable[..., None]:
    """The story of a new connection; call it with its id and its principal."""
    from pipeline import connecting as story

    return partial(
        story.connect,
        endpoint=settings.management_endpoint,
        table=adapters.table(settings),
        limiter=parts.limiter(settings),
        clock=adapters.clock(settings),
    )


def disconnecting(settings: Settings) -> Callable[..., None]:
    """The story of a connection's end; call it with its id."""
    from pipeline import connecting as story

    return partial(story.disconnect, table=adapters.table(settings))


def creating_keys(settings: Settings) -> Callable[..., tuple[str, ApiKey]]:
    """The story of a new API key; call it with ``tenant``, ``name`` and ``days``."""
    from pipeline import keeping_keys as story
    from pipeline.wiring import unguessable

    return partial(
        story.create,
        table=adapters.table(settings),
        clock=adapters.clock(settings),
        new_key=unguessable.api_key,
    )


def closing(settings: Settings) -> Callable[..., tuple[Connection, bool]]:
    """The story of closing somebody's connection; call it with its id."""
    from pipeline import closing as story

    return partial(
        story.close,
        table=adapters.table(settings),
        sockets=adapters.sockets(settings),
        clock=adapters.clock(settings),
    )


def revoking_keys(settings: Settings) -> Callable[..., Revoked]:
    """The story of an API key's end; call it with the key."""
    from pipeline import keeping_keys as story

    return partial(
        story.revoke,
        table=adapters.table(settings),
        sockets=adapters.sockets(settings),
        clock=adapters.clock(settings),
    )


def cleaning(settings: Settings) -> Callable[..., Cleaned]:
    """The story of channels in which nobody is left; call it with ``deadline``."""
    from pipeline import cleaning as story

    return partial(story.clean, table=adapters.table(settings), clock=adapters.clock(settings))


def answering(settings: Settings) -> Callable[..., int]:
    """The story of a client's frame; call it with its text, the connection's id and ``deadline``."""
    from pipeline import answering as story

    return partial(
        story.answer,
        table=adapters.table(settings),
        sockets=adapters.sockets(settings),
        library=parts.library(settings),
        limiter=parts.limiter(settings),
        clock=adapters.clock(settings),
        endpoint=settings.management_endpoint,
    )


def reading_hits(settings: Settings) -> Callable[..., Answer]:
    """The story of ``GET /v1/hits``; call it with ``headers``, ``query`` and ``deadline``."""
    from pipeline import reading_hits as story

    return partial(
        story.hits,
        gate=parts.gate(settings),
        limiter=parts.limiter(settings),
        library=parts.library(settings),
        clock=adapters.clock(settings),
    )


def applying(settings: Settings) -> Callable[[], Applied]:
    """The story of templates and policies, ready to call."""
    from pipeline import applying as story
    from pipeline.core import bodies

    return partial(
        story.apply,
        bodies.wanted(shipped.template_files()),
        adapters.cluster(settings),
        require_ism=settings.require_ism,
    )


def retiring(settings: Settings) -> Callable[..., Retired]:
    """The story of indices past their time; call it with ``dry_run``."""
    from pipeline import retiring as story

    return partial(
        story.retire,
        shipped.routes().ordered,
        cluster=adapters.cluster(settings),
        clock=adapters.clock(settings),
    )
