from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import applying
from pipeline.adapters import memory_store
from pipeline.core import bodies
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.errors import Refused, Unavailable
from pipeline.core.plan import Action

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

ROOT = Path(__file__).parents[1]
WANTED = bodies.wanted(
    {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in (bodies.TEMPLATES, bodies.POLICIES)
        for file in (ROOT / folder).glob("*.json")
    }
)
TEMPLATES = (
    "component template livedex-common",
    "index template livedex-events",
    "index template livedex-metrics",
)
POLICIES = ("policy livedex-events", "policy livedex-metrics")


def test_an_empty_cluster_gets_all_and_a_second_apply_changes_nothing() -> None:
    cluster = memory_store.Cluster()
    first = applying.apply(WANTED, cluster, require_ism=True)
    assert first == applying.Applied(created=TEMPLATES + POLICIES)
    assert first.text == f"created {', '.join(TEMPLATES + POLICIES)}"

    second = applying.apply(WANTED, cluster, require_ism=True)
    assert second == applying.Applied(unchanged=TEMPLATES + POLICIES)
    assert second.text == "nothing to change"
    assert {name: count for name, count in second.counts().items() if count} == {"unchanged": 5}


def test_only_what_differs_is_sent() -> None:
    cluster = memory_store.Cluster()
    applying.apply(WANTED, cluster, require_ism=True)
    cluster.put_index_template("livedex-events", {"index_patterns": ["old-*"]})
    policy, *version = cluster.policy("livedex-metrics") or pytest.fail("applied above")
    policy["policy"]["description"] = "edited by hand"
    cluster.put_policy("livedex-metrics", policy, (version[0], version[1]))

    applied = applying.apply(WANTED, cluster, require_ism=True)
    assert applied.updated == ("index template livedex-events", "policy livedex-metrics")
    assert len(applied.unchanged) == 3
    assert applying.apply(WANTED, cluster, require_ism=True).updated == ()


def test_without_ism_templates_are_applied_and_it_says_what_was_not() -> None:
    cluster = memory_store.Cluster(ism=False)
    applied = applying.apply(WANTED, cluster, require_ism=False)
    assert (applied.created, applied.skipped) == (TEMPLATES, POLICIES)
    assert applied.text.endswith(f"has no Index State Management, so not applied: {', '.join(POLICIES)}")
    assert cluster.policy("livedex-metrics") is None


def test_without_the_ism_that_is_required_nothing_is_changed() -> None:
    cluster = memory_store.Cluster(ism=False)
    with pytest.raises(Refused, match=r"no-ism: .*policy livedex-events, policy livedex-metrics"):
        applying.apply(WANTED, cluster, require_ism=True)
    assert cluster.component_template("livedex-common") is None


def test_without_policies_no_ism_is_required() -> None:
    templates = [body for body in WANTED if body.kind is not Kind.POLICY]
    assert applying.apply(templates, memory_store.Cluster(ism=False), require_ism=True).skipped == ()


def test_comparing_changes_nothing() -> None:
    cluster = memory_store.Cluster()
    found = applying.compare(WANTED, cluster)
    assert [change.action for change in found.changes] == [Action.CREATE] * 5
    assert (found.skipped, found.attachments) == ((), ())
    assert cluster.component_template("livedex-common") is None


def test_a_policy_that_somebody_changed_after_it_was_read_is_not_overwritten() -> None:
    class Racing(memory_store.Cluster):
        """Between our reading and our writing, somebody else writes."""

        def put_policy(self, name: str, body: JsonObject, version: tuple[int, int] | None) -> None:
            theirs: JsonObject = {"policy": {"description": "theirs", "states": []}}
            super().put_policy(name, theirs, version)
            super().put_policy(name, body, version)

    cluster = Racing()
    with pytest.raises(Unavailable, match="409"):
        applying.apply(WANTED, cluster, require_ism=True)
    policy, *_ = cluster.policy("livedex-events") or pytest.fail("theirs is there")
    assert policy["policy"]["description"] == "theirs"


def test_what_opensearch_refuses_is_said_with_its_name() -> None:
    orphan = Wanted(Kind.INDEX_TEMPLATE, "orphan", {"index_patterns": ["a-*"], "composed_of": ["none"]})
    with pytest.raises(Refused, match="orphan"):
        applying.apply([orphan], memory_store.Cluster(), require_ism=True)


# --- indices that were there before -----------------------------------------------------------


OLD, OTHER = "metrics-2026.11.20", "metrics-of-somebody"


def test_an_index_that_was_there_before_its_policy_gets_it_once() -> None:
    cluster = memory_store.Cluster()
    applying.apply([body for body in WANTED if body.kind is not Kind.POLICY], cluster, require_ism=False)
    cluster.create_index(OLD)
    cluster.create_index(OTHER)
    cluster.create_index("metrics-2026.11.21", {"@timestamp": {"type": "date"}})

    applied = applying.apply(WANTED, cluster, require_ism=True)
    assert applied.attached == (OLD,)
    assert applied.text.endswith(f"gave a policy to {OLD}")
    assert list(cluster.managed([OLD, OTHER, "metrics-2026.11.21"])) == [OLD]
    assert applying.apply(WANTED, cluster, require_ism=True).text == "nothing to change"


def test_a_managed_index_gets_the_newest_version_of_its_policy() -> None:
    cluster = memory_store.Cluster()
    applying.apply(WANTED, cluster, require_ism=True)
    cluster.create_index(OLD)
    changed = [
        Wanted(Kind.POLICY, body.name, {"policy": body.body["policy"] | {"description": "another"}})
        if body.kind is Kind.POLICY
        else body
        for body in WANTED
    ]
    applied = applying.apply(changed, cluster, require_ism=True)
    assert (applied.attached, applied.changed) == ((), (OLD,))
    assert applying.apply(changed, cluster, require_ism=True).changed == ()


def test_an_index_that_cannot_get_its_policy_is_said_and_the_others_get_theirs() -> None:
    class Stubborn(memory_store.Cluster):
        """Somebody attaches another policy between our reading and our writing."""

        def attach(self, index: str, policy: str) -> str:
            return "already has a policy" if index == OLD else super().attach(index, policy)

    cluster = Stubborn()
    applying.apply([body for body in WANTED if body.kind is not Kind.POLICY], cluster, require_ism=False)
    cluster.create_index(OLD)
    cluster.create_index("metrics-2026.11.21")
    applied = applying.apply(WANTED, cluster, require_ism=True)
    assert applied.failed == ((OLD, "already has a policy"),)
    assert applied.attached == ("metrics-2026.11.21",)
    assert f"could not give a policy to {OLD} (already has a policy)" in applied.text


def test_without_ism_no_index_is_looked_at() -> None:
    cluster = memory_store.Cluster(ism=False)
    applying.apply(WANTED, cluster, require_ism=False)
    cluster.create_index(OLD)
    assert applying.compare(WANTED, cluster).attachments == ()
