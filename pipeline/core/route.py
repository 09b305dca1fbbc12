"""Which events become what: ``routes.toml``, checked, and the choice among its routes."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline.core.model import COMMON_FIELDS, Event, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

CATCH_ALL = Route(source="*", family="events", tenant="tenant")
"""Where an event goes that no route names: the first one shows up with no configuration."""

REMEMBERED = 10_000
"""Pairs of source and detail-type whose route is remembered; whoever sends more has made them up."""


class RouteError(ValueError):
    """What is wrong in a routes file: the file, the table, the key and the way out."""


# --- the file ---------------------------------------------------------------------------------


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", text):
        raise ValueError(
            "a family begins index names: a lower-case letter, then up to 99 of these, digits or _; "
            "no hyphen, or the pattern 'a-*' would also take the indices of 'a-b'"
        )
    return text


def _attribute(name: str) -> str:
    if name in COMMON_FIELDS or name == "family":
        raise ValueError(f"'{name}' is a field of every document: choose another name for the attribute")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name):
        raise ValueError(
            f"'{name}' cannot name an attribute: use a letter, then up to 99 letters, digits or _"
        )
    return name


def _path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a path is one or more keys with dots between them, such as 'timings.totalMs'")
    return text


def _source(text: str) -> str:
    if not text or "*" in text[:-1]:
        raise ValueError("a source is exact ('payments') or a prefix that ends in its only * ('shop.*')")
    return text


def _list(value: Any) -> Any:  # noqa: ANN401 - before any check
    return [value] if isinstance(value, str) else value


_Path = Annotated[str, AfterValidator(_path)]
_Source = Annotated[str, AfterValidator(_source)]
_Sources = Annotated[list[_Source], BeforeValidator(_list), Field(min_length=1)]
_Paths = Annotated[list[_Path], BeforeValidator(_list)]
_Names = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_list)]


class _Table(BaseModel):
    """One ``[[route]]`` table as it is written."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    source: _Sources
    detail_type: _Names = []
    family: Annotated[str, AfterValidator(_name)]
    identity: _Paths = []
    occurred: _Path | None = None
    tenant: _Path | None = None
    attributes: dict[Annotated[str, AfterValidator(_attribute)], _Path] = {}
    message: _Path | None = None
    delta: _Paths = []
    index: bool = True
    announce_replays: bool = False
    retention_days: Annotated[int, Field(ge=2, le=36_500)] = 14

    def routes(self) -> Iterable[Route]:
        for source in self.source:
            yield Route(
                source=source,
                family=self.family,
                detail_types=tuple(self.detail_type),
                identity=tuple(self.identity),
                occurred=self.occurred,
                tenant=self.tenant,
                attributes=tuple(self.attributes.items()),
                message=self.message,
                delta=tuple(self.delta),
                index=self.index,
                announce_replays=self.announce_replays,
                retention_days=self.retention_days,
            )


KEYS = tuple(column.alias or name for name, column in _Table.model_fields.items())
"""The keys that a table may have."""


# --- the choice -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, the most particular first, the catch-all last.

    Attributes:
        ordered: Exact sources before longer prefixes before shorter ones; at the same source, a
            route that names its detail-types before the one that takes them all.
        remembered: What was chosen before; no part of the value.
    """

    ordered: tuple[Route, ...] = (CATCH_ALL,)
    remembered: dict[tuple[str, str], Route] = field(default_factory=dict, compare=False, repr=False)

    @property
    def families(self) -> frozenset[str]:
        """Every family that an event may come to."""
        return frozenset(route.family for route in self.ordered)

    @property
    def attributes(self) -> frozenset[str]:
        """Every attribute that a document may have."""
        return frozenset(name for route in self.ordered for name, _ in route.attributes)


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
    for number, table in enumerate(written, start=1):
        try:
            found.extend((number, route) for route in _Table.model_validate(table).routes())
        except ValidationError as error:
            mistakes.extend(f"{name}: route {number}: {_mistake(details)}" for details in error.errors())
    mistakes.extend(f"{name}: {clash}" for clash in _clashes(found))
    if mistakes:
        raise RouteError("\n".join(mistakes))
    return Routes((*sorted((route for _, route in found), key=_rank), CATCH_ALL))


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


def _takes(route: Route, source: str, detail_type: str) -> bool:
    if route.detail_types and detail_type not in route.detail_types:
        return False
    return source.startswith(route.source[:-1]) if route.source.endswith("*") else source == route.source


def _rank(route: Route) -> tuple[bool, int, bool]:
    return route.source.endswith("*"), -len(route.source), not route.detail_types


# --- mistakes ---------------------------------------------------------------------------------


def _mistake(details: ErrorDetails) -> str:
    """Say which key is wrong and what it may be."""
    steps = [step for step in details["loc"] if step != "[key]"]
    key = ".".join(str(step) for step in steps if isinstance(step, str))
    match details["type"]:
        case "missing":
            text = "missing; every route has a source and a family"
        case "extra_forbidden":
            close = difflib.get_close_matches(key, KEYS, n=1)
            text = f"no key of a route; perhaps you mean {_quoted(close or KEYS)}"
        case _:
            text = f"{details['msg'].removeprefix('Value error, ')}; it is {details['input']!r}"
    return f"'{key}': {text}."


def _clashes(found: Iterable[tuple[int, Route]]) -> Iterable[str]:
    """Name the routes that would take the same events, and families that would be deleted at two ages."""
    takers: dict[tuple[str, str], int] = {}
    ages: dict[str, tuple[int, int]] = {"events": (0, CATCH_ALL.retention_days)}
    for number, route in found:
        for detail_type in route.detail_types or ("",):
            first = takers.setdefault((route.source, detail_type), number)
            if first != number:
                which = f"detail-type '{detail_type}'" if detail_type else "no detail-type"
                yield f"route {number}: source '{route.source}' with {which} is already in route {first}."
        age = ages.setdefault(route.family, (number, route.retention_days))
        if age[1] != route.retention_days:
            where = f"route {age[0]}" if age[0] else "the built-in catch-all"
            yield (
                f"route {number}: 'retention-days' is {route.retention_days}, but {age[1]} in {where}: "
                f"the indices of family '{route.family}' are deleted at one age."
            )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
