"""Whether a family's index template has a field for everything that its routes make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.bodies import layout
from pipeline.core.findings import Finding, note
from pipeline.core.model import FIELD_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.bodies import Layout, Wanted
    from pipeline.core.model import JsonObject, Route

COMMON = {
    "@timestamp": "date",
    "@ingested": "date",
    "id": "keyword",
    "tenant": "keyword",
    "source": "keyword",
    "eventType": "keyword",
    "tokens": "keyword",
    "detail": "flat_object",
    "ignored": "keyword",
}
"""The fields that every family's indices need, for documents are found and ordered by them."""

ROUNDING = frozenset({"byte", "short", "integer", "float", "half_float", "scaled_float", "unsigned_long"})
"""Numeric types that hold less than a JSON number may say, and so refuse or round values.

https://docs.opensearch.org/latest/field-types/supported-field-types/numeric/
"""

FORGIVING = frozenset({"long", "double", "date", "date_nanos", "ip"})
"""Types that can leave out a value that does not fit.

https://docs.opensearch.org/latest/field-types/mapping-parameters/ignore-malformed/
"""

LONGEST_KEYWORD = 8_191
"""Characters that are surely under the 32,766 bytes of Lucene's longest term, at four bytes each.

https://docs.opensearch.org/latest/field-types/mapping-parameters/ignore-above/
"""


def findings(family: str, routes: Sequence[Route], bodies: Sequence[Wanted]) -> Iterator[Finding]:
    """Hold a family's routes against the template that its indices get."""
    place = f"family {family}"
    laid = layout(family, bodies)
    if laid is None:
        text = (
            f"no index template is for {family}-*: OpenSearch would guess types and take every key of every "
            f"event for a field; add index_templates/{family}.json."
        )
        yield Finding(place, text)
        return
    file = laid.template.file
    for rival in laid.rivals:
        text = f"{rival.file} is for {family}-* too, at the same `priority`, which OpenSearch refuses."
        yield Finding(file, text)
    if laid.missing:
        text = f"it is composed of {', '.join(laid.missing)}, which no file here has: not looked at further."
        yield note(file, text)
        return
    if laid.dynamic != "false":
        text = f'`dynamic` is {laid.dynamic}, so events add fields until there are too many; write "false".'
        yield Finding(file, text)
    for name, wanted in COMMON.items():
        type_ = laid.fields.get(name, {}).get("type")
        if type_ != wanted:
            yield Finding(file, f"{name} is mapped as {type_ or 'nothing'}; it must be {wanted}.")
    yield from _of_attributes(routes, laid)


def _of_attributes(routes: Sequence[Route], laid: Layout) -> Iterator[Finding]:
    kinds = {name: kind for route in routes for name, kind in route.kinds}
    for name in dict.fromkeys(name for route in routes for name, _ in route.attributes):
        field = laid.fields.get(name)
        if field is None:
            text = (
                f"attribute {name} has no field: a range on it reads every document; add "
                f'"{name}": {{"type": "keyword"}} to `properties`, or the type that its values have.'
            )
            yield Finding(laid.template.file, text)
        else:
            for text in _of_field(field, kinds.get(name), malformed_ignored=laid.ignores_malformed):
                yield Finding(laid.template.file, f"attribute {name} {text}")


def _of_field(field: JsonObject, kind: str | None, *, malformed_ignored: bool) -> Iterator[str]:
    type_ = str(field.get("type", "object"))
    if type_ in ROUNDING:
        yield f"is mapped as {type_}, which does not hold every number: write long or double."
    elif kind is not None and type_ not in FIELD_TYPES[kind]:
        allowed = sorted(FIELD_TYPES[kind] - ROUNDING)
        yield f"is mapped as {type_}, and a route says that it is a {kind}: write {' or '.join(allowed)}."
    if type_ == "boolean":
        yield "is mapped as boolean, which refuses events with any other value: write keyword."
    if type_ in FORGIVING and not field.get("ignore_malformed", malformed_ignored):
        yield f'is mapped as {type_}, which refuses events with another value: "ignore_malformed": true.'
    if type_ == "keyword" and not 0 < field.get("ignore_above", LONGEST_KEYWORD + 1) <= LONGEST_KEYWORD:
        yield f'is mapped as keyword, which refuses events with long text: "ignore_above": {LONGEST_KEYWORD}.'
