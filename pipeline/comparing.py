"""The story of comparing: routes <-> what is stored, before a change of theirs meets it.

Whoever changes a route's identity makes new facts of all that was stored before: what is re-sent finds
no document, and is stored and announced again. Nothing in the cluster keeps an old identity, but the
documents do: each holds its event, and the event's id now must be the one that it has.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.core import drift, instant, normalise, route
from pipeline.core.bodies import layout
from pipeline.core.errors import Rejected, Unavailable
from pipeline.core.findings import Finding, note
from pipeline.core.indices import is_ours, parse
from pipeline.core.model import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.bodies import Wanted
    from pipeline.core.model import JsonObject
    from pipeline.core.route import Routes
    from pipeline.ports.index import Cluster, DocumentStore

SAMPLES = 500
"""Newest documents of a family that are looked at."""


def compare(
    routes: Routes,
    bodies: Sequence[Wanted],
    cluster: Cluster,
    store: DocumentStore,
    *,
    single_tenant: bool,
) -> tuple[Finding, ...]:
    """Say what the routes as they are now would make of what is stored.

    Raises:
        Unavailable: The cluster does not say which indices it has.
    """
    found: list[Finding] = []
    for family in sorted(routes.families):
        indices = {
            index: fields
            for index, fields in cluster.fields([f"{family}-*"]).items()
            if is_ours(index, fields) and (parse(index) or ("",))[0] == family
        }
        laid = layout(family, bodies)
        if indices and laid:
            own = [each for each in routes.ordered if each.family == family]
            found += drift.attributes(family, own, laid, indices)
        if indices:
            found += _identities(family, routes, store, single_tenant=single_tenant)
    return tuple(found)


def _identities(
    family: str, routes: Routes, store: DocumentStore, *, single_tenant: bool
) -> Iterator[Finding]:
    newest = {
        "size": SAMPLES,
        "query": {"match_all": {}},
        "sort": [{"@ingested": {"order": "desc"}}],
    }
    try:
        hits = store.search(f"{family}-*", newest)
    except Unavailable as trouble:
        yield note(f"family {family}", f"its documents could not be looked at: {trouble.text}")
        return
    fates: Counter[tuple[str, str]] = Counter()
    for hit in hits:
        if is_ours(hit["_index"], hit["_source"]) and "raw" not in hit["_source"]:
            fates[hit["_source"]["source"], _fate(hit, routes, single_tenant=single_tenant)] += 1
    for (source, fate), count in sorted(fates.items()):
        if fate:
            text = (
                f"{count} of the newest {len(hits)} documents came from {source} and {fate}: sent again, "
                "those facts are not known again. Leave the route as it was, or give it another family."
            )
            yield Finding(f"family {family}", text)


def _fate(hit: JsonObject, routes: Routes, *, single_tenant: bool) -> str:
    """What would become of a stored document's event now; empty where it finds its document."""
    source = hit["_source"]
    when = instant.read(source["@timestamp"])
    event = Event("", source["source"], source["eventType"], when, source["detail"])
    chosen = route.choose(event, routes)
    if not chosen.identity:
        return ""  # its id was made of the envelope's, which nobody keeps
    try:
        document = normalise.normalise(event, chosen, single_tenant=single_tenant, now=when)
    except Rejected as rejected:
        return f"would now be rejected ({rejected.reason})"
    if (document.index, document.id) == (hit["_index"], hit["_id"]):
        return ""
    return f"would now {'get another id' if document.index == hit['_index'] else 'go to another index'}"
