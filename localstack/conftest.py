"""The end-to-end tests, which drive the deployed stack (``deployed``, in the project's own conftest).

They reach AWS through ``AWS_ENDPOINT_URL`` and ``localstack_client`` alone, so they run against any
endpoint that speaks AWS. Where the variable is set, the stack ``livedex`` must be deployed there from
the current folder; else a stack is started in a folder of its own.
"""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def service() -> str:
    """A source of the metrics route's family that no other test uses."""
    return f"payments-{uuid.uuid4().hex[:8]}"
