"""What ISM takes and refuses: our own reading of policies against the stand-in, and against a real one.

The real one is the cluster at ``ISM_OPENSEARCH_URL``, where ``LIVEDEX_REQUIRE`` names ``ism``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import urllib3

from pipeline import applying
from pipeline.adapters import opensearch_cluster
from pipeline.core import ism
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.errors import Refused, Unavailable
from pipeline.settings import read
from tests import ism_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.model import JsonObject
    from pipeline.ports.index import Cluster

OURS = {"@ingested": {"type": "date"}, "tokens": {"type": "keyword"}, "detail": {"type": "flat_object"}}


@dataclass
class Server:
    """A cluster with ISM.

    Attributes:
        url: Where it is.
        prefix: What all names of this test begin with.
        stand_in: None for a real one.
    """

    url: str
    prefix: str
    stand_in: ism_stand_in.Ism | None

    def ask(self, method: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as http:
            sent = None if body is None else orjson.dumps(body)
            headers = {"content-type": "application/json"}
            return http.request(method, f"{self.url}/{path}", body=sent, headers=headers, retries=False)

    def put(self, body: JsonObject) -> int:
        return self.ask("PUT", f"_plugins/_ism/policies/{self.prefix}", body).status

    def create_index(self, name: str) -> None:
        assert self.ask("PUT", name, {"mappings": {"properties": OURS}}).status == 200


@pytest.fixture(params=["stand-in", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    prefix = f"t{uuid4().hex[:10]}"
    if request.param == "stand-in":
        with ism_stand_in.running() as stand_in:
            yield Server(stand_in.url, prefix, stand_in)
        return
    url = os.environ.get("ISM_OPENSEARCH_URL", "")
    if not url:
        missing = "ISM_OPENSEARCH_URL names no cluster that has Index State Management"
        if "ism" in os.environ.get("LIVEDEX_REQUIRE", "").split(","):
            pytest.fail(f"LIVEDEX_REQUIRE lists ism: {missing}", pytrace=False)
        pytest.skip(missing)
    real = Server(url.rstrip("/"), prefix, None)
    yield real
    for path in (f"{prefix}*", f"_plugins/_ism/policies/{prefix}", f"_plugins/_ism/policies/{prefix}2"):
        real.ask("DELETE", path)


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    settings = read({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "LIVEDEX_OPENSEARCH_URL": server.url})
    made = opensearch_cluster.connect(settings)
    yield made
    made.close()


def policy(*states: JsonObject, **more: Any) -> JsonObject:  # noqa: ANN401 - any JSON
    return {"policy": {"description": "d", "default_state": "hot", "states": list(states)} | more}


def state(name: str = "hot", actions: object = (), transitions: object = (), **more: Any) -> JsonObject:  # noqa: ANN401 - any JSON
    return {"name": name, "actions": list(actions), "transitions": list(transitions)} | more  # type: ignore[call-overload]


def after(conditions: object) -> JsonObject:
    """A policy whose one transition has these conditions."""
    transition = {"state_name": "gone", "conditions": conditions}
    return policy(state(transitions=[transition]), state("gone", [{"delete": {}}]))


TAKEN = {
    "nothing but a state": policy({"name": "hot"}),
    "two actions in two objects": policy(
        state(actions=[{"read_only": {}}, {"force_merge": {"max_num_segments": 1}}])
    ),
    "an unconditional transition": policy(state(transitions=[{"state_name": "warm"}]), state("warm")),
    **{
        f"the age {age!r}": after({"min_index_age": age})
        for age in ("0", "30D", "1 d", "2h", "90m", "5s", "7ms")
    },
}
IN_SILENCE = {
    "two actions in one object": policy(
        state(actions=[{"read_only": {}, "replica_count": {"number_of_replicas": 0}}])
    ),
    "an unconditional transition first": policy(
        state(
            transitions=[
                {"state_name": "warm"},
                {"state_name": "gone", "conditions": {"min_index_age": "1d"}},
            ]
        ),
        state("warm"),
        state("gone"),
    ),
    "another envelope key": {"policyx": policy(state())["policy"]},
    "a state that nothing leads to": policy(state(), state("warm")),
    "the age '-1'": after({"min_index_age": "-1"}),
}
REFUSED = {
    "two conditions": after({"min_index_age": "1d", "min_doc_count": 5}),
    "conditions without one": after({}),
    **{
        f"the age {age!r}": after({"min_index_age": age})
        for age in ("1y", "1w", "1M", "1.5d", "-3d", "30", 30)
    },
    **{
        f"the action {name}": policy(state(actions=[{name: {}}]))
        for name in ("frobnicate", "freeze", "set_priority", "forcemerge", "searchable_snapshot")
    },
    "an unknown condition": after({"min_index_days": "1d"}),
    "a transition to nowhere": policy(state(transitions=[{"state_name": "warm"}])),
    "a default state that is none": policy(state("warm")),
    "two states of one name": policy(state(), state()),
    "no states": policy(),
    "no description": policy(state(), description=None),
    "delete with transitions": policy(
        state(actions=[{"delete": {}}], transitions=[{"state_name": "warm"}]), state("warm")
    ),
    "an action behind delete": policy(state(actions=[{"delete": {}}, {"read_only": {}}])),
    "an unknown key of a state": policy(state(transition=[])),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_ism_takes_and_does_has_no_fault(server: Server, name: str) -> None:
    assert server.put(TAKEN[name]) == 201
    assert list(ism.faults(TAKEN[name])) == []


@pytest.mark.parametrize("name", IN_SILENCE)
def test_what_ism_takes_and_does_not_do_is_a_silent_fault(server: Server, name: str) -> None:
    assert server.put(IN_SILENCE[name]) == 201
    assert [fault.silent for fault in ism.faults(IN_SILENCE[name])] == [True]


@pytest.mark.parametrize("name", REFUSED)
def test_what_ism_refuses_is_a_fault_before_it_is_sent(server: Server, name: str) -> None:
    assert server.put(REFUSED[name]) == 400
    assert any(not fault.silent for fault in ism.faults(REFUSED[name]))


# --- policies of indices ----------------------------------------------------------------------


def wanted(server: Server, age: str = "14d") -> list[Wanted]:
    body = after({"min_index_age": age})
    body["policy"]["ism_template"] = [{"index_patterns": [f"{server.prefix}-*"], "priority": 7}]
    return [Wanted(Kind.POLICY, server.prefix, body)]


def test_an_index_that_was_there_before_its_policy_gets_it(server: Server, cluster: Cluster) -> None:
    index, other = f"{server.prefix}-2026.11.22", f"{server.prefix}-of-somebody"
    server.create_index(index)
    server.create_index(other)

    first = applying.apply(wanted(server), cluster, require_ism=True)
    assert (first.created, first.attached) == ((f"policy {server.prefix}",), (index,))
    assert {name: each.policy for name, each in cluster.managed([index, other]).items()} == {
        index: server.prefix
    }

    again = applying.apply(wanted(server), cluster, require_ism=True)
    assert (again.attached, again.changed, again.text) == ((), (), "nothing to change")


def test_an_index_that_goes_by_an_older_version_gets_the_newest(server: Server, cluster: Cluster) -> None:
    if server.stand_in is None:
        pytest.skip("a real ISM takes a version over in a run of its own, minutes later")
    applying.apply(wanted(server), cluster, require_ism=True)
    index = f"{server.prefix}-2026.11.22"
    server.create_index(index)
    server.stand_in.run()
    assert applying.apply(wanted(server), cluster, require_ism=True).text == "nothing to change"

    changed = applying.apply(wanted(server, "15d"), cluster, require_ism=True)
    assert (changed.updated, changed.changed) == ((f"policy {server.prefix}",), (index,))
    server.stand_in.run()
    assert applying.apply(wanted(server, "15d"), cluster, require_ism=True).text == "nothing to change"


def test_an_index_with_somebody_elses_policy_is_left_alone(server: Server, cluster: Cluster) -> None:
    index = f"{server.prefix}-2026.11.22"
    server.create_index(index)
    cluster.put_policy(f"{server.prefix}2", after({"min_index_age": "1d"}), None)
    assert cluster.attach(index, f"{server.prefix}2") == ""
    found = applying.compare(wanted(server), cluster)
    assert (found.attachments, found.foreign) == ((), ((index, f"{server.prefix}2"),))


def test_what_ism_fails_at_with_status_200_is_said(server: Server, cluster: Cluster) -> None:
    index = f"{server.prefix}-2026.11.22"
    server.create_index(index)
    cluster.put_policy(server.prefix, after({"min_index_age": "1d"}), None)
    assert "not being managed" in cluster.change_policy(index, server.prefix)
    assert cluster.attach(index, server.prefix) == ""
    assert "already has a policy" in cluster.attach(index, server.prefix)


def test_a_policy_that_is_not_there_cannot_be_attached(server: Server, cluster: Cluster) -> None:
    server.create_index(f"{server.prefix}-2026.11.22")
    with pytest.raises(Refused, match="Could not find policy"):
        cluster.attach(f"{server.prefix}-2026.11.22", f"{server.prefix}-none")


def test_no_indices_are_managed_by_nothing(cluster: Cluster) -> None:
    assert cluster.managed([]) == {}


@pytest.mark.parametrize("version", [None, (5_000_000, 1), (0, 99)])
def test_a_policy_is_not_overwritten_but_from_the_version_that_was_read(
    server: Server, cluster: Cluster, version: tuple[int, int] | None
) -> None:
    cluster.put_policy(server.prefix, policy(state()), None)
    with pytest.raises(Unavailable, match="409"):
        cluster.put_policy(server.prefix, policy(state()), version)


def test_two_policies_for_the_same_indices_at_the_same_priority_are_refused(
    server: Server, cluster: Cluster
) -> None:
    (first,) = wanted(server)
    cluster.put_policy(first.name, first.body, None)
    with pytest.raises(Refused):
        cluster.put_policy(f"{server.prefix}2", first.body, None)
