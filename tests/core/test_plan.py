from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import plan
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.plan import Action

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject


def policy(**changes: Any) -> JsonObject:  # noqa: ANN401 - any JSON
    states = [
        {
            "name": "hot",
            "actions": [],
            "transitions": [{"state_name": "gone", "conditions": {"min_index_age": "2d"}}],
        },
        {"name": "gone", "actions": [{"delete": {}}], "transitions": []},
    ]
    return {"policy": {"description": "d", "default_state": "hot", "states": states} | changes}


# --- comparing --------------------------------------------------------------------------------


def component(settings: JsonObject, **template: Any) -> Wanted:  # noqa: ANN401 - any JSON
    return Wanted(Kind.COMPONENT_TEMPLATE, "c", {"template": {"settings": settings, **template}})


def test_what_the_cluster_lacks_is_created() -> None:
    body = component({"number_of_shards": 1})
    change = plan.change(body, None)
    assert (change.action, change.before, change.wanted) == (Action.CREATE, None, body)
    assert change.after["settings"] == {"index.number_of_shards": "1"}


@pytest.mark.parametrize(
    "settings",
    [
        {"number_of_shards": 1, "mapping": {"ignore_malformed": True}, "sort.field": ["a", "b"]},
        {
            "index.number_of_shards": "1",
            "index": {"mapping.ignore_malformed": "true", "sort": {"field": ["a", "b"]}},
        },
        {
            "index": {
                "number_of_shards": 1,
                "mapping": {"ignore_malformed": True, "x": None},
                "sort.field": ["a", "b"],
            }
        },
    ],
)
def test_settings_are_equal_however_they_are_nested_and_typed(settings: JsonObject) -> None:
    found = {
        "template": {
            "settings": {
                "index": {
                    "number_of_shards": "1",
                    "mapping": {"ignore_malformed": "true"},
                    "sort": {"field": ["a", "b"]},
                }
            }
        }
    }
    assert plan.change(component(settings), found).action is Action.KEEP


def test_a_changed_setting_is_an_update_that_shows_before_and_after() -> None:
    change = plan.change(
        component({"refresh_interval": "5s"}),
        {"template": {"settings": {"index": {"refresh_interval": "1s"}}}},
    )
    assert change.action is Action.UPDATE
    assert change.before is not None
    assert change.before["settings"] == {"index.refresh_interval": "1s"}
    assert change.after["settings"] == {"index.refresh_interval": "5s"}


@pytest.mark.parametrize(
    "change",
    [
        {"index_patterns": ["b-*"]},
        {"priority": 2},
        {"composed_of": []},
        {"template": {"mappings": {"properties": {"a": {"type": "text"}}}}},
        {"template": {"aliases": {"b": {}}}},
        {"_meta": {"by": "someone"}},
        {"data_stream": {}},
    ],
)
def test_every_part_of_an_index_template_counts(change: JsonObject) -> None:
    body: JsonObject = {
        "index_patterns": ["a-*"],
        "priority": 1,
        "composed_of": ["c"],
        "template": {"mappings": {"properties": {"a": {"type": "keyword"}}}},
    }
    wanted = Wanted(Kind.INDEX_TEMPLATE, "t", body)
    assert plan.change(wanted, deepcopy(body)).action is Action.KEEP
    assert plan.change(wanted, body | change).action is Action.UPDATE


def test_a_template_is_equal_to_itself_with_opensearchs_defaults() -> None:
    sent: JsonObject = {"index_patterns": "a-*", "version": None, "data_stream": {}}
    found = {
        "index_patterns": ["a-*"],
        "composed_of": [],
        "template": {"settings": {}, "mappings": {}, "aliases": {}},
        "data_stream": {"timestamp_field": {"name": "@timestamp"}},
    }
    assert plan.change(Wanted(Kind.INDEX_TEMPLATE, "t", sent), found).action is Action.KEEP


def as_ism_gives_it(body: JsonObject) -> JsonObject:
    """What a GET answers after a PUT of this body.

    https://github.com/opensearch-project/index-management (Policy.kt, State.kt, Action.kt)
    """
    found: JsonObject = {
        "policy_id": "p",
        "last_updated_time": 1,
        "schema_version": 21,
        "error_notification": None,
        "user": {"name": "admin"},
    } | deepcopy(body["policy"])
    for state in found["states"]:
        state["actions"] = [
            {"retry": {"count": 3, "backoff": "exponential", "delay": "1m"}} | action
            for action in state.get("actions", [])
        ]
        state.setdefault("transitions", [])
    templates = found.get("ism_template", [])
    found["ism_template"] = [
        {"priority": 0, "last_updated_time": 1} | template
        for template in (templates if isinstance(templates, list) else [templates])
    ]
    return {"policy": found}


@pytest.mark.parametrize(
    "body",
    [
        policy(),
        policy(ism_template={"index_patterns": ["a-*"]}),
        policy(ism_template=[{"index_patterns": ["a-*"], "priority": 7}]),
        policy(states=[{"name": "hot"}]),
    ],
)
def test_a_policy_is_equal_to_itself_with_what_ism_adds(body: JsonObject) -> None:
    change = plan.change(Wanted(Kind.POLICY, "p", body), as_ism_gives_it(body), (7, 1))
    assert (change.action, change.version, change.before) == (Action.KEEP, (7, 1), change.after)


def test_durations_are_equal_as_opensearch_reads_them() -> None:
    def after(age: str) -> JsonObject:
        transition = {"state_name": "hot", "conditions": {"min_index_age": age, "min_doc_count": 5}}
        return policy(
            states=[{"name": "hot", "transitions": [transition, {"state_name": "hot", "conditions": None}]}]
        )

    assert plan.change(Wanted(Kind.POLICY, "p", after("30 D")), after("30d")).action is Action.KEEP
    assert plan.change(Wanted(Kind.POLICY, "p", after("31d")), after("30d")).action is Action.UPDATE


@pytest.mark.parametrize(
    ("sent", "found", "action"),
    [
        (
            {"rollover": {"min_size": "1gb"}},
            {"rollover": {"min_size": "1gb", "copy_alias": False}},
            Action.KEEP,
        ),
        (
            {"rollover": {"min_size": "1gb"}},
            {"rollover": {"min_size": "1gb", "copy_alias": True}},
            Action.UPDATE,
        ),
        ({"delete": {}, "retry": {"count": 3}}, {"delete": {}}, Action.KEEP),
        ({"delete": {}, "retry": {"count": 4}}, {"delete": {}}, Action.UPDATE),
        ({"delete": {}, "timeout": "1h"}, {"delete": {}}, Action.UPDATE),
        ({"replica_count": {"number_of_replicas": 0}}, {"replica_count": {}}, Action.UPDATE),
    ],
)
def test_an_actions_settings_count_but_not_those_that_are_off(
    sent: JsonObject, found: JsonObject, action: Action
) -> None:
    wanted = Wanted(Kind.POLICY, "p", policy(states=[{"name": "s", "actions": [sent]}]))
    assert plan.change(wanted, policy(states=[{"name": "s", "actions": [found]}])).action is action


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(min_size=1, max_size=5), json, max_size=4)


@given(settings=objects, mappings=objects, more=objects)
def test_whatever_a_template_holds_it_is_equal_to_itself(
    settings: JsonObject, mappings: JsonObject, more: JsonObject
) -> None:
    body = more | {"index_patterns": ["a-*"], "template": {"settings": settings, "mappings": mappings}}
    assert plan.change(Wanted(Kind.INDEX_TEMPLATE, "t", body), deepcopy(body)).action is Action.KEEP


def test_a_change_shows_what_goes_and_what_comes() -> None:
    before = {"template": {"settings": {"index": {"refresh_interval": "1s"}}}}
    lines = plan.change(component({"refresh_interval": "5s"}), before).lines()
    assert [line.split() for line in lines if line[0] in "+-"] == [
        ["-", '"index.refresh_interval":', '"1s"'],
        ["+", '"index.refresh_interval":', '"5s"'],
    ]
    assert all(line[0] == "+" for line in plan.change(component({}), None).lines())
