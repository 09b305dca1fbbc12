"""Find a stack, the local one of this folder or a deployed one, and what it takes to talk to it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import settings
from pipeline.adapters import eventbridge
from pipeline.local import aws, clouds, deploy, formation, parameters, stack, state
from pipeline.local.errors import StackError
from pipeline.local.places import Places
from pipeline.ports.index import DocumentStore
from pipeline.ports.queues import Queues
from pipeline.settings import Settings
from pipeline.wiring import adapters


class Target(StrEnum):
    """Where a stack runs."""

    LOCAL = "local"
    AWS = "aws"


TargetOption = Annotated[
    Target,
    typer.Option("--target", envvar="TARGET", help="The local stack of this folder, or your AWS account."),
]
StackOption = Annotated[
    str, typer.Option("--stack", help="Name of the CloudFormation stack, in your AWS settings' Region.")
]


@dataclass(frozen=True)
class Stack:
    """A deployed stack, and its parts as one may reach them from here.

    Attributes:
        target: Where it runs.
        http: The HTTP API's address.
        outputs: The outputs of its CloudFormation stack.
        settings: What its functions would read, for the queue of events.
    """

    target: Target
    http: str
    outputs: Mapping[str, str]
    settings: settings.Settings

    @cached_property
    def events_bus(self) -> eventbridge.EventsBus:
        """The bus on which services put their events."""
        return eventbridge.connect_events(self.settings, self.outputs["EventsBusName"])

    @cached_property
    def store(self) -> DocumentStore:
        """OpenSearch."""
        return adapters.store(self.settings)

    @cached_property
    def queues(self) -> Mapping[str, Queues]:
        """Every hop's queues: ``events``, ``deltas`` and ``fanout``."""
        return {
            "events": adapters.queue(self.settings),
            "deltas": adapters.queue(self._of_hop("Deltas")),
            "fanout": adapters.queue(self._of_hop("Fanout")),
        }

    def _of_hop(self, name: str) -> Settings:
        """What the function behind this queue would read."""
        return replace(
            self.settings,
            queue_url=self.outputs[f"{name}QueueUrl"],
            dead_letter_queue_url=self.outputs[f"{name}DeadLetterQueueUrl"],
        )


def find(target: Target, name: str = deploy.STACK) -> Stack:
    """Find the stack.

    Args:
        target: Where to look.
        name: Of the CloudFormation stack; the local folder has only one.

    Raises:
        StackError: It does not run, or is not deployed.
    """
    return _local(Path.cwd()) if target is Target.LOCAL else _aws(name)


def _local(folder: Path) -> Stack:
    of = Places(folder)
    now = stack.status(folder).endpoints
    if now.aws is None:
        raise StackError("The local stack does not run in this folder: start it with `livedex up`.")
    outputs = state.outputs(of)
    if now.http is None:
        raise StackError("Nothing is deployed to the local stack: run `livedex deploy`.")
    environ = {
        "LIVEDEX_TARGET": "local",
        "AWS_ENDPOINT_URL": now.aws,
        "AWS_REGION": aws.REGION,
        "LIVEDEX_OPENSEARCH_URL": now.opensearch or "",  # while it is away, events may be put all the same
        "LIVEDEX_TENANCY": "required",
    }
    return Stack(Target.LOCAL, now.http, outputs, _settings(environ, outputs))


def _aws(name: str) -> Stack:
    outputs = deploy.outputs(name)
    cloud = clouds.account(None)
    given = parameters.of_stack(formation.find(cloud, name))
    environ = {
        **os.environ,
        "LIVEDEX_TARGET": "aws",
        "AWS_REGION": cloud.region,
        "LIVEDEX_OPENSEARCH_URL": outputs["OpenSearchUrl"],
        "LIVEDEX_OPENSEARCH_AUTH": given.get("OpenSearchAuth", "none"),
        "LIVEDEX_OPENSEARCH_USERNAME": given.get("OpenSearchUsername", ""),
        "LIVEDEX_TENANCY": given.get("Tenancy", "single"),
        "LIVEDEX_TENANT_CLAIM": given.get("TenantClaim", "tenant"),
    }
    return Stack(Target.AWS, outputs["HttpUrl"], outputs, _settings(environ, outputs))


def _settings(environ: Mapping[str, str], outputs: Mapping[str, str]) -> settings.Settings:
    return settings.read(
        {
            **environ,
            "LIVEDEX_QUEUE_URL": outputs["EventsQueueUrl"],
            "LIVEDEX_DEAD_LETTER_QUEUE_URL": outputs["EventsDeadLetterQueueUrl"],
            "LIVEDEX_DELTAS_BUS": outputs["DeltasBusName"],
            "LIVEDEX_TABLE": outputs["TableName"],
        }
    )


def secret(folder: Path) -> str:
    """The development secret of the folder's local stack."""
    return state.development_secret(Places(folder))


def claims(token: str) -> dict[str, Any]:
    """What a token says, unchecked: only to tell its owner; the server checks it.

    Raises:
        StackError: The text is no JWT.
    """
    try:
        middle = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError) as error:
        raise StackError("The token is no JWT: it has three parts with dots between them.") from error
    return said if isinstance(said, dict) else {}
