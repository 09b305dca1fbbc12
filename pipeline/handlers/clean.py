"""Channels without members, taken out of the registry every quarter of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.cleaning)


def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Clean as far as the time goes."""
    with invocation("clean") as counts:
        counts.update(story()(deadline=deadline(context)).counts())
        return dict(counts)
