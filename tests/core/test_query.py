from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import memory_search
from pipeline.adapters.memory_mapping import Terms
from pipeline.adapters.memory_search import Found
from pipeline.core import match, pattern, query, superset, terms
from tests import filter_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    | st.text('abA"\\\n漢ß*?', max_size=4)
    | st.sampled_from(["漢" * 3_000 + "a", "a" * 9_000 + "b", '"' * 5_000, "\\" * 5_000 + "x"])
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
        index["tokens"] += terms.tokens(key, value)
    for key, coerce in ((LONG, as_long), (DOUBLE, as_double)):
        for scalar in terms.scalars(fields.get(key, [])):
            try:
                index[key] += [] if scalar is None else [coerce(scalar)]
            except (ValueError, OverflowError):
                index["_ignored"].append(key)
    return index


def found(one: dict[str, Any], index: dict[str, list[Any]]) -> bool:
    """Ask the memory store's search, which its contract holds to the real node's answers."""
    terms = Terms({key: values for key, values in index.items() if key != "_ignored"}, index["_ignored"])
    for bounds in ranges(one):
        assert all(-(2**63) <= bound < 2**63 for bound in bounds.values())
        assert all(isinstance(bound, int) for bound in bounds.values())
    return memory_search.matches(Found("a-1", "a", {}, terms), one)


def ranges(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give each range on a typed field."""
    ((kind, said),) = one.items()
    if kind == "range" and "tokens" not in said:
        yield from said.values()
    if kind == "bool":
        for inner in (*said.get("should", []), *said.get("filter", []), *said.get("must_not", [])):
            yield from ranges(inner)


@st.composite
def filters_near(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    """Draw a filter about a document's own values, so that many match."""
    asked: dict[str, Any] = {}
    for key, value in fields.items():
        near = list(terms.scalars(value)) or [None]
        asked[key] = [
            draw(condition_near(draw(st.sampled_from(near)))) for _ in range(draw(st.integers(1, 2)))
        ]
    if asked and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(asked)))
        asked["$or"] = [{key: asked.pop(key)}, {"none": [1]}]
    return asked


def condition_near(value: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any JSON value
    kinds: list[st.SearchStrategy[Any]] = [
        st.just(value),
        st.just({"exists": True}),
        st.just({"exists": False}),
        st.sampled_from(["a", [0, 12], {"prefix": "a"}]).map(lambda excluded: {"anything-but": excluded}),
    ]
    if isinstance(value, str):
        kinds.append(st.tuples(st.integers(0, len(value)), st.integers(0, len(value))).map(about(value)))
        kinds.append(st.sampled_from(filter_cases.about(value[:40])))
    if isinstance(value, int | float) and not isinstance(value, bool):
        bound = st.sampled_from([value, value - 1, value - 0.25]) | NUMBER
        sign = st.sampled_from([">", ">=", "<", "<=", "="])
        kinds.append(st.builds(lambda sign, bound: {"numeric": [sign, bound]}, sign, bound))
        kinds.append(
            st.just({"numeric": [">=", value - 1, "<", value + 1]}).filter(lambda _: value - 1 < value + 1)
        )
    return st.one_of(kinds)


def about(value: str) -> Callable[[tuple[int, int]], Any]:
    """Ask for what a text begins and ends with, in one of the ways there are."""

    def ask(cut: tuple[int, int]) -> Any:  # noqa: ANN401 - any JSON value
        start, end = sorted(cut)
        head, middle, tail = value[:start], value[start:end], value[end:]
        form = filter_cases.form
        return [
            {"prefix": head},
            {"suffix": tail},
            {"prefix": {"equals-ignore-case": head.swapcase()}},
            {"suffix": {"equals-ignore-case": tail.swapcase()}},
            {"wildcard": f"{form(head)}*{form(tail)}"},
            {"wildcard": f"*{form(middle)}*" if middle else "*"},
            {"anything-but": {"prefix": head + "x"}},
            {"anything-but": [value, value + "x"]},
        ][(start + end) % 8]

    return ask


@given(st.data(), FIELDS)
def test_the_query_finds_every_document_that_the_filter_accepts(
    data: st.DataObject, fields: dict[str, Any]
) -> None:
    asked = data.draw(filters_near(fields))
    if match.matches(pattern.parse(asked), fields):
        index = indexed(fields)
        assert all(found(one, index) for one in filters(asked)[1:])


@given(filter_cases.filters, filter_cases.events)
def test_so_does_the_query_of_any_filter(asked: dict[str, Any], fields: dict[str, Any]) -> None:
    if match.matches(pattern.parse(asked), fields):
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


@pytest.mark.parametrize(
    ("condition", "queries"),
    [
        ({"suffix": 'e"*'}, [{"wildcard": {"tokens": {"value": r'k="*e\\"\*"'}}}]),
        (
            {"equals-ignore-case": "Ab"},
            [{"term": {"tokens": {"value": 'k="ab"', "case_insensitive": True}}}],
        ),
        (
            {"equals-ignore-case": "Straße"},
            [{"wildcard": {"tokens": {"value": 'k="stra*e"', "case_insensitive": True}}}],
        ),
        (
            {"prefix": {"equals-ignore-case": "Straße"}},
            [{"prefix": {"tokens": {"value": 'k="stra', "case_insensitive": True}}}],
        ),
        (
            {"suffix": {"equals-ignore-case": "Straße"}},
            [{"wildcard": {"tokens": {"value": 'k="*e"', "case_insensitive": True}}}],
        ),
        (
            {"prefix": {"equals-ignore-case": "é"}},
            [{"prefix": {"tokens": {"value": 'k="', "case_insensitive": True}}}],
        ),
        ({"equals-ignore-case": "é"}, [{"prefix": {"tokens": {"value": 'k="', "case_insensitive": True}}}]),
        ({"wildcard": "a*b*"}, [{"wildcard": {"tokens": {"value": 'k="a*b*"'}}}]),
        ({"wildcard": "a*"}, [{"prefix": {"tokens": {"value": 'k="a'}}}]),
        ({"wildcard": "a"}, [{"terms": {"tokens": ['k="a"']}}]),
        ({"cidr": "10.0.0.0/8"}, [{"prefix": {"tokens": {"value": 'k="'}}}]),
        ({"exists": True}, [{"prefix": {"tokens": {"value": "k="}}}]),
        ({"exists": False}, [{"bool": {"must_not": [{"prefix": {"tokens": {"value": "k="}}}]}}]),
    ],
)
def test_each_operator_has_its_query(condition: object, queries: list[dict[str, Any]]) -> None:
    (clause,) = filters({"k": [condition]})[1:]
    alternatives = clause["bool"]["should"] if "should" in clause.get("bool", {}) else [clause]
    assert alternatives[: len(queries)] == queries
    assert [*map(list, alternatives[len(queries) :])] in ([], [["regexp"]])


def test_texts_that_were_cut_are_found_whatever_they_may_have_ended_with() -> None:
    index = indexed({"service": "x" * 9_000 + "end"})
    for asked in ({"suffix": "end"}, {"wildcard": "x*end"}, {"suffix": {"equals-ignore-case": "END"}}):
        (clause,) = filters({"service": [asked]})[1:]
        assert found(clause, index)
        assert not found(clause, indexed({"service": "x" * 900 + 'end"'}))


@pytest.mark.parametrize("form", ["*" + "a" * 1_000, "*aab" * 100, "b*" + '"' * 60, "*" + "漢" * 70 + "*"])
def test_opensearch_is_asked_for_no_form_whose_automaton_it_would_refuse(form: str) -> None:
    (clause,) = filters({"service": [{"wildcard": form}]})[1:]
    queries = clause["bool"]["should"] if "bool" in clause else [clause]
    asked = queries[0].get("wildcard", {}).get("tokens", {}).get("value", "")
    assert len(asked.partition("*")[2].replace("\\", "")) <= 64
    text = form.replace("*", "-")
    assert match.matches(pattern.parse({"service": [{"wildcard": form}]}), {"service": text})
    assert found(clause, indexed({"service": text}))


def test_anything_but_some_is_a_token_between_theirs() -> None:
    (clause,) = filters({"k": [{"anything-but": ["b", "d"]}]})[1:]
    assert clause["bool"]["should"] == [
        {"range": {"tokens": {"gte": "k=", "lt": 'k="b"'}}},
        {"range": {"tokens": {"gt": 'k="b"', "lt": 'k="d"'}}},
        {"range": {"tokens": {"gt": 'k="d"', "lt": "k>"}}},
    ]
    (clause,) = filters({"k": [{"anything-but": {"prefix": ["b", "bc", "a\U0010ffff", "\ud7ff"]}}]})[1:]
    assert clause["bool"]["should"] == [
        {"range": {"tokens": {"gte": "k=", "lt": 'k="a\U0010ffff'}}},
        {"range": {"tokens": {"gte": 'k="c', "lt": 'k="\ud7ff'}}},
        {"range": {"tokens": {"gte": 'k="\ue000', "lt": "k>"}}},
    ]


@pytest.mark.parametrize(
    "excluded",
    [{"suffix": "a"}, {"equals-ignore-case": "a"}, {"wildcard": "a*"}, list(range(superset.MAX_GAPS + 1))],
)
def test_anything_but_what_no_range_leaves_out_is_any_value(excluded: object) -> None:
    (clause,) = filters({"k": [{"anything-but": excluded}]})[1:]
    assert clause == {"prefix": {"tokens": {"value": "k="}}}


def test_a_value_too_long_for_a_token_is_excluded_by_match_alone() -> None:
    long = "漢" * 2_700
    for asked in ({"anything-but": long}, {"anything-but": {"prefix": long}}):
        (clause,) = filters({"k": [asked]})[1:]
        assert clause == {"range": {"tokens": {"gte": "k=", "lt": "k>"}}}


def test_alternatives_are_a_query_each() -> None:
    asked = {"c": [3], "$or": [{"a": [1]}, {"a": [2], "b": [2]}]}
    assert filters(asked)[1:] == [
        {"terms": {"tokens": ["c=3"]}},
        {
            "bool": {
                "should": [
                    {"terms": {"tokens": ["a=1"]}},
                    {"bool": {"filter": [{"terms": {"tokens": ["a=2"]}}, {"terms": {"tokens": ["b=2"]}}]}},
                ],
                "minimum_should_match": 1,
            }
        },
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


def test_spans_before_the_first_are_alternatives_that_end_before_their_end() -> None:
    body = search({}, ingested_from=50, ingested_to=90, also=((5, 7), (20, 30)))
    assert body["query"]["bool"]["filter"][1:] == [
        {
            "bool": {
                "should": [
                    {"range": {"@ingested": {"gte": 50, "lte": 90}}},
                    {"range": {"@ingested": {"gte": 5, "lt": 7}}},
                    {"range": {"@ingested": {"gte": 20, "lt": 30}}},
                ],
                "minimum_should_match": 1,
            }
        }
    ]


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
        ({}, "events-20*.*.*,metrics-20*.*.*,orders-20*.*.*"),
        ({"service": ["metrics"]}, "events-20*.*.*,metrics-20*.*.*,orders-20*.*.*"),
        ({"family": ["metrics"]}, "metrics-20*.*.*"),
        ({"family": ["orders", "metrics", "unknown"]}, "metrics-20*.*.*,orders-20*.*.*"),
        ({"family": [{"prefix": "me"}]}, "metrics-20*.*.*"),
        ({"family": ["metrics", {"suffix": "ers"}]}, "metrics-20*.*.*,orders-20*.*.*"),
        ({"family": [{"anything-but": "metrics"}]}, "events-20*.*.*,orders-20*.*.*"),
        ({"family": [{"exists": False}]}, "events-20*.*.*,metrics-20*.*.*,orders-20*.*.*"),
        (
            {"$or": [{"family": ["metrics"]}, {"family": ["orders"], "service": ["a"]}]},
            "metrics-20*.*.*,orders-20*.*.*",
        ),
        (
            {"$or": [{"family": ["metrics"]}, {"service": ["a"]}]},
            "events-20*.*.*,metrics-20*.*.*,orders-20*.*.*",
        ),
    ],
)
def test_a_filter_that_fixes_its_families_searches_those_alone(asked: dict[str, Any], indices: str) -> None:
    assert query.indices(pattern.parse(asked), ["orders", "metrics", "events"]) == indices


@pytest.mark.parametrize("family", ["*", "_all", ".kibana", "metrics-*,orders", "../_cluster", "", None])
def test_no_text_of_a_client_becomes_part_of_the_expression(family: object) -> None:
    assert query.indices(pattern.parse({"family": [family]}), ["metrics"]) == "metrics-20*.*.*"
