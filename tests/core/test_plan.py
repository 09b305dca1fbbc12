from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import plan
from pipeline.core.errors import Refused
from pipeline.core.plan import Action, Kind, Wanted

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

ROOT = Path(__file__).parents[2]


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


def files(**bodies: Any) -> dict[str, bytes]:  # noqa: ANN401 - any JSON
    return {name.replace("__", "/") + ".json": orjson.dumps(body) for name, body in bodies.items()}


# --- reading ----------------------------------------------------------------------------------


def test_the_projects_own_files_are_read_in_the_order_of_applying() -> None:
    own = {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in (plan.POLICIES, plan.TEMPLATES)
        for file in (ROOT / folder).glob("*.json")
    }
    assert [body.title for body in plan.wanted(own)] == [
        "component template livedex-common",
        "index template livedex-events",
        "index template livedex-metrics",
        "policy livedex-events",
        "policy livedex-metrics",
    ]


@pytest.mark.parametrize(
    ("path", "content", "code", "said"),
    [
        ("index_templates/a.json", b'{"template":', "bad-template", "index_templates/a.json is no JSON"),
        ("index_templates/a.json", b"[]", "bad-template", "holds no JSON object"),
        ("index_templates/a.json", b'{"index_pattern":["a-*"]}', "bad-template", "no `index_patterns`"),
        (
            "index_templates/a.json",
            b'{"index_patterns":["a-*"],"template":[]}',
            "bad-template",
            "no object `template`",
        ),
        (
            "elsewhere/a.json",
            b'{"template":{}}',
            "bad-template",
            "neither index_templates/ nor ism_policies/",
        ),
        ("ism_policies/a.json", b'{"policyx":{"states":[]}}', "bad-policy", "it has ['policyx']"),
        ("ism_policies/a.json", b'{"policy":{"states":[]},"x":1}', "bad-policy", "it has ['policy', 'x']"),
        ("ism_policies/a.json", b'{"policy":[]}', "bad-policy", 'one key, "policy"'),
        ("ism_policies/a.json", b'{"policy":{"states":{}}}', "bad-policy", "`policy.states` must be a list"),
        ("ism_policies/a.json", b'{"policy":{"states":[1]}}', "bad-policy", "`policy.states` must be a list"),
    ],
)
def test_a_file_that_is_no_body_is_refused_by_name(path: str, content: bytes, code: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        plan.wanted({path: content})
    assert refused.value.code == code
    assert path in refused.value.text
    assert said in refused.value.text


def test_two_actions_in_one_object_are_refused_because_ism_would_keep_only_the_last() -> None:
    warm = {"name": "warm", "actions": [{"read_only": {}, "force_merge": {"max_num_segments": 1}}]}
    with pytest.raises(Refused, match=r"ism_policies/p\.json: state 'warm': .*'force_merge', 'read_only'"):
        plan.wanted(files(ism_policies__p=policy(states=[warm])))


def test_retry_and_timeout_are_no_second_action() -> None:
    warm = {"name": "warm", "actions": [{"read_only": {}, "retry": {"count": 1}, "timeout": "1h"}]}
    assert plan.wanted(files(ism_policies__p=policy(states=[warm])))


def test_a_transition_behind_an_unconditional_one_is_refused_because_it_is_never_reached() -> None:
    conditional = {"state_name": "warm", "conditions": {"min_index_age": "2d"}}
    always = {"state_name": "gone"}
    with pytest.raises(
        Refused, match="goes to 'gone' on no condition, so the one to 'warm' is never reached"
    ):
        plan.wanted(
            files(ism_policies__p=policy(states=[{"name": "hot", "transitions": [always, conditional]}]))
        )
    assert plan.wanted(
        files(ism_policies__p=policy(states=[{"name": "hot", "transitions": [conditional, always]}]))
    )


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


# --- numbers ----------------------------------------------------------------------------------


def mapped(**types: str) -> JsonObject:
    return {
        "template": {"mappings": {"properties": {name: {"type": type_} for name, type_ in types.items()}}}
    }


BODIES = (
    Wanted(Kind.COMPONENT_TEMPLATE, "common", mapped(size="long", name="keyword")),
    Wanted(Kind.INDEX_TEMPLATE, "low", {"index_patterns": ["a-*"], "priority": 1} | mapped(name="double")),
    Wanted(
        Kind.INDEX_TEMPLATE,
        "high",
        {"index_patterns": ["x-*", "a-*"], "priority": 2, "composed_of": ["common", "not-ours"]}
        | mapped(ms="double"),
    ),
    Wanted(
        Kind.INDEX_TEMPLATE,
        "own",
        {"index_patterns": ["b-*"], "composed_of": ["common"]} | mapped(size="keyword"),
    ),
    Wanted(Kind.POLICY, "p", policy()),
)


@pytest.mark.parametrize(
    ("attributes", "numbers"),
    [
        ({"a": ["ms", "size", "name"]}, {"ms", "size"}),
        ({"b": ["size"]}, set()),
        ({"a": ["ms", "size"], "b": ["size"]}, {"ms"}),
        ({"a": ["ms"], "without-template": ["ms"]}, set()),
        ({"a": ["ms"], "without-template": ["other"]}, {"ms"}),
        ({}, set()),
    ],
)
def test_an_attribute_is_a_number_where_every_family_that_has_it_maps_it_so(
    attributes: dict[str, list[str]], numbers: set[str]
) -> None:
    assert plan.numeric(BODIES, attributes) == numbers
