"""The engines that tests share: one real OpenSearch node and one AWS emulator a session.

Where they do not start, the tests that need them are skipped with the reason; with
``LIVEDEX_REQUIRE=opensearch,aws`` they fail instead.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from localstack_client import session

from pipeline import settings
from pipeline.local import deploy
from pipeline.local import stack as local_stack
from pipeline.local.errors import StackError
from pipeline.wiring import stories
from tests.running import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")

USUAL = gc.get_threshold()


def pytest_collection_finish() -> None:
    """Look for garbage as often as Python does, though handlers were imported, which then do so seldom.

    What a test leaves open is told of in that test, and not in whichever one runs when it is found.
    """
    gc.set_threshold(*USUAL)


ENGINES = frozenset({"opensearch", "aws"})


@dataclass(frozen=True)
class RunningStack:
    """A stack that is up.

    Attributes:
        folder: The folder whose stack it is, as the command line's current folder.
        opensearch: URL of the node, or of the cluster that ``OPENSEARCH_URL`` gives.
        aws: URL of the emulator.
    """

    folder: Path
    opensearch: str
    aws: str


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack in a folder of its own, ended with the session however that ends."""
    folder = tmp_path_factory.mktemp("stack")
    try:
        try:
            found = local_stack.up(folder, opensearch_url=os.environ.get("OPENSEARCH_URL"))
        except StackError as trouble:
            _missing(str(trouble))
        assert found.opensearch
        assert found.aws
        _apply_templates(found.opensearch)
        yield RunningStack(folder, found.opensearch, found.aws)
    finally:
        local_stack.down(folder)


@pytest.fixture(scope="session")
def opensearch_url(stack: RunningStack) -> str:
    """The URL of a real OpenSearch; tests use index names of their own."""
    return stack.opensearch


@pytest.fixture(scope="session")
def aws_url(stack: RunningStack) -> str:
    """The URL of the AWS emulator; tests use resource names of their own."""
    return stack.aws


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


def _apply_templates(url: str) -> None:
    """No index may be made before its template is there; a deploy comes later, or not at all."""
    cluster = {"LIVEDEX_TARGET": "aws", "LIVEDEX_OPENSEARCH_URL": url}
    stories.applying(settings.read(cluster))()


def _missing(reason: str) -> None:
    required = ENGINES & set(os.environ.get("LIVEDEX_REQUIRE", "").split(","))
    if required:
        pytest.fail(f"LIVEDEX_REQUIRE lists {', '.join(sorted(required))}: {reason}", pytrace=False)
    pytest.skip(f"the local engines do not start: {reason}")
