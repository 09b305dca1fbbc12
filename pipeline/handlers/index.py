"""Envelopes from the events queue, to be indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import wiring
from pipeline.core import parse
from pipeline.handlers.invocation import deadline, invocation, once

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(wiring.indexing)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Index a batch; the answer names the deliveries to hand over again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    with invocation("index") as counts:
        report = story()(parse.deliveries(event), deadline=deadline(context))
        counts.update(report.counts())
        return {"batchItemFailures": [{"itemIdentifier": delivery} for delivery in report.returned]}
