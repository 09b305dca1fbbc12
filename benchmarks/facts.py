"""The events that are measured with: what four services of a small shop would send."""

from __future__ import annotations

import json
import time
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.cli import sample
from pipeline.core import instant
from pipeline.core.model import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 7
SPACING = 1.0
"""Milliseconds between two facts, from now back into the past."""

DROPPED = ("trace",)
"""What is left out of the sample, so that an envelope has about 600 bytes."""


def envelopes(count: int) -> Iterator[dict[str, Any]]:
    """Envelopes as EventBridge hands them over, about 600 bytes each as JSON."""
    now = int(time.time() * 1000)
    for made in islice(sample.envelopes(SEED, now - round(count * SPACING), SPACING), count):
        yield {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": made["detail-type"],
            "source": made["source"],
            "account": "123456789012",
            "time": instant.iso(now)[:19] + "Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {key: value for key, value in made["detail"].items() if key not in DROPPED},
        }


def deliveries(count: int) -> list[Delivery]:
    """Envelopes as the queue hands them over for the first time."""
    sent = int(time.time() * 1000)
    return [
        Delivery(envelope["id"], json.dumps(envelope, separators=(",", ":")), 1, sent, envelope["id"])
        for envelope in envelopes(count)
    ]
