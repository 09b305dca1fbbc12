"""Stage: name the channel that clients share who ask for the same.

All checking of a filter is done here, so matching can never fail later.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson

from pipeline.core import pattern, ways
from pipeline.core.audience import Channel
from pipeline.core.bad_filter import shown
from pipeline.core.errors import Refused

COMMON_KEYS = frozenset({"family", "source", "eventType"})
"""What every filter may name beside its events' attributes."""

MAX_FILTER = 2_048
"""Characters of a filter in canonical form, as for an EventBridge pattern.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""


def of(tenant: str, asked: object, attributes: frozenset[str] | None) -> Channel:
    """Name the channel of a tenant's filter: equal filters, however written, share one.

    An empty filter means everything that the tenant has.

    Args:
        tenant: From the client's token, never from its frame.
        asked: The filter, parsed from JSON.
        attributes: The attributes that routes declare; None where they are not known.

    Raises:
        Refused: ``bad-filter``; the text names what is wrong and what may be instead.
    """
    parsed = pattern.parse(asked)
    undeclared = parsed.keys() - COMMON_KEYS - attributes if attributes is not None else ()
    if undeclared:
        known = ", ".join(sorted(COMMON_KEYS | (attributes or frozenset())))
        raise Refused(
            "bad-filter", f"No event has the attribute {shown(min(undeclared))}; a filter may name {known}."
        )
    text = pattern.canonical(parsed)
    if len(text) > MAX_FILTER:
        raise Refused("bad-filter", f"The filter has {len(text)} characters; it may have {MAX_FILTER}.")
    name = hashlib.sha256(orjson.dumps([tenant, text])).hexdigest()[:32]
    return Channel(tenant, text, name, weight=ways.weight(parsed))


def conflated(plain: Channel, key: str | None, attributes: frozenset[str] | None) -> Channel:
    """Name the channel of those who want but the latest hit for each value of an attribute.

    They share no frames with those who want every hit, so theirs is another channel of the same filter.

    Args:
        plain: The filter's channel.
        key: What the client asked for; None for every hit.
        attributes: See ``of``.

    Raises:
        Refused: ``bad-conflate``; no event has the attribute.
    """
    if key is None:
        return plain
    if attributes is not None and key not in COMMON_KEYS | attributes:
        known = ", ".join(sorted(COMMON_KEYS | attributes))
        raise Refused(
            "bad-conflate", f'No event has the attribute {shown(key)}; "conflate" may name {known}.'
        )
    named = orjson.dumps([plain.tenant, plain.filter, key])
    return replace(plain, id=hashlib.sha256(named).hexdigest()[:32], conflate=key)
