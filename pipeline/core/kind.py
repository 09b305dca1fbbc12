"""Kinds: what is read of the events of one source and detail-type, which all take one route.

The values at the route's paths, and nothing else: what lies beside them is passed over unread.
"""

from __future__ import annotations

from dataclasses import field
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from pipeline.core import instant, template
from pipeline.core.model import DEFAULT_TENANT, LONGEST_NAME
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pipeline.core.model import Route

    Column: TypeAlias = Sequence[Any]
    """One value of each event."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
_Tree: TypeAlias = "dict[str, _Tree]"


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """An envelope as most are, with its ``detail`` as it was written.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """

    id: _Name
    source: _Name
    detail_type: _Name = msgspec.field(name="detail-type")
    time: str
    detail: msgspec.Raw
    replay: str | None = msgspec.field(name="replay-name", default=None)


@noun
class Kind:
    """What is read of the events of one kind.

    Attributes:
        paths: Where the route finds values.
        read: Reads ``detail``, and of it only what stands at the paths.
        values: Gets each of those values from what was read, ``msgspec.UNSET`` where there is none; behind
            them those that lie under the whole text of a path with dots, which ``path.value_at`` would find
            first.
        places: Where those values are: the number of the field of what was read, and what gets them from
            there, None where they are its own.
        owner: The tenant of all events, or None where each says its own.
        lateness: Milliseconds after the start of its day for which an event is taken.
        forms: By the types of the values; None where events with such values have none. They are learned
            as events come, and no part of the value.
    """

    source: str
    detail_type: str
    route: Route
    paths: tuple[str, ...]
    read: Callable[[msgspec.Raw], msgspec.Struct]
    values: tuple[Callable[[Any], Any], ...]
    places: tuple[tuple[int, Callable[[Any], Any] | None], ...]
    owner: str | None
    lateness: int
    forms: dict[tuple[type, ...], Any] = field(default_factory=dict, compare=False, repr=False)

    def columns(self, read: Iterable[msgspec.Struct]) -> list[Column]:
        """Get the ``values`` of some events, at least one, a column for each."""
        fields = list(zip(*map(astuple, read), strict=True))
        return [fields[top] if below is None else list(map(below, fields[top])) for top, below in self.places]


def kind(source: str, detail_type: str, route: Route, *, single_tenant: bool) -> Kind | None:
    """Work out how events of a kind are read.

    Returns:
        None where they cannot be read so: a path goes on where another ends, picks from an array, or has a
        key that JSON writes with a backslash.
    """
    wanted = tuple(dict.fromkeys(_paths(route, single_tenant=single_tenant)))
    # A key that has dots in its own name is found by that name first.
    literal = tuple(path for path in wanted if "." in path)
    tree: _Tree = {}
    for path in wanted:
        place = tree
        for step in path.split("."):
            place = place.setdefault(step, {})
    if any(_leads_on(path, tree) or _may_index(path) for path in wanted):
        return None
    places = [_attribute(path.split("."), tree) for path in wanted]
    places += [f"literal{number}" for number in range(len(literal))]
    try:
        fields = [*_fields(tree), *(_value(f"literal{number}", path) for number, path in enumerate(literal))]
        detail = msgspec.defstruct("Detail", fields, frozen=True, gc=False)
    except ValueError:
        return None
    return Kind(
        source,
        detail_type,
        route,
        wanted,
        msgspec.json.Decoder(detail).decode,
        tuple(map(attrgetter, places)),
        tuple(_place(each, [name for name, *_ in fields]) for each in places),
        DEFAULT_TENANT if single_tenant else None,
        route.lateness * instant.DAY,
    )


def _paths(route: Route, *, single_tenant: bool) -> Iterator[str]:
    """The paths of all that a document takes from ``detail``."""
    yield from route.identity
    if route.occurred is not None:
        yield route.occurred
    if route.tenant is not None and not single_tenant:
        yield route.tenant
    if route.message is not None:
        is_template = template.is_template(route.message)
        yield from template.parts(route.message)[1::2] if is_template else [route.message]
    yield from (path for _, path in route.attributes)
    yield from route.delta


def _leads_on(path: str, tree: _Tree) -> bool:
    """Whether another path goes on where this one ends."""
    place = tree
    for step in path.split("."):
        place = place[step]
    return bool(place)


def _may_index(path: str) -> bool:
    """Whether a step may pick an element of an array."""
    return any(step.isdecimal() for step in path.split(".")[1:])


def _attribute(steps: Iterable[str], tree: _Tree) -> str:
    """Say where the value of a path is in what ``_fields`` made of the tree."""
    names: list[str] = []
    for step in steps:
        names.append(f"field{list(tree).index(step)}")
        tree = tree[step]
    return ".".join(names)


def _place(attribute: str, fields: Sequence[str]) -> tuple[int, Callable[[Any], Any] | None]:
    """Where the value of an attribute is, in a struct with these fields."""
    top, _, below = attribute.partition(".")
    return fields.index(top), attrgetter(below) if below else None


def _fields(tree: _Tree) -> list[Any]:
    """The fields of a struct that holds what the tree names, and structs where it branches."""
    fields: list[Any] = []
    for number, (step, below) in enumerate(tree.items()):
        name = f"field{number}"
        if below:
            inner = msgspec.defstruct("Inner", _fields(below), frozen=True, gc=False)
            fields.append((name, inner, msgspec.field(name=step, default_factory=inner)))
        else:
            fields.append(_value(name, step))
    return fields


def _value(name: str, key: str) -> tuple[str, Any, Any]:
    """A field for whatever stands under a key."""
    return name, Any, msgspec.field(name=key, default=msgspec.UNSET)
