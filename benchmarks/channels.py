"""Filters as many clients subscribe with, the deltas held against them, and those who hold them.

``few`` has attributes of few values, which every filter shares: exact lists, prefixes, ranges of round
numbers, anything-but. ``many`` has ids that each belong to one client, each client's own range, and
everybody's room but without their own name.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pipeline.core import pattern
from pipeline.core.audience import Channel
from pipeline.core.model import Delta

if TYPE_CHECKING:
    from collections.abc import Callable

TENANT = "acme"

DELTAS = 1_000
"""Held against the filters: more than an index would remember the answers to."""

_SERVICES = [f"service-{number}" for number in range(400)]
_CUSTOMERS = [f"customer-{number}" for number in range(1_000)]
_REGIONS = [
    f"{continent}-{way}-{number}"
    for continent in ("eu", "us", "ap")
    for way in ("west", "east")
    for number in (1, 2)
]
_SEVERITIES = ["debug", "info", "warning", "error", "fatal"]
_THRESHOLDS = [10, 20, 50, 100, 200, 250, 500, 750, 1_000, 2_000, 5_000, 10_000]
_AMOUNTS = 1_000_000
"""Cents that an amount of ``many`` is under."""


def channels(shape: str, count: int) -> list[Channel]:
    """So many different channels of one tenant; the same every time."""
    made: dict[str, Channel] = {}
    random = Random(f"{shape} {count}")  # noqa: S311 - a sample, no secret
    while len(made) < count:
        text = pattern.canonical(pattern.parse(_FILTERS[shape](random, count, len(made))))
        made.setdefault(text, Channel(TENANT, text, f"{random.getrandbits(128):032x}"))
    return list(made.values())


def deltas(shape: str, count: int) -> list[Delta]:
    """Deltas for so many channels; the same every time."""
    random = Random(f"deltas of {shape} {count}")  # noqa: S311 - a sample, no secret
    return [_delta(number, _ATTRIBUTES[shape](random, count)) for number in range(DELTAS)]


def _delta(number: int, attributes: dict[str, Any]) -> Delta:
    day, now = "2026.11.22", 1_795_000_000_000
    return Delta(
        f"{number:064x}",
        f"metrics-{day}",
        "metrics",
        TENANT,
        "payments",
        "PaymentFailed",
        now,
        now,
        None,
        attributes,
        {},
    )


# --- attributes of few values -----------------------------------------------------------------


def _few(random: Random, _count: int, number: int) -> dict[str, Any]:
    services = random.sample(_SERVICES, random.choice((1, 2, 3)))
    severities = random.sample(_SEVERITIES, random.choice((1, 2)))
    low, high = sorted(random.sample(_THRESHOLDS, 2))
    latency = random.choice(([">", high], ["<=", low], [">=", low, "<", high]))
    customers = random.sample(_CUSTOMERS, random.choice((1, 2, 3, 4)))
    region = random.choice((random.choice(_REGIONS), {"prefix": random.choice(("eu-", "us-", "ap-"))}))
    return (
        {"service": services, "severity": severities},
        {"service": services, "latencyMs": [{"numeric": latency}]},
        {"customer": customers, "region": [region]},
        {"service": services, "severity": [{"anything-but": severities}]},
    )[number % 4]


def _few_attributes(random: Random, _count: int) -> dict[str, Any]:
    return {
        "service": random.choice(_SERVICES),
        "region": random.choice(_REGIONS),
        "severity": random.choice(_SEVERITIES),
        "latencyMs": round(random.lognormvariate(5, 1.5), 1),
        "customer": random.choice(_CUSTOMERS),
    }


# --- attributes of very many values -----------------------------------------------------------


def _many(random: Random, count: int, number: int) -> dict[str, Any]:
    name = f"user-{number}"
    kind = number % 5
    if kind == 4:
        low = random.randrange(_AMOUNTS)
        return {"amount": [{"numeric": [">=", low, "<", low + 200]}], "userId": [{"anything-but": name}]}
    if kind == 3:
        return {
            "room": [f"room-{random.randrange(max(count // 100, 2))}"],
            "userId": [{"anything-but": name}],
        }
    return {"orderId": [f"order-{number}"]}


def _many_attributes(random: Random, count: int) -> dict[str, Any]:
    return {
        "orderId": f"order-{random.randrange(count)}",
        "userId": f"user-{random.randrange(count)}",
        "room": f"room-{random.randrange(max(count // 100, 2))}",
        "amount": random.randrange(_AMOUNTS),
    }


_FILTERS: dict[str, Callable[[Random, int, int], dict[str, Any]]] = {"few": _few, "many": _many}
_ATTRIBUTES: dict[str, Callable[[Random, int], dict[str, Any]]] = {
    "few": _few_attributes,
    "many": _many_attributes,
}
