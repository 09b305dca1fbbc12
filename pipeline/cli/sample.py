"""Sample events: what four services of a small shop would put on the bus. Pure.

Mostly things go well and take the time they usually take; some fail, in the ways that such
things fail. The same seed gives the same facts, so that emitting them twice shows that a re-send
adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from pipeline.core import instant

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTS = {"acme": 8, "globex": 2}
"""Tenants and their weights."""

REGIONS = {"eu-west-1": 6, "us-east-1": 3, "ap-southeast-2": 1}
"""Regions and their weights."""

SLOW = 3
"""An answer that took this many times its operation's median is worth a warning."""

TIMEOUT = 5_000.0
"""Milliseconds after which the services give up."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which an operation fails.

    Attributes:
        status: What the service calls it.
        level: How bad the service finds it.
        share: Of all attempts, 0 to 1.
    """

    status: str
    level: str
    share: float


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a service does.

    Attributes:
        weight: How often it is done, relative to the others.
        median: Its usual duration in milliseconds.
        spread: Standard deviation of the duration's logarithm; latencies are about log-normal.
        price: The usual amount of money it is about; None for none.
    """

    source: str
    name: str
    weight: int
    done: str
    failed: str
    median: float
    spread: float
    price: float | None
    failures: tuple[Failure, ...]


TIMED_OUT = Failure("timeout", "error", 0.008)

OPERATIONS = (
    Operation(
        "payments", "charge-card", 25, "PaymentSettled", "PaymentFailed", 180, 0.45, 60,
        (Failure("declined", "error", 0.04), TIMED_OUT),
    ),
    Operation("payments", "refund", 3, "PaymentRefunded", "PaymentFailed", 240, 0.4, 45, (TIMED_OUT,)),
    Operation(
        "checkout", "place-order", 22, "OrderPlaced", "CheckoutFailed", 95, 0.5, 60,
        (Failure("invalid", "warning", 0.02), TIMED_OUT),
    ),
    Operation(
        "inventory", "reserve-stock", 25, "StockReserved", "StockReservationFailed", 22, 0.6, None,
        (Failure("out-of-stock", "warning", 0.03), TIMED_OUT),
    ),
    Operation(
        "auth", "sign-in", 25, "SignInSucceeded", "SignInFailed", 48, 0.35, None,
        (Failure("denied", "warning", 0.05), TIMED_OUT),
    ),
)  # fmt: skip


def envelopes(seed: int, start: int, spacing: float) -> Iterator[dict[str, Any]]:
    """Envelopes without end, as ``livedex emit`` puts them on the bus.

    Args:
        seed: Equal seeds give equal facts, their times apart, which follow from the next two.
        start: When the first fact occurred, in ms since the epoch.
        spacing: Milliseconds between two facts.
    """
    chance = Random(seed)  # noqa: S311 - made to be repeated, not to be secret
    number = 0
    while True:
        yield _envelope(chance, round(start + number * spacing))
        number += 1


def _envelope(chance: Random, occurred: int) -> dict[str, Any]:
    operation = chance.choices(OPERATIONS, [each.weight for each in OPERATIONS])[0]
    failure = _failure(chance, operation)
    total = TIMEOUT if failure is TIMED_OUT else _duration(chance, operation)
    subject = _subject(chance, operation)
    detail = {
        "eventId": f"evt-{chance.getrandbits(64):016x}",
        "occurredAt": instant.iso(occurred),
        "tenant": chance.choices(list(TENANTS), list(TENANTS.values()))[0],
        "service": operation.source,
        "operation": operation.name,
        "level": _level(operation, failure, total),
        "status": "ok" if failure is None else failure.status,
        "region": chance.choices(list(REGIONS), list(REGIONS.values()))[0],
        "timings": {"totalMs": total, "databaseMs": round(total * chance.uniform(0.05, 0.4), 1)},
        **subject,
        "trace": {"id": f"{chance.getrandbits(128):032x}", "span": f"{chance.getrandbits(64):016x}"},
    }
    detail["summary"] = _summary(detail)
    detail["host"] = _host(chance, operation, detail["region"])
    return {
        "source": operation.source,
        "detail-type": operation.done if failure is None else operation.failed,
        "detail": detail,
    }


def _failure(chance: Random, operation: Operation) -> Failure | None:
    drawn = chance.random()
    for failure in operation.failures:
        drawn -= failure.share
        if drawn < 0:
            return failure
    return None


def _duration(chance: Random, operation: Operation) -> float:
    duration = chance.lognormvariate(math.log(operation.median), operation.spread)
    return round(min(duration, TIMEOUT), 1)


def _level(operation: Operation, failure: Failure | None, total: float) -> str:
    if failure is not None:
        return failure.level
    return "warning" if total > SLOW * operation.median else "info"


def _subject(chance: Random, operation: Operation) -> dict[str, Any]:
    """What it was done to."""
    if operation.source == "auth":
        return {"userId": f"u-{chance.randrange(1, 5_000)}"}
    subject: dict[str, Any] = {"orderId": f"o-{chance.randrange(10_000, 100_000)}"}
    if operation.price is not None:
        subject["amount"] = round(chance.lognormvariate(math.log(operation.price), 0.8), 2)
        subject["currency"] = chance.choices(["EUR", "USD", "AUD"], [6, 3, 1])[0]
    return subject


def _host(chance: Random, operation: Operation, region: str) -> dict[str, str]:
    pod = f"{operation.source}-{chance.choice(['7d9f', 'b21c', 'e604'])}"
    return {"name": pod, "zone": region + chance.choice("abc"), "version": "2026.11.3"}


def _summary(detail: dict[str, Any]) -> str:
    whom = f"order {detail['orderId']}" if "orderId" in detail else f"user {detail['userId']}"
    took = "in" if detail["status"] == "ok" else "after"
    price = f", {detail['amount']:.2f} {detail['currency']}" if "amount" in detail else ""
    done = f"{detail['operation']} {detail['status']} for {whom}{price}"
    return f"{done} {took} {detail['timings']['totalMs']:.0f} ms"
