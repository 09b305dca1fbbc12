from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline.core import bodies
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.errors import Refused

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
        for folder in (bodies.POLICIES, bodies.TEMPLATES)
        for file in (ROOT / folder).glob("*.json")
    }
    assert [body.title for body in bodies.wanted(own)] == [
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
        ("ism_policies/a.json", b'{"policyx":{"states":[]}}', "bad-policy", 'it has "policyx"'),
        ("ism_policies/a.json", b'{"policy":{"states":[]},"x":1}', "bad-policy", 'it has "policy", "x"'),
        ("ism_policies/a.json", b'{"policy":[]}', "bad-policy", 'one key, "policy"'),
        ("ism_policies/a.json", b'{"policy":{"states":{}}}', "bad-policy", "`states` must be a list"),
        ("ism_policies/a.json", b'{"policy":{"states":[1]}}', "bad-policy", "`states` must be a list"),
    ],
)
def test_a_file_that_is_no_body_is_refused_by_name(path: str, content: bytes, code: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        bodies.wanted({path: content})
    assert refused.value.code == code
    assert path in refused.value.text
    assert said in refused.value.text


def test_every_mistake_of_every_policy_is_named_with_its_file() -> None:
    broken = files(ism_policies__a=policy(states=[]), ism_policies__b={"policy": {"states": []}})
    with pytest.raises(Refused) as refused:
        bodies.wanted(broken)
    lines = refused.value.text.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ism_policies/a.json"] + ["ism_policies/b.json"] * 2
    assert [body.name for body in bodies.read(broken)] == ["a", "b"]


# --- what a family's indices get --------------------------------------------------------------


def test_a_familys_templates_lie_over_each_other_as_in_opensearch() -> None:
    laid = bodies.layout("a", BODIES)
    assert laid is not None
    assert (laid.template.name, laid.missing, laid.rivals) == ("high", ("not-ours",), ())
    assert {name: field["type"] for name, field in laid.fields.items()} == {
        "size": "long",
        "name": "keyword",
        "ms": "double",
    }
    assert (laid.dynamic, laid.ignores_malformed) == ("true", False)
    assert bodies.layout("nobody", BODIES) is None


def test_the_last_part_that_says_something_counts() -> None:
    parts = [
        Wanted(
            Kind.COMPONENT_TEMPLATE,
            name,
            {"template": {"settings": settings, "mappings": {"dynamic": dynamic}}},
        )
        for name, settings, dynamic in (
            ("one", {"index": {"mapping": {"ignore_malformed": False}}}, True),
            ("two", {"mapping.ignore_malformed": True, "x": None, "sort.field": ["a", 1]}, "strict"),
        )
    ]
    template = Wanted(
        Kind.INDEX_TEMPLATE, "t", {"index_patterns": "a-*", "composed_of": ["one", "two"], "template": None}
    )
    laid = bodies.layout("a", [*parts, template])
    assert laid is not None
    assert (laid.dynamic, laid.ignores_malformed) == ("strict", True)


def test_a_template_of_the_same_priority_is_a_rival() -> None:
    one = Wanted(Kind.INDEX_TEMPLATE, "one", {"index_patterns": ["a-*"]})
    two = Wanted(Kind.INDEX_TEMPLATE, "two", {"index_patterns": ["a-*", "b-*"], "priority": 0})
    laid = bodies.layout("a", [one, two])
    assert laid is not None
    assert (laid.template, laid.rivals) == (one, (two,))


def test_a_family_has_the_policy_of_the_highest_priority_and_never_a_broken_one() -> None:
    def one(name: str, priority: int, **more: Any) -> Wanted:  # noqa: ANN401 - any JSON
        templates = [{"index_patterns": ["a-*"], "priority": priority}]
        return Wanted(Kind.POLICY, name, policy(ism_template=templates, **more))

    low, high, same, broken = one("low", 1), one("high", 2), one("same", 2), one("broken", 9, states=[])
    assert bodies.policies_of("a", [low, high, broken]) == (high,)
    assert bodies.policies_of("a", [low, high, same]) == (high, same)
    assert bodies.policies_of("b", [low]) == ()


def test_a_body_knows_its_file_and_its_title() -> None:
    assert [(body.file, body.title) for body in BODIES[2:5:2]] == [
        ("index_templates/high.json", "index template high"),
        ("ism_policies/p.json", "policy p"),
    ]


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
    assert bodies.numeric(BODIES, attributes) == numbers
