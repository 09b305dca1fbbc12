from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import pattern, query
from pipeline.core.pattern import Exact, Numeric, Prefix

LONG, DOUBLE, UNMAPPED = "count", "ratio", "service"
RANGED = frozenset({LONG, DOUBLE})
EDGES = [
    12.9,
    -12.9,
    0.5,
    -0.5,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    1e300,
    -1e300,
    "12",
    "12ms",
    "a",
    "",
]
NUMBER = st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = (
    st.sampled_from([*EDGES, None, True])
    | NUMBER
    | st.text('ab"\\\n漢', max_size=3)
    | st.just("漢" * 3_000 + "a")
)
VALUES = VALUE | st.lists(VALUE, max_size=3)
FIELDS = st.dictionaries(st.sampled_from([LONG, DOUBLE, UNMAPPED]), VALUES, max_size=3)


def search(asked: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any argument of search
    arguments: dict[str, Any] = {
        "tenant": "acme",
        "ranged": RANGED,
        "ingested_from": None,
        "ingested_to": None,
        "after": None,
        "size": 100,
        "newest": False,
    }
    return query.search(pattern.parse(asked), **{**arguments, **changes})


def filters(asked: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = search(asked)["query"]["bool"]["filter"]
    return found


# --- a small OpenSearch, as far as these queries go -------------------------------------------


def as_long(value: object) -> int:
    """Coerce as a ``long`` mapping does: numbers in strings too, the fraction dropped towards zero."""
    number = math.trunc(float(value)) if isinstance(value, str | float) else value
    if not isinstance(number, int) or isinstance(value, bool) or not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def as_double(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - the one error that stands for a refused value
    return float(value)  # type: ignore[arg-type] # what float refuses, the mapping refuses


def indexed(fields: dict[str, Any]) -> dict[str, list[Any]]:
    """Index a document's attributes: tokens, the typed fields, and ``_ignored`` for what they refuse."""
    index: dict[str, list[Any]] = {"tokens": [], "_ignored": [], LONG: [], DOUBLE: []}
    for key, value in fields.items():
        index["tokens"] += pattern.tokens(key, value)
    for key, coerce in ((LONG, as_long), (DOUBLE, as_double)):
        for scalar in pattern.scalars(fields.get(key, [])):
            try:
                index[key] += [] if scalar is None else [coerce(scalar)]
            except (ValueError, OverflowError):
                index["_ignored"].append(key)
    return index


def found(one: dict[str, Any], index: dict[str, list[Any]]) -> bool:
    (kind, said), *rest = one.items()
    assert not rest
    if kind == "bool":
        return any(found(inner, index) for inner in said["should"])
    (field, wanted), *rest = said.items()
    assert not rest
    values = index.get(field, [])
    if kind == "term":
        return wanted in values
    if kind == "terms":
        return any(value in wanted for value in values)
    if kind == "prefix":
        return any(value.startswith(wanted["value"]) for value in values)
    assert kind == "range"
    assert all(-(2**63) <= bound < 2**63 for bound in wanted.values())
    assert all(isinstance(bound, int) for bound in wanted.values())
    return any(value >= wanted.get("gte", value) and value <= wanted.get("lte", value) for value in values)


def accepted(condition: pattern.Condition, value: pattern.Scalar) -> bool:
    """Say what the condition means, in this test's own words."""
    match condition:
        case Exact(literals):
            return pattern.literal(value) in literals
        case Prefix(text):
            return isinstance(value, str) and value.startswith(text)
        case Numeric(low, high, above, below):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            over = low is None or value > low or (value == low and not above)
            under = high is None or value < high or (value == high and not below)
            return over and under


@st.composite
def filters_near(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, list[Any]]:
    """Draw a filter about a document's own values, so that many match."""
    asked: dict[str, list[Any]] = {}
    for key, value in fields.items():
        near = list(pattern.scalars(value)) or [None]
        asked[key] = [
            draw(condition_near(draw(st.sampled_from(near)))) for _ in range(draw(st.integers(1, 2)))
        ]
    return asked


def condition_near(value: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any JSON value
    kinds: list[st.SearchStrategy[Any]] = [st.just(value)]
    if isinstance(value, str):
        kinds.append(st.integers(0, len(value)).map(lambda end: {"prefix": value[:end]}))
    if isinstance(value, int | float) and not isinstance(value, bool):
        bound = st.sampled_from([value, value - 1, value - 0.25]) | NUMBER
        sign = st.sampled_from([">", ">=", "<", "<=", "="])
        kinds.append(st.builds(lambda sign, bound: {"numeric": [sign, bound]}, sign, bound))
        kinds.append(
            st.just({"numeric": [">=", value - 1, "<", value + 1]}).filter(lambda _: value - 1 < value + 1)
        )
    return st.one_of(kinds)


@given(st.data(), FIELDS)
def test_the_query_finds_every_document_that_the_filter_accepts(
    data: st.DataObject, fields: dict[str, Any]
) -> None:
    asked = data.draw(filters_near(fields))
    clauses = pattern.parse(asked).clauses
    if all(
        any(
            accepted(condition, value)
            for condition in clause.conditions
            for value in pattern.scalars(fields[clause.key])
        )
        for clause in clauses
    ):
        index = indexed(fields)
        assert all(found(one, index) for one in filters(asked)[1:])


# --- what it asks -----------------------------------------------------------------------------


def test_only_the_tenants_documents_are_searched_whatever_the_filter_says() -> None:
    assert filters({}) == [{"term": {"tenant": "acme"}}]
    assert {"term": {"tenant": "acme"}} in filters({"tenant": ["umbrella"]})


def test_exact_values_are_looked_up_among_the_tokens() -> None:
    assert filters({"service": ["payments", 3.0, None]})[1:] == [
        {"terms": {"tokens": ['service="payments"', "service=3", "service=null"]}}
    ]


def test_a_prefix_is_one_of_tokens() -> None:
    assert filters({"service": [{"prefix": 'pay"'}]})[1:] == [
        {"prefix": {"tokens": {"value": 'service="pay\\"'}}}
    ]


def test_a_range_on_a_typed_field_is_widened_to_whole_numbers() -> None:
    (clause,) = filters({LONG: [{"numeric": [">", 12.5, "<", 13.5]}]})[1:]
    assert clause["bool"]["should"][0] == {"range": {LONG: {"gte": 12, "lte": 14}}}
    assert clause["bool"]["minimum_should_match"] == 1


def test_a_range_also_asks_for_values_that_the_mapping_refused() -> None:
    (clause,) = filters({LONG: [{"numeric": [">", 1]}]})[1:]
    assert clause["bool"]["should"][1:] == [{"term": {"_ignored": LONG}}, {"term": {"ignored": LONG}}]


@pytest.mark.parametrize(
    ("test", "bounds"),
    [
        ([">", -1e300], {}),
        (["<", 1e300], {}),
        ([">", 1e300], {"gte": 2**63 - 1}),
        (["<", -1e300], {"lte": -(2**63)}),
    ],
)
def test_a_bound_beyond_a_long_is_none_that_opensearch_would_refuse(
    test: list[Any], bounds: dict[str, int]
) -> None:
    (clause,) = filters({LONG: [{"numeric": test}]})[1:]
    assert clause["bool"]["should"][0] == {"range": {LONG: bounds}}


def test_a_range_on_anything_else_asks_for_all_that_have_the_attribute() -> None:
    assert filters({"service": [{"numeric": [">", 1]}]})[1:] == [
        {"prefix": {"tokens": {"value": "service="}}}
    ]


def test_several_conditions_are_alternatives() -> None:
    (clause,) = filters({"service": ["a", {"prefix": "b"}]})[1:]
    assert clause == {
        "bool": {
            "should": [
                {"terms": {"tokens": ['service="a"']}},
                {"prefix": {"tokens": {"value": 'service="b'}}},
            ],
            "minimum_should_match": 1,
        }
    }


def test_a_span_of_ingested_includes_both_ends() -> None:
    spans = {
        (5, None): {"gte": 5},
        (None, 9): {"lte": 9},
        (0, 9): {"gte": 0, "lte": 9},
    }
    for (start, end), span in spans.items():
        body = search({}, ingested_from=start, ingested_to=end)
        assert body["query"]["bool"]["filter"][1:] == [{"range": {"@ingested": span}}]


def test_a_page_goes_on_after_the_one_before_in_the_same_order() -> None:
    first, next_ = search({}), search({}, after=(5, "0f"), size=7)
    assert "search_after" not in first
    assert next_["search_after"] == [5, "0f"]
    assert next_["size"] == 7
    assert [*map(list, next_["sort"])] == [["@ingested"], ["id"]]


@pytest.mark.parametrize(("newest", "order"), [(True, "desc"), (False, "asc")])
def test_both_keys_of_the_order_go_the_same_way(newest: object, order: str) -> None:
    assert [field["order"] for key in search({}, newest=newest)["sort"] for field in key.values()] == [
        order
    ] * 2


def test_one_document_is_found_by_its_id_and_only_for_its_tenant() -> None:
    body = query.document("0f" * 32, tenant="acme")
    assert body["query"]["bool"]["filter"] == [{"term": {"tenant": "acme"}}, {"term": {"id": "0f" * 32}}]
    assert body["size"] == 1


def test_a_cut_prefix_still_finds_what_begins_with_all_of_it() -> None:
    start = "😀" * 2_040
    (clause,) = filters({"service": [{"prefix": start}]})[1:]
    assert found(clause, indexed({"service": start + "end"}))
    assert not found(clause, indexed({"service": "😀"}))


# --- which indices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "indices"),
    [
        ({}, "events-*,metrics-*,orders-*"),
        ({"service": ["metrics"]}, "events-*,metrics-*,orders-*"),
        ({"family": ["metrics"]}, "metrics-*"),
        ({"family": ["orders", "metrics", "unknown"]}, "metrics-*,orders-*"),
        ({"family": [{"prefix": "me"}]}, "events-*,metrics-*,orders-*"),
        ({"family": ["metrics", {"prefix": "or"}]}, "events-*,metrics-*,orders-*"),
    ],
)
def test_a_filter_that_fixes_its_families_searches_those_alone(asked: dict[str, Any], indices: str) -> None:
    assert query.indices(pattern.parse(asked), ["orders", "metrics", "events"]) == indices


@pytest.mark.parametrize("family", ["*", "_all", ".kibana", "metrics-*,orders", "../_cluster", "", None])
def test_no_text_of_a_client_becomes_part_of_the_expression(family: object) -> None:
    assert query.indices(pattern.parse({"family": [family]}), ["metrics"]) == "metrics-*"
