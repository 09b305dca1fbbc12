"""What is wrong in a policy; ``tests/contracts/test_ism.py`` holds the same against what ISM answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import ism

HOT = {"name": "hot", "actions": [], "transitions": []}


def texts(body: Any) -> list[str]:  # noqa: ANN401 - any JSON
    return [fault.text for fault in ism.faults(body)]


def policy(*states: Any, **more: Any) -> Any:  # noqa: ANN401 - any JSON
    return {"policy": {"description": "d", "default_state": "hot", "states": list(states)} | more}


def test_a_policy_without_a_mistake_has_no_fault() -> None:
    cold = {"name": "cold", "actions": [{"delete": {}, "retry": {"count": 1}, "timeout": "1h"}]}
    to_cold = {"state_name": "cold", "conditions": {"min_index_age": "3d"}}
    templates = [{"index_patterns": ["a-*"], "priority": 1}]
    assert texts(policy(HOT | {"transitions": [to_cold]}, cold, ism_template=templates)) == []
    assert texts(policy(HOT, ism_template={"index_patterns": ["a-*"]})) == []
    at_once = {"transitions": [to_cold, {"state_name": "cold"}]}
    assert texts(policy(HOT | at_once, cold)) == [], "an unconditional transition may be the last"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, 'one key, "policy", with an object; it has none'),
        ({"policyx": {}}, 'it has "policyx"'),
        ({"policy": {}, "x": 1}, 'it has "policy", "x"'),
        (policy(HOT, ism_templates=[]), "the policy has the key 'ism_templates'"),
        (policy(HOT, description=None), "`description` is missing"),
        (policy(), "`states` must be a list of one or more objects"),
        (policy(1), "`states` must be a list of one or more objects"),
        (policy(HOT, HOT), "two states have the name 'hot'"),
        (policy(HOT, default_state="x"), "`default_state` is 'x', which is no state; it may be 'hot'"),
        (policy(HOT, {}), "a state has no `name`"),
        (policy(HOT | {"transition": []}), "state 'hot' has the key 'transition'"),
        (policy(HOT, {"name": "cold"}), "state 'cold' is never reached"),
        (policy(HOT | {"actions": {}}), "`actions` must be a list of objects"),
        (policy(HOT | {"actions": [{}]}), "an object without an action"),
        (policy(HOT | {"actions": [{"read_only": {}, "close": {}}]}), "one object with `close`, `read_only`"),
        (policy(HOT | {"actions": [{"freeze": {}}]}), "'freeze' is no action of ISM; there are `alias`"),
        (policy(HOT | {"actions": [{"delete": {}}, {"close": {}}]}), "has `close` behind `delete`"),
        (
            policy(HOT | {"actions": [{"delete": {}}], "transitions": [{"state_name": "hot"}]}),
            "deletes the index and has `transitions`",
        ),
        (policy(HOT | {"transitions": {}}), "`transitions` must be a list of objects"),
        (policy(HOT | {"transitions": [{"state_name": "x"}]}), "goes to 'x', which is no state"),
        (policy(HOT | {"transitions": [{"state_name": "hot", "if": 1}]}), "a transition has the key 'if'"),
        (
            policy(HOT | {"transitions": [{"state_name": "hot"}, {"state_name": "hot"}]}),
            "on no condition, so the one to 'hot' is never reached",
        ),
        (policy(HOT, ism_template="a-*"), "`ism_template` must be a list of objects"),
        (policy(HOT, ism_template=[{"priority": 1}]), "`ism_template` needs `index_patterns`"),
        (
            policy(HOT, ism_template=[{"index_patterns": ["a-*"], "prio": 1}]),
            "`ism_template` has the key 'prio'",
        ),
    ],
)
def test_each_mistake_is_said_where_it_is(body: Any, said: str) -> None:  # noqa: ANN401 - any JSON
    assert any(said in text for text in texts(body)), texts(body)


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (None, "`conditions` without one"),
        ({}, "`conditions` without one"),
        ({"min_index_age": "1d", "cron": {}}, "one condition a transition"),
        ({"min_age": "1d"}, "'min_age' is no condition of ISM; there are `cron`"),
        ({"min_index_age": "1y"}, "min_index_age is '1y'; write a whole number with d"),
        ({"min_state_age": 30}, "min_state_age is 30; write"),
        ({"min_rollover_age": "-1"}, "ISM takes for 'at once'"),
    ],
)
def test_each_mistake_in_a_condition_is_said(conditions: Any, said: str) -> None:  # noqa: ANN401 - any JSON
    (text,) = texts(policy(HOT | {"transitions": [{"state_name": "hot", "conditions": conditions}]}))
    assert said in text
    assert text.startswith("state 'hot': the transition to 'hot'")


@pytest.mark.parametrize("conditions", [{"min_doc_count": 5}, {"min_index_age": "1 d"}, {"no_alias": True}])
def test_a_condition_that_ism_understands_is_none(conditions: Any) -> None:  # noqa: ANN401 - any JSON
    assert texts(policy(HOT | {"transitions": [{"state_name": "hot", "conditions": conditions}]})) == []


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "policy",
                    "states",
                    "name",
                    "actions",
                    "transitions",
                    "conditions",
                    "state_name",
                    "ism_template",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["policy", "x"]), json, max_size=2))
def test_whatever_json_a_file_holds_its_faults_can_be_told(body: Any) -> None:  # noqa: ANN401 - any JSON
    assert all(fault.text.endswith((".", "`")) for fault in ism.faults(body))


@given(json, json)
def test_whatever_json_a_state_is_its_faults_can_be_told(state: Any, templates: Any) -> None:  # noqa: ANN401 - any JSON
    assert isinstance(texts(policy(HOT, state, ism_template=templates)), list)
