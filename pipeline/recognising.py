"""Recognising: what a request shows -> the principal that it speaks for. Stories share this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import authorize, identify
from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from pipeline.core.audience import Principal
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable
    from pipeline.ports.tokens import Tokens


@noun
class Gate:
    """What is needed to tell who somebody is.

    Attributes:
        tenancy: ``single`` or ``required``.
        tenant_claim: The token's claim that names the tenant.
    """

    tokens: Tokens
    table: ConnectionTable
    clock: Clock
    tenancy: str
    tenant_claim: str


def recognise(shown: identify.Bearer | identify.Key, gate: Gate) -> Principal:
    """Tell who shows a token or an API key.

    Raises:
        Refused: ``unauthorized``; it does not hold.
        Unavailable: It cannot be told just now.
    """
    if isinstance(shown, identify.Bearer):
        claims = gate.tokens.claims(shown.token)
        return authorize.principal(claims, tenancy=gate.tenancy, tenant_claim=gate.tenant_claim)
    key = gate.table.key(authorize.key_hash(shown.text)) if authorize.is_key(shown.text) else None
    return authorize.key_principal(shown.text, key, tenancy=gate.tenancy, now=gate.clock.now())


def still_recognised(principal: Principal, table: ConnectionTable) -> None:
    """Ask again for the key that a principal came by; one that came by a token is let pass.

    Raises:
        Refused: ``unauthorized``; its key was revoked meanwhile.
    """
    if not principal.key:
        return
    key = table.key(principal.key)
    if key is None or key.revoked is not None:
        raise Refused("unauthorized", "The API key was revoked: ask for a new one.")
