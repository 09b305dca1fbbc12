"""How the adapters' AWS clients are made, and what their failures become."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.settings import Settings

LOCAL_KEY = "test"
"""Both halves of the credentials for a local endpoint, so that a user's own are sent nowhere."""

_NO_FILE = (None, None, os.devnull, None)

NO_USER = {"profile": (None, None, None, None), "config_file": _NO_FILE, "credentials_file": _NO_FILE}
"""botocore's variables that would read a profile: config key, environment name, default, conversion."""

CONNECT_TIMEOUT = 2
"""Seconds for TCP and TLS; within one Region they take milliseconds."""

SDK_ERRORS = (BotoCoreError, ClientError)
"""All that a botocore client raises."""


def session(settings: Settings) -> boto3.Session:
    """A session with the role's credentials; where the target is local, one with nothing of its user's."""
    if settings.target == "local":
        return boto3.Session(
            botocore_session=botocore.session.Session(session_vars=NO_USER),
            aws_access_key_id=LOCAL_KEY,
            aws_secret_access_key=LOCAL_KEY,
            region_name=settings.region,
        )
    return boto3.Session(region_name=settings.region)


def config(settings: Settings, *, attempts: int, read_timeout: float, connections: int) -> Config:
    """Retries and time-outs, said out loud because botocore's defaults differ between versions.

    Args:
        settings: Where the client is going to call.
        attempts: Tries a call, the first included.
        read_timeout: Seconds to wait for an answer's next bytes.
        connections: Kept-alive connections; as many threads may call at once without waiting.

    Source:
        https://docs.aws.amazon.com/boto3/latest/guide/retries.html
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        max_pool_connections=connections,
        tcp_keepalive=True,
        proxies={} if settings.target == "local" else None,
    )


def endpoint(settings: Settings) -> str | None:
    """The endpoint that takes AWS's place, or None for AWS itself."""
    return settings.aws_endpoint or None


@contextmanager
def failing_as(service: str) -> Iterator[None]:
    """Let the SDK's exceptions leave as one that says which service did not do its part.

    Raises:
        Unavailable: The SDK raised, whatever it was: what looks permanent from here (a role without
            permission, a table not yet made) is mended from outside, and the same call then succeeds.
    """
    try:
        yield
    except SDK_ERRORS as error:
        raise Unavailable(service, str(error)) from error
