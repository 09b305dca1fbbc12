"""What travels with the code: the routes, the index templates and the ISM policies."""
# ruff: noqa: PLC0415 - a function imports what it needs: see the package

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core import route

ROOT = Path(__file__).parents[2]
"""Where ``routes.toml`` and the templates lie: the project's folder, or a function's."""

TEMPLATES = ("index_templates", "ism_policies")
"""Folders of what the cluster is given."""


def routes() -> route.Routes:
    """The routes."""
    from pipeline.core import route

    return route.routes((ROOT / "routes.toml").read_text(encoding="utf-8"))


def ledger_life() -> int:
    """Milliseconds that the late ledger is kept: as long as any route's documents, and so as any cursor.

    Read without ``core.route``, whose checks were made at the deploy and need packages of their own.
    """
    import tomllib

    from pipeline.core.instant import DAY
    from pipeline.core.model import Route

    tables = tomllib.loads((ROOT / "routes.toml").read_text(encoding="utf-8")).get("route", [])
    least = Route(source="*", family="events").retention_days
    days = [least, *(int(each.get("retention-days", least)) for each in tables)]
    return max(days) * DAY


def read_only_ages() -> dict[str, int]:
    """For each family whose policy does so, the age in ms at which it makes indices read-only."""
    from pipeline.core import lifecycle
    from pipeline.core.bodies import Kind, wanted

    policies = [body.body for body in wanted(template_files()) if body.kind is Kind.POLICY]
    return lifecycle.read_only_ages(policies, routes().families)


def template_files() -> dict[str, bytes]:
    """The index templates and ISM policies, by path below the root."""
    return {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in TEMPLATES
        for file in sorted((ROOT / folder).glob("*.json"))
    }


def ranged_attributes(known: route.Routes) -> frozenset[str]:
    """The attributes that have a numeric field in the index template of every family that has them."""
    from pipeline.core import bodies

    having: dict[str, set[str]] = {family: set() for family in known.families}
    for each in known.ordered:
        having[each.family].update(dict(each.attributes))
    return bodies.numeric(bodies.wanted(template_files()), having)
