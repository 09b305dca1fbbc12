from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from pipeline import comparing
from pipeline.adapters import memory_store
from pipeline.core import bodies, route
from pipeline.core.errors import Unavailable
from pipeline.core.route import Routes
from pipeline.wiring import shipped
from tests.examples import delivery, envelope
from tests.test_indexing import INDEX, World

if TYPE_CHECKING:
    from pipeline.core.model import Route

BODIES = bodies.wanted(shipped.template_files())
OLD_FIELDS: Any = {"@ingested": {}, "tokens": {}, "detail": {}}


def world() -> tuple[World, memory_store.Cluster]:
    """A world with one stored document, and its cluster."""
    made = World()
    made.index(delivery(envelope()))
    made.store.refresh("*")
    cluster = memory_store.Cluster()
    for body in BODIES:
        if body.kind is bodies.Kind.COMPONENT_TEMPLATE:
            cluster.put_component_template(body.name, body.body)
        elif body.kind is bodies.Kind.INDEX_TEMPLATE:
            cluster.put_index_template(body.name, body.body)
    cluster.create_index(INDEX)
    return made, cluster


def changed(**change: Any) -> Routes:  # noqa: ANN401 - any field of a route
    def one(each: Route) -> Route:
        return each if each == route.CATCH_ALL else replace(each, **change)

    return Routes(tuple(one(each) for each in shipped.routes().ordered))


def said(routes: Routes, fields: Any = None) -> list[str]:  # noqa: ANN401 - any fields
    made, cluster = world()
    if fields is not None:
        cluster.create_index(INDEX, fields)
    found = comparing.compare(routes, BODIES, cluster, made.store, single_tenant=False)
    return [f"{each.place}: {each.text}" for each in found]


def test_routes_that_did_not_change_meet_what_they_made() -> None:
    assert said(shipped.routes()) == []


def test_a_change_of_identity_is_seen_on_what_is_stored() -> None:
    (text,) = said(changed(identity=("eventId", "tenant")))
    assert text.startswith("family metrics: 1 of the newest 1 documents came from")
    assert "would now get another id: sent again, those facts are not known again" in text


def test_an_identity_that_stored_events_lack_is_seen() -> None:
    (text,) = said(changed(identity=("nowhere",)))
    assert "would now be rejected (no-identity)" in text


def test_a_change_of_the_time_or_of_the_family_is_seen() -> None:
    made, cluster = world()
    both = Routes(
        (*changed(family="others").ordered, replace(route.CATCH_ALL, family="metrics", source="none*"))
    )
    found = comparing.compare(both, BODIES, cluster, made.store, single_tenant=False)
    assert ["would now go to another index" in each.text for each in found] == [True]


def test_a_route_without_identity_cannot_be_compared() -> None:
    assert said(changed(identity=())) == []


def test_an_attribute_that_existing_indices_do_not_map_is_seen() -> None:
    texts = said(shipped.routes(), OLD_FIELDS)
    assert any("attribute latencyMs becomes double, but has no field in" in text for text in texts)


def test_indices_of_somebody_else_are_not_looked_at() -> None:
    assert said(changed(identity=("nowhere",)), {"host": {"type": "keyword"}}) == []


def test_documents_that_cannot_be_read_are_a_note() -> None:
    class Down(memory_store.DocumentStore):
        """Answers nothing."""

        def search(self, indices: str, body: Any) -> Any:  # noqa: ANN401 - any JSON
            raise Unavailable("opensearch", f"{indices} {len(body)}")

    _, cluster = world()
    (found,) = comparing.compare(shipped.routes(), BODIES, cluster, Down(), single_tenant=False)
    assert not found.grave
    assert "could not be looked at: metrics-*" in found.text


def test_what_was_cut_is_not_compared() -> None:
    made, cluster = world()
    made.store.refresh("*")
    (hit,) = made.store.search("*", {"size": 1, "query": {"match_all": {}}})

    class Cut(memory_store.DocumentStore):
        """Holds a document whose detail is not what came."""

        def search(self, indices: str, body: Any) -> Any:  # noqa: ANN401 - any JSON
            assert (indices, body["size"]) == ("metrics-*", comparing.SAMPLES)
            return [orjson.loads(orjson.dumps(hit | {"_source": hit["_source"] | {"raw": "{}"}}))]

    found = comparing.compare(changed(identity=("nowhere",)), BODIES, cluster, Cut(), single_tenant=False)
    assert found == ()
