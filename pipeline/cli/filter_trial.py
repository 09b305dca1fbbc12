"""A filter on trial: what it says of an event, and why it does not take one. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.cli import route_trial
from pipeline.core import derive, match, normalise, pattern, route
from pipeline.core.errors import Rejected
from pipeline.core.path import MISSING, value_at
from pipeline.core.terms import literal, scalars

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.cli.lines import Line
    from pipeline.core.model import JsonObject
    from pipeline.core.pattern import Clause, Pattern

_SHOWN = 60
"""Characters of a value that a reason repeats."""


def routed(line: Line, known: route.Routes) -> dict[str, Any]:
    """Give what a filter may name in an event, as the index function would make it.

    Which fact it is and when it happened decide no filter, so an event may lack both here.

    Raises:
        Rejected: It is no event.
    """
    event = route_trial.event(line, 0)
    chosen = replace(route.choose(event, known), identity=(), occurred=None)
    document = normalise.normalise(event, chosen, single_tenant=True, now=event.time)
    return match.fields(derive.delta(document, event.time))


def straight(line: Line, keys: frozenset[str]) -> dict[str, Any]:
    """Give what stands at some keys of an event, or of any JSON object, without routes.

    A key is a dotted path into ``detail``, else into the event as a whole; ``eventType`` is also the
    envelope's ``detail-type``.

    Raises:
        Rejected: It is no JSON object.
    """
    if line.fault:
        raise Rejected("malformed", f"{line.fault}.")
    found = {key: _at(line.envelope, key) for key in keys}
    return {key: value for key, value in found.items() if value is not MISSING}


def _at(event: JsonObject, key: str) -> Any:  # noqa: ANN401 - any JSON value
    detail = event.get("detail")
    places = [*([detail] if isinstance(detail, dict) else []), event]
    name = "detail-type" if key == "eventType" and "eventType" not in event else key
    for place in places:
        value = value_at(place, key if place is detail else name)
        if value is not MISSING:
            return value
    return MISSING


def reasons(asked: Pattern, found: Mapping[str, Any]) -> Iterator[str]:
    """Say, for each part of a filter that an event does not meet, what it has instead."""
    for clause in asked.clauses:
        if not clause.met([*scalars(found.get(clause.key, []))]):
            yield _instead(clause, found)
    for group in asked.alternatives:
        unmet = [" and ".join(reasons(alternative, found)) for alternative in group]
        if all(unmet):
            yield "none of the alternatives: " + "; or ".join(dict.fromkeys(unmet))


def _instead(clause: Clause, found: Mapping[str, Any]) -> str:
    wanted = pattern.canonical(pattern.Pattern((clause,)))[len(literal(clause.key)) + 2 : -1]
    if clause.key not in found:
        return f"{clause.key} is missing, wanted {wanted}"
    value = found[clause.key]
    text = orjson.dumps(value).decode()
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    none = "" if [*scalars(value)] else ", which is no value"
    return f"{clause.key} is {shown}{none}, wanted {wanted}"
