"""Stage: judge who may connect and for which tenant.

Pure judgement only: the token's signature, issuer, audience and expiry against the clock have been
checked by PyJWT where keys and the clock are; what arrives here is claims that can be trusted.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.core.audience import Principal
from pipeline.core.errors import Refused
from pipeline.core.model import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL = "livedex"
"""The WebSocket subprotocol that a browser offers beside its token, and that is chosen then."""

MAX_NAME = 256
"""Characters of a tenant or a subject: both become parts of keys and of the authorizer's answer (8 KB).

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

_WAY_IN = (
    "Connect with ?ticket=… (get one with POST /v1/tickets), or send a token as 'Authorization: Bearer …' "
    f"or, from a browser, as a second WebSocket subprotocol beside '{PROTOCOL}'."
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A single-use ticket, as it came."""

    text: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, as it came and unchecked.

    Attributes:
        protocol: The subprotocol to answer with in ``Sec-WebSocket-Protocol``, without which a browser
            closes the connection; None when the token came otherwise.
    """

    token: str
    protocol: str | None = None


def principal(claims: Mapping[str, Any], *, tenancy: str, tenant_claim: str) -> Principal:
    """Tell whom a checked token's claims speak for.

    Args:
        claims: Of a token whose signature, issuer, audience and expiry have been checked.
        tenancy: ``single`` (everybody shares one tenant, whatever the token says) or ``required``.
        tenant_claim: The claim that names the tenant.

    Raises:
        Refused: ``unauthorized``; the text names the claim.
    """
    tenant = DEFAULT_TENANT if tenancy == "single" else _name(claims, tenant_claim)
    return Principal(tenant=tenant, subject=_name(claims, "sub"), expires=_expires(claims))


def credential(
    headers: Mapping[str, str | None] | None, query: Mapping[str, str | None] | None
) -> Ticket | Bearer:
    """Find what a request to connect shows: a ticket before a header, a header before a subprotocol.

    Args:
        headers: Names in any case, as clients and proxies send them.
        query: The query string's parameters.

    Raises:
        Refused: ``unauthorized`` when there is none, or none that can be read; the text says how to send one.
    """
    if ticket := (query or {}).get("ticket"):
        return Ticket(ticket)
    named = {name.lower(): value for name, value in (headers or {}).items() if value}
    if "authorization" in named:
        return _from_authorization(named["authorization"])
    if "sec-websocket-protocol" in named:
        return _from_protocols(named["sec-websocket-protocol"])
    raise _unauthorized(f"Nothing tells who you are. {_WAY_IN}")


def bearer(headers: Mapping[str, str | None] | None) -> str:
    """Find the token of an HTTP request.

    Raises:
        Refused: ``unauthorized``; the text says how to send one.
    """
    named = {name.lower(): value for name, value in (headers or {}).items() if value}
    return _from_authorization(named.get("authorization", "")).token


def origin_allowed(origin: str | None, allowed: tuple[str, ...]) -> bool:
    """Tell whether a page of this origin may connect.

    Browsers always send an origin, and let any page open a WebSocket to any server; other clients send
    none and are let through, since they could invent one. ``*`` allows every origin.
    """
    if origin is None or "*" in allowed:
        return True
    return _plain(origin) in map(_plain, allowed)


def ticket_hash(ticket: str) -> str:
    """Hash a ticket for keeping: who reads the table cannot connect with what is there. SHA-256, hex."""
    return hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()


def _from_authorization(value: str) -> Bearer:
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized(f"The Authorization header is no 'Bearer …'. {_WAY_IN}")
    return Bearer(token)


def _from_protocols(value: str) -> Bearer:
    offered = [protocol.strip() for protocol in value.split(",")]
    tokens = [protocol for protocol in offered if _JWT.fullmatch(protocol)]
    if not tokens:
        raise _unauthorized(f"None of the WebSocket subprotocols offered is a token. {_WAY_IN}")
    return Bearer(tokens[0], PROTOCOL if PROTOCOL in offered else tokens[0])


def _name(claims: Mapping[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not value.strip():
        raise _unauthorized(f"The token has no claim {claim!r} that is a text; its issuer must add it.")
    if len(value) > MAX_NAME:
        raise _unauthorized(f"The token's claim {claim!r} is longer than {MAX_NAME} characters.")
    return value


def _expires(claims: Mapping[str, Any]) -> int:
    """Read ``exp``, seconds since the epoch and perhaps a fraction, as milliseconds.

    Source: https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.4
    """
    value = claims.get("exp")
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise _unauthorized("The token has no claim 'exp' that is a time in seconds; its issuer must add it.")
    return int(value * 1000)


def _plain(origin: str) -> str:
    return origin.rstrip("/").lower()


def _unauthorized(text: str) -> Refused:
    return Refused("unauthorized", text)
