"""What several stories stand on: the library, the gate and the limiter."""
# ruff: noqa: PLC0415 - a function imports what it makes: see the package

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline.wiring import adapters, shipped

if TYPE_CHECKING:
    from pipeline.catching_up import Library
    from pipeline.limiting import Limiter
    from pipeline.recognising import Gate
    from pipeline.settings import Settings

SERVERLESS_LAG = 15_000
"""Milliseconds after which OpenSearch Serverless surely finds what is stored: it has no refresh to ask for,
and its own comes about every 10 seconds.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-overview.html
"""


def library(settings: Settings) -> Library:
    """What is needed to ask the index."""
    from pipeline.catching_up import Library

    known = shipped.routes()
    lag = SERVERLESS_LAG if settings.opensearch_auth == "aoss" else 0
    return Library(adapters.store(settings), known, shipped.ranged_attributes(known), lag)


def gate(settings: Settings) -> Gate:
    """What is needed to tell who somebody is."""
    from pipeline.recognising import Gate

    return Gate(
        adapters.tokens(settings),
        adapters.table(settings),
        adapters.clock(settings),
        settings.tenancy,
        settings.tenant_claim,
    )


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
