"""One suite for both clusters, and the live one's words with an Index State Management."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import urllib3

from pipeline import applying
from pipeline.adapters import memory_store, opensearch_cluster
from pipeline.core import bodies, plan
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.errors import Refused, Unavailable
from pipeline.core.plan import Action
from pipeline.settings import SettingsError, read
from tests import ism_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.model import JsonObject
    from pipeline.ports.index import Cluster
    from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
REFUSING = "http://127.0.0.1:1"
"""Nobody listens there."""

POLICY: JsonObject = {
    "policy": {
        "description": "d",
        "default_state": "hot",
        "states": [{"name": "hot", "actions": [{"read_only": {}}], "transitions": []}],
        "ism_template": [{"index_patterns": ["a-*"], "priority": 1}],
    }
}


def settings(url: str) -> Settings:
    return read({"AWS_ENDPOINT_URL": REFUSING, "LIVEDEX_OPENSEARCH_URL": url})


@pytest.fixture(params=["memory", "live"])
def cluster(request: pytest.FixtureRequest, unique: str) -> Iterator[Cluster]:
    if request.param == "memory":
        yield memory_store.Cluster(ism=False)
        return
    url = request.getfixturevalue("opensearch_url")
    live = opensearch_cluster.connect(settings(url))
    yield live
    live.close()
    with urllib3.PoolManager() as http:
        for path in (f"_index_template/{unique}*", f"_component_template/{unique}*"):
            http.request("DELETE", f"{url}/{path}")


def own_templates(prefix: str) -> tuple[Wanted, ...]:
    """The project's own templates under names and patterns that no other test has."""
    found = bodies.wanted(
        {
            f"{bodies.TEMPLATES}/{file.name}": file.read_bytes()
            for file in (ROOT / bodies.TEMPLATES).glob("*.json")
        }
    )
    return tuple(
        Wanted(body.kind, f"{prefix}-{body.name}", body.body)
        if body.kind is Kind.COMPONENT_TEMPLATE
        else Wanted(
            body.kind,
            f"{prefix}-{body.name}",
            body.body
            | {
                "index_patterns": [f"{prefix}-{pattern}" for pattern in body.body["index_patterns"]],
                "composed_of": [f"{prefix}-{name}" for name in body.body["composed_of"]],
            },
        )
        for body in found
    )


def test_our_own_templates_are_taken_and_are_unchanged_ever_after(cluster: Cluster, unique: str) -> None:
    wanted = own_templates(unique)
    assert len(applying.apply(wanted, cluster, require_ism=False).created) == len(wanted) == 3
    again = applying.apply(wanted, cluster, require_ism=False)
    assert (again.created, again.updated, len(again.unchanged)) == ((), (), 3)


def test_what_was_never_put_is_not_there(cluster: Cluster, unique: str) -> None:
    assert cluster.component_template(unique) is None
    assert cluster.index_template(unique) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"number_of_shards": 1, "refresh_interval": "5s"}, {"index": {"number_of_shards": 2}}),
        (
            {"index": {"mapping": {"ignore_malformed": True}}},
            {"index": {"mapping": {"ignore_malformed": False}}},
        ),
        ({"index.sort.field": ["a", "b"], "sort.order": ["asc", "desc"]}, {"index.sort.field": "a"}),
    ],
)
def test_a_change_of_a_setting_is_seen_once(
    cluster: Cluster, unique: str, before: JsonObject, after: JsonObject
) -> None:
    for settings_ in (before, after):
        body = Wanted(Kind.COMPONENT_TEMPLATE, unique, {"template": {"settings": settings_}})
        assert plan.change(body, cluster.component_template(unique)).action is not Action.KEEP
        cluster.put_component_template(unique, body.body)
        assert plan.change(body, cluster.component_template(unique)).action is Action.KEEP


@pytest.mark.parametrize(
    "body",
    [
        {
            "priority": 1,
            "template": {"mappings": {"dynamic": False, "properties": {"a": {"type": "keyword"}}}},
        },
        {"version": 3, "_meta": {"by": ["us", 1, True]}, "template": {"aliases": {"x": {}}}},
        {"data_stream": {}, "template": {"settings": {"index.number_of_replicas": 0}}},
        {
            "template": {
                "mappings": {"dynamic": "strict", "_source": {"enabled": True}, "date_detection": False}
            }
        },
    ],
)
def test_an_index_template_is_unchanged_after_it_was_put(
    cluster: Cluster, unique: str, body: JsonObject
) -> None:
    wanted = Wanted(Kind.INDEX_TEMPLATE, unique, {"index_patterns": [f"{unique}-*"]} | body)
    cluster.put_index_template(unique, wanted.body)
    assert plan.change(wanted, cluster.index_template(unique)).action is Action.KEEP


def test_an_index_template_of_components_that_do_not_exist_is_refused(cluster: Cluster, unique: str) -> None:
    with pytest.raises(Refused, match=unique):
        cluster.put_index_template(
            unique, {"index_patterns": [f"{unique}-*"], "composed_of": [f"{unique}-none"]}
        )


def test_without_ism_policies_are_skipped(cluster: Cluster) -> None:
    applied = applying.apply([Wanted(Kind.POLICY, "p", POLICY)], cluster, require_ism=False)
    assert applied.skipped == ("policy p",)


# --- indices ----------------------------------------------------------------------------------


def create(cluster: Cluster, index: str, fields: JsonObject, url: str) -> None:
    if isinstance(cluster, memory_store.Cluster):
        cluster.create_index(index, fields)
        return
    with urllib3.PoolManager() as http:
        body = orjson.dumps({"mappings": {"properties": fields}})
        headers = {"content-type": "application/json"}
        assert http.request("PUT", f"{url}/{index}", body=body, headers=headers).status == 200


def test_indices_tell_their_fields_and_go_one_by_one(
    cluster: Cluster, unique: str, request: pytest.FixtureRequest
) -> None:
    url = "" if isinstance(cluster, memory_store.Cluster) else request.getfixturevalue("opensearch_url")
    first, second = f"{unique}-2026.01.01", f"{unique}-2026.01.02"
    create(cluster, first, {"a": {"type": "long"}}, url)
    create(cluster, second, {}, url)
    assert cluster.fields([f"{unique}-*", f"{unique}none-*"]) == {first: {"a": {"type": "long"}}, second: {}}

    assert cluster.delete_index(first)
    assert not cluster.delete_index(first)
    assert cluster.fields([f"{unique}-*"]) == {second: {}}
    assert cluster.delete_index(second)


def test_a_pattern_that_matches_no_index_is_no_error(cluster: Cluster, unique: str) -> None:
    assert cluster.fields([f"{unique}-*"]) == {}
    assert cluster.fields([]) == {}


@pytest.mark.parametrize("name", ["", "*", "a-*", "a,b", "_all", "-a", "<a-{now/d}>", "a?"])
def test_what_could_stand_for_several_indices_is_never_deleted(name: str) -> None:
    cluster = opensearch_cluster.connect(settings(REFUSING))
    with pytest.raises(ValueError, match="no name of one index"):
        cluster.delete_index(name)
    cluster.close()


# --- the live cluster -------------------------------------------------------------------------


def test_a_body_that_opensearch_refuses_is_refused_in_its_words(opensearch_url: str, unique: str) -> None:
    cluster = opensearch_cluster.connect(settings(opensearch_url))
    wrong = {"template": {"mappings": {"properties": {"a": {"type": "keywrod"}}}}}
    with pytest.raises(Refused, match="keywrod"):
        cluster.put_component_template(unique, wrong)
    cluster.close()


def test_a_cluster_that_cannot_be_reached_is_unavailable() -> None:
    cluster = opensearch_cluster.connect(settings(REFUSING))
    for ask in (
        cluster.has_ism,
        lambda: cluster.component_template("a"),
        lambda: cluster.policy("a"),
        lambda: cluster.put_index_template("a", {}),
        lambda: cluster.put_policy("a", POLICY, None),
        lambda: cluster.fields(["a-*"]),
        lambda: cluster.delete_index("a"),
        lambda: cluster.managed(["a"]),
        lambda: cluster.attach("a", "p"),
        lambda: cluster.change_policy("a", "p"),
    ):
        with pytest.raises(Unavailable):
            ask()
    cluster.close()


@pytest.mark.parametrize("url", ["", "localhost:9200", "ftp://host", "https://"])
def test_an_address_that_is_none_is_said_with_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="LIVEDEX_OPENSEARCH_URL"):
        opensearch_cluster.connect(settings(url))


# --- policies ---------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "live"])
def with_ism(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if request.param == "memory":
        yield memory_store.Cluster()
        return
    with ism_stand_in.running() as stand_in:
        live = opensearch_cluster.connect(settings(stand_in.url))
        yield live
        live.close()


def test_a_policy_is_created_found_unchanged_and_updated(with_ism: Cluster) -> None:
    assert with_ism.has_ism()
    assert with_ism.policy("p") is None
    wanted = [Wanted(Kind.POLICY, "p", POLICY)]
    assert applying.apply(wanted, with_ism, require_ism=True).created == ("policy p",)
    assert applying.apply(wanted, with_ism, require_ism=True).unchanged == ("policy p",)

    changed = [Wanted(Kind.POLICY, "p", {"policy": POLICY["policy"] | {"description": "another"}})]
    assert applying.apply(changed, with_ism, require_ism=True).updated == ("policy p",)
    assert applying.apply(changed, with_ism, require_ism=True).unchanged == ("policy p",)


def test_our_own_policies_are_unchanged_after_they_were_put(with_ism: Cluster) -> None:
    files = {
        f"{bodies.POLICIES}/{file.name}": file.read_bytes()
        for file in (ROOT / bodies.POLICIES).glob("*.json")
    }
    wanted = bodies.wanted(files)
    assert len(applying.apply(wanted, with_ism, require_ism=True).created) == 2
    assert len(applying.apply(wanted, with_ism, require_ism=True).unchanged) == 2


@pytest.mark.parametrize("version", [None, (5, 1), (0, 2)])
def test_a_policy_is_not_overwritten_but_from_the_version_that_was_read(
    with_ism: Cluster, version: tuple[int, int] | None
) -> None:
    with_ism.put_policy("p", POLICY, None)
    with pytest.raises(Unavailable, match="409"):
        with_ism.put_policy("p", POLICY, version)
