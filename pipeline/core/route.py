"""Which events become what: ``routes.toml``, checked, and the choice among its routes."""

from __future__ import annotations

import tomllib
from dataclasses import field
from typing import TYPE_CHECKING

from pipeline.core import table
from pipeline.core.errors import Refused
from pipeline.core.model import Event, Route
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable

CATCH_ALL = Route(source="*", family="events", tenant="tenant")
"""Where an event goes that no route names: the first one shows up with no configuration."""

REMEMBERED = 10_000
"""Pairs of source and detail-type whose route is remembered; whoever sends more has made them up."""


class RouteError(Refused):
    """What is wrong in a routes file: a line for each mistake, with file, table, key and the way out."""

    def __init__(self, text: str) -> None:
        super().__init__("bad-routes", text)

    def __str__(self) -> str:
        return self.text


# --- the choice -------------------------------------------------------------------------------


@noun
class Routes:
    """All routes, the most particular first, the catch-all last.

    Attributes:
        ordered: Exact sources before longer prefixes before shorter ones; at the same source, a
            route that names its detail-types before the one that takes them all.
        numbers: For each of these, which table of the file it comes from, counted from 1; 0 for the
            built-in one.
        remembered: What was chosen before; no part of the value.
    """

    ordered: tuple[Route, ...] = (CATCH_ALL,)
    numbers: tuple[int, ...] = (0,)
    remembered: dict[tuple[str, str], Route] = field(default_factory=dict, compare=False, repr=False)

    @property
    def families(self) -> frozenset[str]:
        """Every family that an event may come to."""
        return frozenset(route.family for route in self.ordered)

    @property
    def attributes(self) -> frozenset[str]:
        """Every attribute that a document may have."""
        return frozenset(name for route in self.ordered for name, _ in route.attributes)


@noun
class Considered:
    """A route, held against events of one kind.

    Attributes:
        number: The table that it comes from, counted from 1; 0 for the built-in one.
        takes: Whether it would take the event if no route before it did.
        why: One clause for people: which events it takes.
    """

    number: int
    route: Route
    takes: bool
    why: str


def routes(text: str, name: str = "routes.toml") -> Routes:
    """Read and check a routes file.

    Args:
        text: The file's TOML.
        name: What errors call the file.

    Raises:
        RouteError: A line for each mistake, with file, table, key and the way out.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RouteError(f"{name}: no TOML: {error}.") from None
    written = tables.pop("route", [])
    if tables or not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
        where = _quoted(tables) or "'route'"
        raise RouteError(f"{name}: {where}: a routes file holds [[route]] tables and nothing else.")
    found: list[tuple[int, Route]] = []
    mistakes: list[str] = []
    for number, each in enumerate(written, start=1):
        try:
            found.extend((number, route) for route in table.read(each))
        except table.TableError as wrong:
            mistakes.extend(f"{name}: route {number}: {line}" for line in wrong.lines)
    mistakes.extend(f"{name}: {clash}" for clash in _clashes(found))
    if mistakes:
        raise RouteError("\n".join(mistakes))
    ranked = sorted(found, key=lambda numbered: _rank(numbered[1]))
    return Routes(
        (*(route for _, route in ranked), CATCH_ALL),
        (*(number for number, _ in ranked), 0),
    )


def choose(event: Event, routes: Routes) -> Route:
    """Find an event's route: exact source, then longest prefix, then the catch-all. Never fails."""
    return find(event.source, event.detail_type, routes)


def find(source: str, detail_type: str, routes: Routes) -> Route:
    """Find the route of events of one kind, such as those that a stored document came from."""
    kind = (source, detail_type)
    chosen = routes.remembered.get(kind)
    if chosen is None:
        chosen = next(route for route in routes.ordered if _takes(route, *kind))
        if len(routes.remembered) < REMEMBERED:
            routes.remembered[kind] = chosen
    return chosen


def considered(source: str, detail_type: str, routes: Routes) -> list[Considered]:
    """Say of each route, in the order in which they are asked, why it takes events of one kind or not."""
    return [
        Considered(number, route, _takes(route, source, detail_type), _why(route, source, detail_type))
        for number, route in zip(routes.numbers, routes.ordered, strict=True)
    ]


def _why(route: Route, source: str, detail_type: str) -> str:
    begins = route.source.removesuffix("*")
    if route.source == "*":
        sources = "any source"
    elif begins == route.source:
        sources = f"source '{route.source}'"
    else:
        sources = f"sources that begin with '{begins}'"
    types = f"of detail-type {' or '.join(map(repr, route.detail_types))}" if route.detail_types else ""
    wanted = f"it takes {sources} {types}".rstrip()
    return wanted if _takes(route, source, detail_type) else f"{wanted} only"


def _takes(route: Route, source: str, detail_type: str) -> bool:
    if route.detail_types and detail_type not in route.detail_types:
        return False
    return source.startswith(route.source[:-1]) if route.source.endswith("*") else source == route.source


def _rank(route: Route) -> tuple[bool, int, bool]:
    return route.source.endswith("*"), -len(route.source), not route.detail_types


# --- mistakes ---------------------------------------------------------------------------------


def _clashes(found: Iterable[tuple[int, Route]]) -> Iterable[str]:
    """Name the routes that cannot live together: they take the same events, or make one index two ways."""
    takers: dict[tuple[str, str], int] = {}
    ages: dict[str, tuple[int, int]] = {CATCH_ALL.family: (0, CATCH_ALL.retention_days)}
    kinds: dict[tuple[str, str], tuple[int, str]] = {}
    for number, route in found:
        for detail_type in route.detail_types or ("",):
            first = takers.setdefault((route.source, detail_type), number)
            if first != number:
                which = f"detail-type '{detail_type}'" if detail_type else "no detail-type"
                yield (
                    f"route {number}: 'source': '{route.source}' with {which} is already in route {first}: "
                    "take it out of one of them, or tell them apart by 'detail-type'."
                )
        where, age = ages.setdefault(route.family, (number, route.retention_days))
        if age != route.retention_days:
            yield (
                f"route {number}: 'retention-days': {route.retention_days}, but {age} in {_named(where)}: "
                f"the indices of family '{route.family}' are deleted at one age; write the same in both, or "
                "choose another family."
            )
        for name, kind in route.kinds:
            where, said = kinds.setdefault((route.family, name), (number, kind))
            if said != kind:
                yield (
                    f"route {number}: 'attributes.{name}.type': '{kind}', but '{said}' in {_named(where)}: "
                    f"family '{route.family}' has one such field; write the same in both, or choose another "
                    "name."
                )


def _named(number: int) -> str:
    return f"route {number}" if number else "the built-in catch-all"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
