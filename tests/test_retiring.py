from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import retiring
from pipeline.adapters import memory_store
from pipeline.adapters.memory import MemoryClock
from pipeline.core import bodies, instant
from pipeline.core.errors import Unavailable
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from pipeline.retiring import Retired

ROUTES = shipped.routes().ordered
CLOCK = MemoryClock()
DAY = instant.DAY
OLD, OLDER, YOUNG = (f"metrics-{instant.day(CLOCK.now() - age * DAY)}" for age in (14, 30, 13))
FOREIGN = f"events-{instant.day(CLOCK.now() - 400 * DAY)}"
UNKNOWN = f"orders-{instant.day(CLOCK.now() - 400 * DAY)}"


def filled(cluster: memory_store.Cluster) -> memory_store.Cluster:
    for body in bodies.wanted(shipped.template_files()):
        if body.kind is bodies.Kind.COMPONENT_TEMPLATE:
            cluster.put_component_template(body.name, body.body)
        elif body.kind is bodies.Kind.INDEX_TEMPLATE:
            cluster.put_index_template(body.name, body.body)
    for index in (OLD, OLDER, YOUNG):
        cluster.create_index(index)
    ours = cluster.fields(["metrics-*"])[OLD]
    cluster.create_index(UNKNOWN, ours)
    cluster.create_index("metrics-archive", ours)
    cluster.create_index(FOREIGN, {"@timestamp": {"type": "date"}, "host": {"type": "keyword"}})
    return cluster


def retire(cluster: memory_store.Cluster, *, dry_run: bool = False) -> Retired:
    return retiring.retire(ROUTES, cluster=cluster, clock=CLOCK, dry_run=dry_run)


def test_only_our_own_indices_past_their_retention_are_deleted() -> None:
    cluster = filled(memory_store.Cluster())
    done = retire(cluster)
    assert [each.index for each in done.expired] == [OLDER, OLD]
    assert (done.deleted, done.failed) == ((OLDER, OLD), ())
    assert set(cluster.fields(["*"])) == {YOUNG, FOREIGN, UNKNOWN, "metrics-archive"}
    assert retire(cluster).counts() == {"expired": 0, "deleted": 0, "failed": 0}


def test_a_dry_run_deletes_nothing() -> None:
    cluster = filled(memory_store.Cluster())
    before = cluster.fields(["*"])
    done = retire(cluster, dry_run=True)
    assert ([each.index for each in done.expired], done.deleted) == ([OLDER, OLD], ())
    assert cluster.fields(["*"]) == before


def test_an_index_that_cannot_be_deleted_is_said_and_the_others_go() -> None:
    class Stubborn(memory_store.Cluster):
        """One index cannot be deleted while it is in a snapshot; another goes by somebody else's hand."""

        def delete_index(self, name: str) -> bool:
            if name == OLDER:
                raise Unavailable("opensearch", "status 400: snapshot_in_progress_exception")
            return super().delete_index(name) and False

    done = retire(filled(Stubborn()))
    assert done.failed == ((OLDER, "status 400: snapshot_in_progress_exception"),)
    assert done.deleted == ()
    assert done.counts() == {"expired": 2, "deleted": 0, "failed": 1}
