"""Find the cluster that a command is about: the stack's, or one that the caller names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline import settings
from pipeline.cli import endpoints
from pipeline.cli.endpoints import Target
from pipeline.local import aws, stack
from pipeline.local.errors import StackError

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Another cluster than the stack's; LIVEDEX_OPENSEARCH_AUTH and the like say how to sign.",
        show_default=False,
    ),
]


def find(target: Target, name: str, url: str | None) -> settings.Settings:
    """Settings by which the cluster is reached.

    Args:
        target: Where the stack runs.
        name: Of the CloudFormation stack, where the target is AWS.
        url: Of another cluster than the stack's; None for the stack's.

    Raises:
        StackError: There is no such stack, or its engine does not run.
    """
    if url is None and target is Target.AWS:
        return endpoints.find(target, name).settings
    address = url or stack.status(Path.cwd()).endpoints.opensearch
    if not address:
        raise StackError(
            "OpenSearch does not run in this folder: start it with `livedex up`, or name another with --url."
        )
    given = dict(os.environ) if url else {}
    # Nothing of AWS is asked for a cluster; the local target only wants to know that none could be.
    local = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1", "AWS_REGION": aws.REGION}
    aim = local if target is Target.LOCAL else {"LIVEDEX_TARGET": "aws"}
    tenancy = {} if url else {"LIVEDEX_TENANCY": "required"}
    return settings.read({**given, **aim, **tenancy, "LIVEDEX_OPENSEARCH_URL": address})
