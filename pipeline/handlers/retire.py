"""Indices past their retention, deleted once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.handlers.invocation import invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.retiring)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Delete where the schedule says ``{"dryRun": false}``; else only answer what would go."""
    with invocation("retire") as counts:
        retired = story()(dry_run=event.get("dryRun") is not False)
        counts.update(retired.counts())
        return {**counts, "indices": [each.index for each in retired.expired]}
