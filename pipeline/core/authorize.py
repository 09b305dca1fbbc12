"""Stage: judge who may come in, for which tenant, and until when.

Pure judgement only: a token's signature, issuer, audience and expiry against the clock have been
checked by PyJWT where keys and the clock are; what arrives here is claims that can be trusted.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from typing import TYPE_CHECKING, Any

from pipeline.core.audience import Principal
from pipeline.core.errors import Refused
from pipeline.core.model import DEFAULT_TENANT
from pipeline.core.tenant import LONGEST_KEY, fits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.core.audience import ApiKey, Connection

MAX_NAME = 256
"""Characters of a tenant or a subject: both become parts of the authorizer's answer (8 KB).

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

KEY_PREFIX = "livedex_"
"""How every API key begins, so that people, and scanners of leaked secrets, know one when they see it."""

HINT = len(KEY_PREFIX) + 4
"""Characters of an API key that are kept readable; of its 128 bits of chance they give away 24."""

_KEY = re.compile(KEY_PREFIX + r"[A-Za-z0-9_-]{22,86}", re.ASCII)  # 22 characters of base64 hold 128 bits

_LAST = 253_402_300_800
"""Seconds from the epoch to the year 10000: no token lasts longer."""


def principal(claims: Mapping[str, Any], *, tenancy: str, tenant_claim: str) -> Principal:
    """Tell whom a checked token's claims speak for.

    Args:
        claims: Of a token whose signature, issuer, audience and expiry have been checked.
        tenancy: ``single`` (everybody shares one tenant, whatever the token says) or ``required``.
        tenant_claim: The claim that names the tenant.

    Raises:
        Refused: ``unauthorized``; the text names the claim.
    """
    named = DEFAULT_TENANT if tenancy == "single" else _tenant(claims, tenant_claim)
    return Principal(tenant=named, subject=_name(claims, "sub"), expires=_expires(claims))


def key_principal(text: str, key: ApiKey | None, *, tenancy: str, now: int) -> Principal:
    """Tell whom an API key speaks for.

    Args:
        text: The key as it came.
        key: What is kept under its hash.
        tenancy: As for a token: where it is ``single``, the key's own tenant is not looked at.
        now: Milliseconds since the epoch.

    Raises:
        Refused: ``unauthorized``: it is unknown, revoked, or has ended.
    """
    if key is None or not hmac.compare_digest(key.hash, key_hash(text)):
        raise _unauthorized("The API key is unknown.")
    if key.revoked is not None:
        raise _unauthorized("The API key was revoked: ask for a new one.")
    if key.expires <= now:
        raise _unauthorized("The API key has ended: ask for a new one.")
    tenant = DEFAULT_TENANT if tenancy == "single" else key.tenant
    return Principal(tenant, key.name, key.expires, key.hash)


def ending(connection: Connection | None, key: ApiKey | None, now: int) -> str | None:
    """Tell why an open connection may not stay; None while it may.

    Args:
        connection: As it is remembered; None where it is not, or no longer.
        key: What is kept of the API key that speaks for it; None where a token does.
        now: Milliseconds since the epoch.

    Returns:
        ``expired`` or ``revoked``, as the ``bye`` frame says it.
    """
    if connection is None or connection.principal.expires <= now:
        return "expired"
    if connection.principal.key and (key is None or key.revoked is not None):
        return "revoked"
    return None


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


def key_hash(text: str) -> str:
    """Hash an API key for keeping. Its 128 bits of chance cannot be guessed, so SHA-256 need not be slow."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def is_key(text: str) -> bool:
    """Tell whether a text has the form of an API key, so that nothing else is looked up."""
    return _KEY.fullmatch(text) is not None


def name(value: object, what: str) -> str:
    """Check the name of a tenant or a subject.

    Args:
        value: As it came.
        what: Whose name, for the error: ``The token's claim 'sub'``.

    Raises:
        Refused: ``unauthorized``: it is no text, empty, too long, or has characters that cannot be shown.
    """
    if not isinstance(value, str) or not value.strip():
        raise _unauthorized(f"{what} is missing, or no text; its issuer must add it.")
    if len(value) > MAX_NAME:
        raise _unauthorized(f"{what} is longer than {MAX_NAME} characters.")
    if not value.isprintable():
        raise _unauthorized(f"{what} has characters that cannot be shown.")
    return value


def tenant(value: object, what: str) -> str:
    """Check the name of a tenant, which becomes part of the connection table's keys.

    Raises:
        Refused: ``unauthorized``: as for ``name``, or too long there.
    """
    named = name(value, what)
    if not fits(named):
        raise _unauthorized(f"{what} is longer than {LONGEST_KEY} bytes, percent-encoded in UTF-8.")
    return named


def _tenant(claims: Mapping[str, Any], claim: str) -> str:
    return tenant(claims.get(claim), f"The token's claim {claim!r}")


def _name(claims: Mapping[str, Any], claim: str) -> str:
    return name(claims.get(claim), f"The token's claim {claim!r}")


def _expires(claims: Mapping[str, Any]) -> int:
    """Read ``exp``, seconds since the epoch and perhaps a fraction, as milliseconds.

    Source: https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.4
    """
    value = claims.get("exp")
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 < value < _LAST
    ):
        raise _unauthorized("The token has no claim 'exp' that is a time in seconds; its issuer must add it.")
    return int(value * 1000)


def _plain(origin: str) -> str:
    return origin.rstrip("/").lower()


def _unauthorized(text: str) -> Refused:
    return Refused("unauthorized", text)
