"""Deletes from a cluster what livedex put there: indices, index templates, policies."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pipeline.adapters.opensearch_wire import OK, wire
from pipeline.core.errors import Unavailable
from pipeline.local import places, role_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.adapters.opensearch_wire import Reply, Wire
    from pipeline.settings import Settings

OURS = re.compile(r".+-\d{4}\.\d{2}\.\d{2}")
"""Names of our indices; another one that a template's pattern happens to match is not ours."""

BAD_REQUEST, NOT_FOUND = 400, 404


def purge(settings: Settings) -> list[str]:
    """Delete every index of ours that a template of ours is for, then the templates and the policies.

    Returns:
        The paths of what was there and is deleted.

    Raises:
        Unavailable: The cluster did not say what it has, or did not delete something.
    """
    cluster = wire(settings)
    try:
        return [
            path for path in (*_indices(cluster), *_bodies()) if _deleted(path, cluster.ask("DELETE", path))
        ]
    finally:
        cluster.close()


def _indices(cluster: Wire) -> list[str]:
    found: set[str] = set()
    for pattern in role_mapping.index_patterns():
        reply = cluster.ask("GET", f"/{pattern}/_alias")
        if reply.status not in {OK, NOT_FOUND}:
            raise Unavailable("opensearch", f"it does not say which indices are {pattern}: {reply.error}")
        found.update(reply.body)
    return [f"/{name}" for name in sorted(found) if OURS.fullmatch(name)]


def _bodies() -> Iterator[str]:
    """In this order, because a component in use cannot be deleted."""
    templates = sorted((places.PROJECT / "index_templates").glob("*.json"))
    composed = [file for file in templates if "index_patterns" in json.loads(file.read_bytes())]
    for file in composed:
        yield f"/_index_template/{file.stem}"
    for file in templates:
        if file not in composed:
            yield f"/_component_template/{file.stem}"
    for file in sorted((places.PROJECT / "ism_policies").glob("*.json")):
        yield f"/_plugins/_ism/policies/{file.stem}"


def _deleted(path: str, reply: Reply) -> bool:
    """Whether something was there.

    Raises:
        Unavailable: It may still be.
    """
    without_ism = reply.status == BAD_REQUEST and "no handler found" in reply.error
    if reply.status in {OK, NOT_FOUND} or without_ism:
        return reply.status == OK
    raise Unavailable("opensearch", f"{path} was not deleted: {reply.error}")
