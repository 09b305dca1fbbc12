"""The connections and channels that the contract of the connection table tells about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.audience import Channel, Connection, Principal

if TYPE_CHECKING:
    from pipeline.ports.clock import Clock

HOUR = 3_600_000


def connection(clock: Clock, name: str = "L0SM9cOFvHcCIhw=", tenant: str = "acme") -> Connection:
    return Connection(name, "https://gateway/prod", Principal(tenant, "ada", expires=clock.now() + HOUR))


def channel(name: str = "1", tenant: str = "acme", conflate: str = "") -> Channel:
    return Channel(tenant, f'{{"service":["{name}"]}}', f"{name:0>32}", conflate)
