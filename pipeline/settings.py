"""The environment, read once into a frozen value.

Every function gets all of these from ``template.yaml``; a setting that a function does not use
may be empty there. Local runs get the same names, so nothing else differs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS = ("local", "aws", "memory")
OPENSEARCH_AUTHS = ("none", "basic", "es", "aoss")
TENANCIES = ("single", "required")

SHARED_SECRET = "HS256"  # noqa: S105 - the name of an algorithm
"""The one algorithm whose key signs as well as it checks: for tokens of local runs only."""

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""What an issuer may sign with: it keeps its key, and publishes the one that checks.
https://pyjwt.readthedocs.io/en/stable/algorithms.html"""

SHORTEST_SECRET = 32
"""Bytes of the development secret: the key of HS256 may not be shorter than its hash.
https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""


class SettingsError(Exception):
    """A setting that is missing or cannot be understood; names it and says what it may be."""


@noun
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
        fanout_queue_url: Where the broadcast function hands big audiences on.
        posts_per_second: How fast one broadcast or fan-out invocation posts.
        channel_budget: Bytes of hits that one channel gets of one batch of deltas.
        ca_bundle: Who may vouch for where frames are posted, as a PEM file; empty for botocore's list.
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
        max_connections: Open connections of a tenant.
        max_channels: Different filters of a tenant that are subscribed to.
        max_subscriptions: Filters of one connection.
        subscribes_per_second: Of a tenant, and frames of one connection, in each process.
        hits_per_second: Pages that a tenant asks for, by ``GET /v1/hits`` or by ``more``, in each process.
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
    fanout_queue_url: str
    posts_per_second: int
    ca_bundle: str
    channel_budget: int
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
    max_connections: int
    max_channels: int
    max_subscriptions: int
    subscribes_per_second: int
    hits_per_second: int
    log_file: str
    require_ism: bool
    aws_endpoint: str


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: A value is not one of those allowed, or the local target has no endpoint of its own,
            or tokens would be checked in a way that does not hold.
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
    if development_secret and len(development_secret.encode()) < SHORTEST_SECRET:
        raise SettingsError(
            f"LIVEDEX_DEVELOPMENT_SECRET is too short: it has {SHORTEST_SECRET} bytes at least."
        )
    jwks_url = environ.get("LIVEDEX_JWKS_URL", "")
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
        fanout_queue_url=environ.get("LIVEDEX_FANOUT_QUEUE_URL", ""),
        posts_per_second=_count(environ, "LIVEDEX_POSTS_PER_SECOND", 1_000),
        ca_bundle=environ.get("AWS_CA_BUNDLE", ""),
        channel_budget=_count(environ, "LIVEDEX_CHANNEL_BUDGET", 1_000_000),
        table=environ.get("LIVEDEX_TABLE", ""),
        management_endpoint=environ.get("LIVEDEX_MANAGEMENT_ENDPOINT", ""),
        websocket_url=environ.get("LIVEDEX_WEBSOCKET_URL", ""),
        tenancy=_one_of(environ, "LIVEDEX_TENANCY", TENANCIES),
        tenant_claim=environ.get("LIVEDEX_TENANT_CLAIM", "tenant"),
        jwt_issuer=environ.get("LIVEDEX_JWT_ISSUER", "livedex-local"),
        jwt_audience=environ.get("LIVEDEX_JWT_AUDIENCE", "livedex"),
        jwt_algorithms=_algorithms(environ, target, jwks_url),
        jwks_url=_issuer(jwks_url, target),
        development_secret=development_secret,
        allowed_origins=_words(environ.get("LIVEDEX_ALLOWED_ORIGINS", "")),
        max_connections=_count(environ, "LIVEDEX_MAX_CONNECTIONS", 10_000),
        max_channels=_count(environ, "LIVEDEX_MAX_CHANNELS", 10_000),
        max_subscriptions=_count(environ, "LIVEDEX_MAX_SUBSCRIPTIONS", 100),
        subscribes_per_second=_count(environ, "LIVEDEX_SUBSCRIBES_PER_SECOND", 20),
        hits_per_second=_count(environ, "LIVEDEX_HITS_PER_SECOND", 20),
        log_file=environ.get("LIVEDEX_LOG_FILE", ""),
        require_ism=environ.get("LIVEDEX_REQUIRE_ISM", "false") == "true",
        aws_endpoint=aws_endpoint,
    )


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name, allowed[0])
    if value not in allowed:
        raise SettingsError(f"{name} is {value!r}; it may be {', '.join(allowed)}.")
    return value


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise SettingsError(f"{name} is {value!r}; it may be a whole number from 1 on.")
    return int(value)


def _algorithms(environ: Mapping[str, str], target: str, jwks_url: str) -> tuple[str, ...]:
    """What tokens may be signed with: the shared secret's algorithm, or those of an issuer, never both.

    A token that is checked by either could be signed with what the issuer publishes:
    https://www.rfc-editor.org/rfc/rfc8725#section-2.1
    """
    local = target == "local" and not jwks_url
    given = _words(environ.get("LIVEDEX_JWT_ALGORITHMS", "")) or ((SHARED_SECRET,) if local else ("RS256",))
    if SHARED_SECRET in given and (target == "aws" or jwks_url or len(given) > 1):
        raise SettingsError(
            f"LIVEDEX_JWT_ALGORITHMS has {SHARED_SECRET}, which is for tokens of local runs only, and stands "
            f"alone; with an issuer it may have {', '.join(ALGORITHMS)}."
        )
    if unknown := [each for each in given if each not in (SHARED_SECRET, *ALGORITHMS)]:
        raise SettingsError(
            f"LIVEDEX_JWT_ALGORITHMS has {unknown[0]!r}; it may have {', '.join(ALGORITHMS)}, "
            f"and in local runs {SHARED_SECRET}."
        )
    return given


def _issuer(jwks_url: str, target: str) -> str:
    own_machine = target != "aws" and jwks_url.startswith("http://127.0.0.1:")
    if jwks_url and not jwks_url.startswith("https://") and not own_machine:
        raise SettingsError(
            f"LIVEDEX_JWKS_URL is {jwks_url!r}; it begins with https://, or anybody on the way could change "
            "the keys."
        )
    return jwks_url


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)
