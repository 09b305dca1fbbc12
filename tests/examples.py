"""The envelopes, deltas and connections that the stories' tests tell about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import channels, entries
from pipeline.core.audience import Connection, Principal
from pipeline.core.limits import Limits
from pipeline.core.model import Delivery, Delta

if TYPE_CHECKING:
    from pipeline.core.audience import Channel

NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z, where memory's clock begins."""

ENDPOINT = "https://example.execute-api.us-east-1.amazonaws.com/live"

LIMITS = Limits(connections=10_000, channels=10_000, subscriptions=100, subscribes=20, hits=20)
"""Where nothing else is set."""


def envelope(fact: str = "fact-1", **detail: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """An event of the metrics route, as EventBridge hands it over; equal facts are the same fact."""
    return {
        "version": "0",
        "id": f"envelope-of-{fact}",
        "source": "payments",
        "detail-type": "PaymentFailed",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "eventId": fact,
            "occurredAt": "2025-12-31T23:59:59.500Z",
            "tenant": "acme",
            "service": "payments",
            "level": "error",
            "summary": "card declined",
            "timings": {"totalMs": 512},
            "amount": 12.5,
            **detail,
        },
    }


def delivery(event: dict[str, Any] | str, *, receives: int | None = 1, sent: int | None = NOW) -> Delivery:
    """An envelope as the queue hands it over for the first time, unless said otherwise."""
    body = event if isinstance(event, str) else orjson.dumps(event).decode()
    name = event if isinstance(event, str) else event["id"]
    return Delivery(
        f"delivery-of-{name[:40]}", body, receives=receives, sent=sent, receipt=f"receipt-of-{name[:40]}"
    )


def delta(fact: str = "fact-1", *, tenant: str | None = "acme", **attributes: Any) -> Delta:  # noqa: ANN401 - JSON values
    """The announcement of a stored document."""
    return Delta(
        id=fact,
        index="metrics-2025.12.31",
        family="metrics",
        tenant=tenant,
        source="payments",
        event_type="PaymentFailed",
        timestamp=NOW - 500,
        ingested=NOW,
        message="card declined",
        attributes={"service": "payments", "severity": "error", **attributes},
        excerpt={"amount": 12.5},
    )


def announced(*deltas: Delta) -> Delivery:
    """Deltas of one tenant and family as the deltas queue hands them over."""
    (entry,) = entries.entries(deltas)
    event = {
        "version": "0",
        "id": f"entry-of-{deltas[0].id}",
        "source": entries.SOURCE,
        "detail-type": entries.DETAIL_TYPE,
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": orjson.loads(entry.detail),
    }
    return delivery(event)


def channel(asked: dict[str, Any], tenant: str = "acme") -> Channel:
    """The channel of a filter."""
    return channels.of(tenant, asked, None)


def connection(name: str = "ann", tenant: str = "acme", expires: int = NOW + 3_600_000) -> Connection:
    """An open connection of a principal of the same name."""
    return Connection(name, ENDPOINT, Principal(tenant, name, expires))
