"""Events from the events queue, or from any other source, to be indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import sources
from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.indexing)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Index a batch; the answer asks its source to hand over again what has no good end yet."""
    with invocation("index") as counts:
        report = story()(sources.deliveries(event), deadline=deadline(context))
        counts.update(report.counts())
        return sources.answer(event, report.returned)
