from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import bodies, policy_fit
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.model import Route
from pipeline.core.verify import verify
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.model import JsonObject

ROUTE = Route("shop", "metrics", attributes=(("service", "service"), ("latencyMs", "ms")))
BODIES = bodies.read(shipped.template_files())


def changed(kind: Kind, change: Callable[[JsonObject], object], name: str = "metrics") -> list[Wanted]:
    """Our own bodies, with one of them changed."""
    found = []
    for body in BODIES:
        if (body.kind, body.name) == (kind, f"livedex-{name}"):
            ours = deepcopy(body.body)
            change(ours)
            found.append(Wanted(kind, body.name, ours))
        else:
            found.append(body)
    return found


def template(change: Callable[[JsonObject], object]) -> list[Wanted]:
    return changed(Kind.INDEX_TEMPLATE, change)


def field(**mapping: Any) -> list[Wanted]:  # noqa: ANN401 - any JSON
    def change(body: JsonObject) -> None:
        body["template"]["mappings"]["properties"]["latencyMs"] = mapping

    return template(change)


def states(*given: JsonObject) -> list[Wanted]:
    return changed(Kind.POLICY, lambda body: body["policy"].update(states=list(given)))


def at(age: str, *actions: str, name: str = "gone") -> tuple[JsonObject, JsonObject]:
    transition = {"state_name": name, "conditions": {"min_index_age": age}}
    return {"name": "hot", "transitions": [transition]}, {
        "name": name,
        "actions": [{action: {}} for action in actions],
    }


def said(wanted: list[Wanted], *routes: Route) -> str:
    """All that is found, without what our own files give anyway, which is nothing."""
    return "\n".join(
        f"{'wrong' if each.grave else 'note'} {each.place}: {each.text}"
        for each in verify(routes or (ROUTE,), wanted)
    )


def test_our_own_files_fit_each_other() -> None:
    assert verify(shipped.routes().ordered, BODIES) == ()


def test_a_route_that_stores_nothing_needs_nothing() -> None:
    assert verify([Route("shop", "nothing", index=False)], BODIES) == ()


# --- templates --------------------------------------------------------------------------------


def test_a_family_without_a_template_is_found() -> None:
    found = said(list(BODIES), Route("shop", "orders"))
    assert "wrong family orders: no index template is for orders-*" in found
    assert "note family orders: no policy is for orders-*: only `livedex retire` deletes" in found


def test_an_attribute_without_a_field_is_found() -> None:
    route = replace(ROUTE, attributes=(("colour", "colour"),))
    assert "wrong index_templates/livedex-metrics.json: attribute colour has no field" in said(
        list(BODIES), route
    )


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"type": "float"}, "mapped as float, which does not hold every number: write long or double"),
        ({"type": "integer"}, "mapped as integer, which"),
        ({"type": "boolean"}, "mapped as boolean, which refuses events with any other value"),
        (
            {"type": "double", "ignore_malformed": False},
            'refuses events with another value: "ignore_malformed"',
        ),
        ({"type": "keyword"}, 'refuses events with long text: "ignore_above": 8191'),
        ({"type": "keyword", "ignore_above": 9_000}, 'refuses events with long text: "ignore_above": 8191'),
    ],
)
def test_a_field_that_does_not_hold_what_comes_is_found(mapping: JsonObject, text: str) -> None:
    assert f"attribute latencyMs is {text}" in said(field(**mapping)) or text in said(field(**mapping))


@pytest.mark.parametrize(
    "mapping",
    [{"type": "long"}, {"type": "date"}, {"type": "keyword", "ignore_above": 100}, {"type": "text"}],
)
def test_a_field_that_holds_what_comes_is_none(mapping: JsonObject) -> None:
    assert said(field(**mapping)) == ""


def test_a_field_of_another_kind_than_the_route_says_is_found() -> None:
    route = replace(ROUTE, kinds=(("service", "number"), ("latencyMs", "number")))
    found = said(list(BODIES), route)
    assert (
        "attribute service is mapped as keyword, and a route says that it is a number: write double or long"
        in found
    )
    assert "latencyMs" not in found


def test_a_common_field_of_another_type_is_found() -> None:
    def change(body: JsonObject) -> None:
        body["template"]["mappings"]["properties"] |= {"tokens": {"type": "text"}}

    assert "wrong index_templates/livedex-metrics.json: tokens is mapped as text; it must be keyword" in said(
        template(change)
    )


def test_a_mapping_that_grows_is_found() -> None:
    def change(body: JsonObject) -> None:
        body["template"]["mappings"]["dynamic"] = True

    assert "`dynamic` is true, so events add fields" in said(template(change))


def test_a_template_without_any_of_ours_lacks_all_common_fields() -> None:
    found = said(template(lambda body: body.update(composed_of=[])))
    assert "@timestamp is mapped as nothing; it must be date" in found


def test_a_component_that_no_file_has_is_noted_and_the_rest_left() -> None:
    found = said(template(lambda body: body.update(composed_of=["company"])))
    assert found == (
        "note index_templates/livedex-metrics.json: it is composed of company, which no file here has: "
        "not looked at further."
    )


def test_two_templates_of_one_priority_are_found() -> None:
    rival = Wanted(Kind.INDEX_TEMPLATE, "rival", {"index_patterns": ["m*"], "priority": 200})
    assert "index_templates/rival.json is for metrics-* too, at the same `priority`" in said([*BODIES, rival])


# --- policies ---------------------------------------------------------------------------------


def test_a_policy_that_seals_an_index_while_its_events_come_is_found() -> None:
    hot, warm = at("2d", "read_only", name="warm")
    gone = {"name": "gone", "actions": [{"delete": {}}]}
    warm["transitions"] = [{"state_name": "gone", "conditions": {"min_index_age": "14d"}}]
    found = said(states(hot, warm, gone))
    assert "makes indices read-only at 2 days, but events come until their day is 13 days old" in found
    assert "Let it wait for 14d" in found


@pytest.mark.parametrize(("lateness", "fits"), [(1, True), (2, False)])
def test_the_hot_phase_is_longer_than_the_lateness_and_the_day_that_an_index_may_be_early(
    lateness: int,
    fits: bool,  # noqa: FBT001 - a table
) -> None:
    hot, warm = at("2d", "force_merge", name="warm")
    warm["transitions"] = [{"state_name": "gone", "conditions": {"min_index_age": "14d"}}]
    found = said(
        states(hot, warm, {"name": "gone", "actions": [{"delete": {}}]}),
        replace(ROUTE, lateness_days=lateness),
    )
    assert ("read-only at 2 days" not in found) is fits


def test_a_policy_that_deletes_at_another_age_than_the_routes_say_is_found() -> None:
    found = said(states(*at("1d", "delete")))
    assert "it deletes at 1 day, and `retention-days` of family metrics is 14" in found
    assert "retention" not in said(states(*at("14d", "delete")))


def test_a_policy_that_never_deletes_is_noted() -> None:
    assert said(states({"name": "hot"})) == (
        "note ism_policies/livedex-metrics.json: it never deletes by age: only `livedex retire` does, at 14 "
        "days."
    )


def test_a_transition_whose_moment_no_age_tells_is_noted() -> None:
    hot = {
        "name": "hot",
        "transitions": [
            {"state_name": "gone", "conditions": {"min_size": "1gb"}},
            {"state_name": "gone", "conditions": {"min_index_age": "14d"}},
        ],
    }
    assert said(states(hot, {"name": "gone", "actions": [{"delete": {}}]})) == (
        "note ism_policies/livedex-metrics.json: from hot to gone when min_size 1gb: no age tells when, so "
        "the time line may be another."
    )


@pytest.mark.parametrize("alias", [True, False])
def test_a_policy_that_rolls_over_is_found(alias: bool) -> None:  # noqa: FBT001 - a table
    wanted = states({"name": "hot", "actions": [{"rollover": {"min_size": "1gb"}}]})
    if alias:
        setting = {"plugins.index_state_management.rollover_alias": "m"}
        template = next(body for body in BODIES if body.name == "livedex-metrics")
        own = deepcopy(template.body)
        own["template"]["settings"] = setting
        wanted[2] = Wanted(Kind.INDEX_TEMPLATE, template.name, own)
    found = said(wanted)
    assert "it rolls over, but an index of family metrics is named by its date" in found
    assert ("has no `rollover_alias`" in found) is not alias


def test_a_policy_for_a_family_without_a_template_is_held_against_its_routes_too() -> None:
    policy = deepcopy(next(body.body for body in BODIES if body.kind is Kind.POLICY))
    policy["policy"]["ism_template"] = {"index_patterns": ["orders-*"]}
    policy["policy"]["states"][0]["actions"] = [{"rollover": {}}]
    found = said([Wanted(Kind.POLICY, "orders", policy)], Route("shop", "orders"))
    assert "has no `rollover_alias`" in found


def test_two_policies_of_one_priority_for_the_same_indices_are_found() -> None:
    rival = Wanted(
        Kind.POLICY,
        "rival",
        {
            "policy": {
                "description": "d",
                "default_state": "hot",
                "states": [{"name": "hot"}],
                "ism_template": [{"index_patterns": ["*"], "priority": 100}],
            }
        },
    )
    found = said([*BODIES, rival])
    assert (
        "ism_policies/rival.json: its pattern * meets metrics-* of ism_policies/livedex-metrics.json" in found
    )
    assert "never deletes" not in found, "which of the two ISM would take cannot be said"
    rival.body["policy"]["ism_template"][0]["priority"] = 99
    assert said([*BODIES, rival]) == ""


def test_a_fault_of_a_policy_is_a_finding_and_then_the_policy_counts_for_none() -> None:
    found = said(states({"name": "cold"}))
    assert "wrong ism_policies/livedex-metrics.json: `default_state` is 'hot', which is no state" in found
    assert "no policy is for metrics-*" in found


patterns = st.text("ab*", max_size=6)


@given(patterns, patterns, st.text("ab", max_size=6))
def test_patterns_that_share_a_name_overlap(one: str, other: str, name: str) -> None:
    assert policy_fit.overlap(one, other) == policy_fit.overlap(other, one)
    if fnmatchcase(name, one) and fnmatchcase(name, other):
        assert policy_fit.overlap(one, other)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a-*", "a-b*", True),
        ("*-a", "b-*", True),
        ("a-*", "b-*", False),
        ("*a", "*b", False),
        ("a", "a", True),
    ],
)
def test_patterns_overlap_only_where_some_name_matches_both(one: str, other: str, meet: bool) -> None:  # noqa: FBT001 - a table
    assert policy_fit.overlap(one, other) is meet


def test_an_age_is_said_in_days() -> None:
    assert [policy_fit.days(age * 3_600_000) for age in (0, 24, 36, 48)] == [
        "0 days",
        "1 day",
        "1.5 days",
        "2 days",
    ]
