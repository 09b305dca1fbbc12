"""How the form of events is worked out: of their kind, and of the types of their values.

The text of the document is written once, as ``normalise`` would write it, with gaps for the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import orjson

from pipeline.core import lines, template, terms
from pipeline.core.document import Carried
from pipeline.core.form import DAY, FIRST, ID, MESSAGE, MOMENT, WRITERS, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.core.form import Write
    from pipeline.core.kind import Kind

    Types: TypeAlias = Mapping[str, type]
    """What stands at each path of a kind."""

MISSING, NULL = msgspec.UnsetType, type(None)
SCALARS = frozenset({str, int, float, bool, NULL, MISSING})


def form(kind: Kind, types: Sequence[type]) -> Form | None:
    """Work out the form of events whose values have these types; None where there can be none."""
    found, literal = dict(zip(kind.paths, types, strict=False)), types[len(kind.paths) :]
    if not _is_sure(kind, found) or any(each is not MISSING for each in literal):
        return None
    route, order = kind.route, {path: number for number, path in enumerate(kind.paths)}
    attributes = {name: order[path] for name, path in route.attributes if found[path] is not MISSING}
    excerpt = [path for path in route.delta if found[path] is not MISSING]
    shown = {*_told(kind), *(path for _, path in route.attributes)}
    floats = [order[path] for path in shown if found[path] is float]
    literals = {number: FIRST + len(types) + nth for nth, number in enumerate(floats)}
    message = _message(kind, found, order, literals)
    pieces = _text(kind, found, attributes, literals, message).split(_GAP)
    return Form(
        kind,
        tuple(int(piece) if number % 2 else piece for number, piece in enumerate(pieces)),
        tuple(_written(found, order, shown)),
        tuple(FIRST + number for number in floats),
        tuple(order[path] for path in route.identity),
        order[route.tenant] if _says_its_tenant(kind, found) and route.tenant else None,
        None if route.occurred is None else order[route.occurred],
        tuple(attributes.values()),
        Carried(
            _getter({name: kind.values[number] for name, number in attributes.items()}),
            _getter({path: kind.values[order[path]] for path in excerpt}),
        ),
        message,
        terms.MAX_TOKEN // terms.WIDEST - max(map(len, attributes), default=0) - len('=""'),
    )


def _is_sure(kind: Kind, found: Types) -> bool:
    """Whether of values of these types the text is sure."""
    route = kind.route
    shown = (*_told(kind), *(path for _, path in route.attributes), *route.delta)
    message = route.message if route.message in found else None
    return (
        all(found[path] in SCALARS for path in shown)
        and all(found[path] in {str, int, bool} for path in route.identity)
        and (route.occurred is None or found[route.occurred] in {str, int, float})
        and (kind.owner is not None or not route.tenant or found[route.tenant] in {str, NULL, MISSING})
        and (message is None or found[message] in {str, NULL, MISSING})
    )


def _getter(values: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    return lambda read: {name: value(read) for name, value in values.items()}


def _says_its_tenant(kind: Kind, found: Types) -> bool:
    tenant = kind.route.tenant
    return kind.owner is None and tenant is not None and found[tenant] is str


def _told(kind: Kind) -> Sequence[str]:
    """The paths in the message's template; none where the message is a value."""
    text = kind.route.message
    return template.parts(text)[1::2] if text and template.is_template(text) else ()


def _message(
    kind: Kind, found: Types, order: Mapping[str, int], literals: Mapping[int, int]
) -> tuple[str | int, ...] | int | None:
    text = kind.route.message
    if text is None:
        return None
    if not template.is_template(text):
        return FIRST + order[text] if found[text] is str else None
    parts: list[str | int] = list(template.parts(text))
    for number, path in zip(range(1, len(parts), 2), _told(kind), strict=True):
        place = literals.get(order[path], FIRST + order[path])
        parts[number] = template.UNKNOWN if found[path] in {NULL, MISSING} else place
    return tuple(parts)


def _written(found: Types, order: Mapping[str, int], shown: set[str]) -> Iterator[tuple[int, Write]]:
    """What has to be written, or to be looked at: orjson reads integers beyond 64 bits as other numbers."""
    for path, each in found.items():
        if each is int or (path in shown and each in WRITERS):
            yield FIRST + order[path], WRITERS[each]


_GAP = "\0"
"""Around the place whose text belongs there; no JSON has it."""


def _gap(place: int, *, quoted: bool = False) -> str:
    return f'"{_GAP}{place}{_GAP}"' if quoted else f"{_GAP}{place}{_GAP}"


def _text(
    kind: Kind,
    found: Types,
    attributes: Mapping[str, int],
    literals: Mapping[int, int],
    message: tuple[str | int, ...] | int | None,
) -> str:
    """Write the document's lines up to its ``detail``, as ``normalise`` would, with gaps."""
    route = kind.route
    members, tokens = (each.decode() for each in lines.common(route.family, kind.source, kind.detail_type))
    for name, number in attributes.items():
        is_text = found[kind.paths[number]] is str
        members += f'"{name}":{_gap(FIRST + number, quoted=is_text)},'
        literal = _gap(literals.get(number, FIRST + number), quoted=is_text).replace('"', '\\"')
        tokens += f',"{name}={literal}"'
    tenant = orjson.dumps(kind.owner).decode()
    if _says_its_tenant(kind, found) and route.tenant:
        tenant = _gap(FIRST + kind.paths.index(route.tenant), quoted=True)
    told = _gap(MESSAGE) if isinstance(message, tuple) else "null"
    if isinstance(message, int):
        told = _gap(message, quoted=True)
    opening = lines.opening(f"{route.family}-{_gap(DAY)}", _gap(ID), _gap(MOMENT))
    return f'{opening}{members}"tokens":[{tokens}],"tenant":{tenant},"message":{told},"detail":'
