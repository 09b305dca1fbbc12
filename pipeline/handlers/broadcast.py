"""Deltas from the deltas queue, to be posted to those who want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import sources
from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pipeline.core.audience import Channel

story = once(stories.broadcasting)

MOST_NAMED = 10
"""Channels that a line names; its count tells of the others."""


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Broadcast a batch; the answer names the deliveries to hand over again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    with invocation("broadcast") as counts:
        report = story()(sources.deliveries(event), deadline=deadline(context))
        counts.update(report.counts())
        if report.unreadable:
            counts["unreadable_channels"] = _named(report.unreadable)
        if report.trouble:
            counts["trouble"] = report.trouble
        return sources.answer(event, report.returned)


def _named(channels: Sequence[Channel]) -> str:
    """Name channels as ``livedex channels`` lists them: tenant and id."""
    return ", ".join(f"{channel.tenant} {channel.id}" for channel in channels[:MOST_NAMED])
