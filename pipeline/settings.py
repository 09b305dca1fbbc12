"""The environment, read once into a frozen value.

Every function gets all of these from ``template.yaml``; a setting that a function does not use
may be empty there. Local runs get the same names, so nothing else differs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS = ("local", "aws", "memory")
OPENSEARCH_AUTHS = ("none", "basic", "es", "aoss")
TENANCIES = ("single", "required")


class SettingsError(Exception):
    """A setting that is missing or cannot be understood; names it and says what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function may know about where it runs.

    Attributes:
        target: ``local``, ``aws``, or ``memory`` (no engines at all: for tests and for a first look).
        opensearch_url: ``https://host`` or ``http://127.0.0.1:port``.
        opensearch_auth: How requests are signed: ``none``, ``basic``, ``es`` (managed domain) or
            ``aoss`` (serverless).
        deltas_bus: Name of the bus on which deltas travel.
        queue_url: The queue that feeds this function; empty for those that none feeds.
        dead_letter_queue_url: Where this function's rejected deliveries go.
        table: Name of the DynamoDB table.
        management_endpoint: Where frames are posted, ``https://…/stage``.
        websocket_url: Where clients connect, ``wss://…/stage``.
        tenancy: ``single`` or ``required``.
        tenant_claim: The token's claim that names the tenant.
        jwt_issuer: Expected ``iss``.
        jwt_audience: Expected ``aud``.
        jwt_algorithms: Accepted algorithms; never taken from the token.
        jwks_url: Where the issuer publishes its keys; empty locally.
        development_secret: HS256 key of locally minted tokens; refused where target is ``aws``.
        allowed_origins: Browser origins that may connect; empty allows those that send none.
        log_file: Where local functions also write their invocation line; empty on AWS.
        require_ism: Whether a cluster without Index State Management fails the set-up.
    """

    target: str
    region: str
    opensearch_url: str
    opensearch_auth: str
    opensearch_username: str
    opensearch_password: str
    deltas_bus: str
    queue_url: str
    dead_letter_queue_url: str
    table: str
    management_endpoint: str
    websocket_url: str
    tenancy: str
    tenant_claim: str
    jwt_issuer: str
    jwt_audience: str
    jwt_algorithms: tuple[str, ...]
    jwks_url: str
    development_secret: str
    allowed_origins: tuple[str, ...]
    log_file: str
    require_ism: bool
    aws_endpoint: str


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: A value is not one of those allowed, or the local target has no endpoint of its own.
    """
    target = _one_of(environ, "LIVEDEX_TARGET", TARGETS)
    aws_endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if target == "local" and not aws_endpoint:
        raise SettingsError(
            "AWS_ENDPOINT_URL is not set and the target is local: start the local stack with `livedex up`, "
            "or say LIVEDEX_TARGET=aws to use your AWS account."
        )
    development_secret = environ.get("LIVEDEX_DEVELOPMENT_SECRET", "")
    if target == "aws" and development_secret:
        raise SettingsError(
            "LIVEDEX_DEVELOPMENT_SECRET is for local runs only: remove it, and set LIVEDEX_JWKS_URL."
        )
    return Settings(
        target=target,
        region=environ.get("AWS_REGION", environ.get("AWS_DEFAULT_REGION", "us-east-1")),
        opensearch_url=environ.get("LIVEDEX_OPENSEARCH_URL", ""),
        opensearch_auth=_one_of(environ, "LIVEDEX_OPENSEARCH_AUTH", OPENSEARCH_AUTHS),
        opensearch_username=environ.get("LIVEDEX_OPENSEARCH_USERNAME", ""),
        opensearch_password=environ.get("LIVEDEX_OPENSEARCH_PASSWORD", ""),
        deltas_bus=environ.get("LIVEDEX_DELTAS_BUS", ""),
        queue_url=environ.get("LIVEDEX_QUEUE_URL", ""),
        dead_letter_queue_url=environ.get("LIVEDEX_DEAD_LETTER_QUEUE_URL", ""),
        table=environ.get("LIVEDEX_TABLE", ""),
        management_endpoint=environ.get("LIVEDEX_MANAGEMENT_ENDPOINT", ""),
        websocket_url=environ.get("LIVEDEX_WEBSOCKET_URL", ""),
        tenancy=_one_of(environ, "LIVEDEX_TENANCY", TENANCIES),
        tenant_claim=environ.get("LIVEDEX_TENANT_CLAIM", "tenant"),
        jwt_issuer=environ.get("LIVEDEX_JWT_ISSUER", "livedex-local"),
        jwt_audience=environ.get("LIVEDEX_JWT_AUDIENCE", "livedex"),
        jwt_algorithms=_words(
            environ.get("LIVEDEX_JWT_ALGORITHMS", "HS256" if target == "local" else "RS256")
        ),
        jwks_url=environ.get("LIVEDEX_JWKS_URL", ""),
        development_secret=development_secret,
        allowed_origins=_words(environ.get("LIVEDEX_ALLOWED_ORIGINS", "")),
        log_file=environ.get("LIVEDEX_LOG_FILE", ""),
        require_ism=environ.get("LIVEDEX_REQUIRE_ISM", "false") == "true",
        aws_endpoint=aws_endpoint,
    )


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name, allowed[0])
    if value not in allowed:
        raise SettingsError(f"{name} is {value!r}; it may be {', '.join(allowed)}.")
    return value


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)
