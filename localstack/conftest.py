"""The deployed stack that the end-to-end tests drive.

They reach AWS through ``AWS_ENDPOINT_URL`` and ``localstack_client`` alone, so they run against any
endpoint that speaks AWS. Where the variable is set, the stack ``livedex`` must be deployed there from
the current folder; else a stack is started in a folder of its own.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from localstack_client import session

from pipeline.local import deploy
from pipeline.local.errors import StackError
from tests.running import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningStack


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """The whole stack, running."""
    given = os.environ.get("AWS_ENDPOINT_URL")
    if given:
        stacks = session.Session().client("cloudformation").describe_stacks(StackName=deploy.STACK)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
        yield Deployed(Path.cwd(), outputs["OpenSearchUrl"], given, outputs)
        return
    running: RunningStack = request.getfixturevalue("stack")
    try:
        outputs = deploy.deploy("local", running.folder).outputs
    except StackError as trouble:
        pytest.fail(f"the stack does not deploy: {trouble}", pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", running.aws)
        yield Deployed(running.folder, running.opensearch, running.aws, outputs)


@pytest.fixture
def service() -> str:
    """A source of the metrics route's family that no other test uses."""
    return f"payments-{uuid.uuid4().hex[:8]}"
