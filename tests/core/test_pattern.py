from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import pattern
from pipeline.core.condition import (
    AnythingBut,
    Cidr,
    Condition,
    EqualsIgnoreCase,
    Exact,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
)
from pipeline.core.errors import Refused
from pipeline.core.pattern import MAX_DEPTH, RESERVED, Clause, Pattern
from pipeline.core.terms import literal
from tests import filter_cases


def refusal(asked: object) -> str:
    with pytest.raises(Refused) as refused:
        pattern.parse(asked)
    assert refused.value.code == "bad-filter"
    return refused.value.text


def conditions(*asked: object) -> tuple[Condition, ...]:
    (clause,) = pattern.parse({"key": list(asked)}).clauses
    return clause.conditions


def texts(*given: str) -> Exact:
    return Exact(frozenset(map(literal, given)))


# --- parsing ----------------------------------------------------------------------------------


def test_a_filter_becomes_one_clause_for_each_attribute() -> None:
    asked = {"service": ["payments", "orders"], "latencyMs": [{"numeric": [">", 0, "<=", 5]}]}
    assert pattern.parse(asked) == Pattern(
        (
            Clause("latencyMs", (Numeric(0, 5, above=True),)),
            Clause("service", (Exact(frozenset({'"orders"', '"payments"'})),)),
        )
    )
    assert pattern.parse(asked).keys() == {"service", "latencyMs"}


def test_an_empty_filter_is_a_pattern_without_clauses() -> None:
    assert pattern.parse({}) == Pattern(())


@pytest.mark.parametrize(
    ("asked", "condition"),
    [
        ("a", Exact(frozenset({'"a"'}))),
        (None, Exact(frozenset({"null"}))),
        (True, Exact(frozenset({"true"}))),
        ({"prefix": "pay"}, Prefix("pay")),
        ({"numeric": ["=", 3.0]}, Exact(frozenset({"3"}))),
        ({"numeric": [">", 3]}, Numeric(3, None, above=True)),
        ({"numeric": [">=", 3]}, Numeric(3, None)),
        ({"numeric": ["<", 3]}, Numeric(None, 3, below=True)),
        ({"numeric": ["<=", 3]}, Numeric(None, 3)),
        ({"numeric": [">=", -1.5, "<", 3]}, Numeric(-1.5, 3, below=True)),
        ({"suffix": "ment"}, Suffix("ment")),
        ({"prefix": {"equals-ignore-case": "PAY"}}, Prefix("pay", folded=True)),
        ({"suffix": {"equals-ignore-case": "Ment"}}, Suffix("ment", folded=True)),
        ({"equals-ignore-case": "PaymentSSßİ"}, EqualsIgnoreCase("paymentssßİ")),
        ({"wildcard": ""}, Wildcard(("",))),
        ({"wildcard": "pay*"}, Wildcard(("pay", ""))),
        ({"wildcard": "*"}, Wildcard(("", ""))),
        ({"wildcard": r"a\*b*\\*c"}, Wildcard(("a*b", "\\", "c"))),
        ({"exists": True}, Exists(wanted=True)),
        ({"exists": False}, Exists(wanted=False)),
        ({"cidr": "10.1.2.3/8"}, Cidr(ip_network("10.0.0.0/8"))),
        ({"cidr": "010.1.2.3/32"}, Cidr(ip_network("10.1.2.3/32"))),
        ({"cidr": "2001:DB8:0::/32"}, Cidr(ip_network("2001:db8::/32"))),
        ({"anything-but": "a"}, AnythingBut((texts("a"),))),
        ({"anything-but": ["b", "a"]}, AnythingBut((texts("a", "b"),))),
        ({"anything-but": [3.0, 4]}, AnythingBut((Exact(frozenset({"3", "4"})),))),
        ({"anything-but": {"prefix": "a"}}, AnythingBut((Prefix("a"),))),
        ({"anything-but": {"suffix": ["b", "a", "b"]}}, AnythingBut((Suffix("a"), Suffix("b")))),
        ({"anything-but": {"equals-ignore-case": "A"}}, AnythingBut((EqualsIgnoreCase("a"),))),
        ({"anything-but": {"wildcard": ["*a"]}}, AnythingBut((Wildcard(("", "a")),))),
    ],
)
def test_each_operator_has_its_condition(asked: object, condition: Condition) -> None:
    assert conditions(asked) == (condition,)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], ["JSON object", "a list"]),
        ("service", ["JSON object", '"service"']),
        ({"service": "payments"}, ['"service"', "list", '"payments"']),
        ({"service": []}, ['"service"', "one condition or more"]),
        ({"service": {"name": ["payments"]}}, ['"service"', "list", "flat"]),
        ({"service": [["payments"]]}, ['"service"', "side by side"]),
        ({"service": [{}]}, ['"service"', "one operator", "prefix", "numeric"]),
        ({"service": [{"prefix": "a", "numeric": ["=", 1]}]}, ['"service"', "one operator"]),
        ({"service": [{"sounds-like": "a"}]}, ['"service"', '"sounds-like"', "prefix", "numeric"]),
        ({"$and": [{"service": ["a"]}]}, ['"$and"', "prefix", "numeric", '"$or"']),
        ({"service": [{"suffix": 3}]}, ['"suffix"', '"service"', "string", "3"]),
        ({"service": [{"prefix": {"suffix": "a"}}]}, ['"prefix"', '"service"', "equals-ignore-case"]),
        (
            {"service": [{"prefix": {"equals-ignore-case": 3}}]},
            ['"prefix equals-ignore-case"', '"service"', "3"],
        ),
        ({"service": [{"equals-ignore-case": None}]}, ['"equals-ignore-case"', '"service"', "null"]),
        ({"service": [{"wildcard": 3}]}, ['"wildcard"', '"service"', "string"]),
        ({"service": [{"wildcard": "a**b"}]}, ['"wildcard"', '"service"', "two stars"]),
        ({"service": [{"wildcard": "a\\b"}]}, ['"wildcard"', '"service"', r"\*"]),
        ({"service": [{"wildcard": "a\\"}]}, ['"wildcard"', '"service"', r"\*"]),
        ({"service": [{"exists": "true"}]}, ['"exists"', '"service"', "true or false"]),
        ({"ip": [{"cidr": "10.0.0.1"}]}, ['"cidr"', '"ip"', "10.0.0.0/8"]),
        ({"ip": [{"cidr": "10.0.0.256/8"}]}, ['"cidr"', '"ip"', "10.0.0.256/8"]),
        ({"ip": [{"cidr": ":::/8"}]}, ['"cidr"', '"ip"']),
        ({"ip": [{"cidr": 3}]}, ['"cidr"', '"ip"', "3"]),
        ({"ip": [{"cidr": "10.0.0.0/33"}]}, ['"cidr"', '"ip"', "/33", "32 bits"]),
        ({"ip": [{"cidr": "::/129"}]}, ['"cidr"', '"ip"', "/129", "128 bits"]),
        ({"service": [{"anything-but": []}]}, ['"anything-but"', '"service"', '"wildcard"']),
        ({"service": [{"anything-but": ["a", 3]}]}, ['"anything-but"', '"service"', "list of texts"]),
        ({"service": [{"anything-but": None}]}, ['"anything-but"', '"service"', "null"]),
        ({"service": [{"anything-but": {}}]}, ['"anything-but"', '"service"', '"prefix"']),
        (
            {"service": [{"anything-but": {"numeric": ["=", 1]}}]},
            ['"anything-but"', '"service"', '"suffix"'],
        ),
        ({"service": [{"anything-but": {"prefix": ""}}]}, ['"anything-but prefix"', '"service"', "empty"]),
        ({"service": [{"anything-but": {"suffix": []}}]}, ['"anything-but suffix"', '"service"', "empty"]),
        ({"service": [{"anything-but": {"wildcard": "**"}}]}, ['"anything-but wildcard"', "two stars"]),
        ({"$or": {"a": [1]}}, ['"$or"', "two filters"]),
        ({"$or": [{"a": [1]}]}, ['"$or"', "two filters"]),
        ({"$or": [{"a": [1]}, {}]}, ['"$or"', "one attribute"]),
        ({"$or": [{"a": [1]}, "b"]}, ['"$or"', "one attribute", '"b"']),
        ({"$or": [{"a": [1]}, {"b": 1}]}, ['"b"', "list"]),
        ({"service": [{"prefix": 3}]}, ['"prefix"', '"service"', "string", "3"]),
        ({"service": [{"prefix": ["a"]}]}, ['"prefix"', '"service"', "a list"]),
        ({"ms": [{"numeric": 3}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": []}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": ["=", "3"]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": ["=", True]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": [">", None]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": ["<", None]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": ["<", 5, ">", 0]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": [">", 5, "<", "6"]}]}, ['"numeric"', '"ms"']),
        ({"ms": [{"numeric": [">", 5, "<", 5]}]}, ['"numeric"', '"ms"', "low bound 5"]),
        ({"ms": [{"numeric": ["!=", 5]}]}, ['"numeric"', '"ms"']),
    ],
)
def test_a_filter_that_cannot_be_understood_is_refused_by_name(asked: object, words: list[str]) -> None:
    text = refusal(asked)
    assert [word for word in words if word not in text] == []


def alternatives(depth: int) -> dict[str, Any]:
    asked: dict[str, Any] = {"a": [1]}
    for _ in range(depth):
        asked = {"$or": [asked, {"b": [1]}]}
    return asked


def test_alternatives_may_be_nested_so_deep_and_no_deeper() -> None:
    assert pattern.parse(alternatives(MAX_DEPTH)).keys() == {"a", "b"}
    assert str(MAX_DEPTH) in refusal(alternatives(MAX_DEPTH + 1))
    assert str(MAX_DEPTH) in refusal(alternatives(300))


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_word_that_aws_reserves_names_no_attribute_inside_alternatives(word: str) -> None:
    assert f'"{word}"' in refusal({"$or": [{"a": [1]}, {word: [1]}]})
    assert pattern.parse({word: [1]}).keys() == {word}


def test_a_refusal_does_not_repeat_a_long_text_whole() -> None:
    assert len(refusal({"service" * 1_000: "payments" * 1_000})) < 300


def test_a_refusal_of_something_nested_very_deep_is_still_a_refusal() -> None:
    deep = orjson.loads(b'{"a":' * 900 + b"1" + b"}" * 900)
    assert '"a"' in refusal(deep)


# --- canonical form ---------------------------------------------------------------------------


def test_the_canonical_form_is_json_with_sorted_keys_and_conditions() -> None:
    asked = {"b": [3.0, {"prefix": "x"}, "a", {"numeric": ["=", 7]}, {"numeric": ["<", 2]}, 3], "a": [None]}
    assert pattern.canonical(pattern.parse(asked)) == (
        '{"a":[null],"b":["a",3,7,{"numeric":["<",2]},{"prefix":"x"}]}'
    )


def test_alternatives_are_sorted_and_named_once_as_long_as_there_are_two() -> None:
    one, other = {"b": [2]}, {"a": [1], "$or": [{"y": [2]}, {"x": [1]}]}
    expected = '{"$or":[{"$or":[{"x":[1]},{"y":[2]}],"a":[1]},{"b":[2]}],"c":[3]}'
    assert pattern.canonical(pattern.parse({"c": [3], "$or": [one, other, one]})) == expected
    assert pattern.canonical(pattern.parse({"$or": [one, one]})) == '{"$or":[{"b":[2]},{"b":[2]}]}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"equals-ignore-case": "Straße"}, {"equals-ignore-case": "sTRAßE"}),
        ({"cidr": "10.1.1.1/8"}, {"cidr": "10.0.0.0/8"}),
        ({"anything-but": "a"}, {"anything-but": ["a", "a"]}),
        ({"anything-but": {"prefix": "a"}}, {"anything-but": {"prefix": ["a"]}}),
        ({"wildcard": "*"}, {"wildcard": "*"}),
    ],
)
def test_equal_meanings_are_equal_conditions(one: object, other: object) -> None:
    assert conditions(one) == conditions(other)


def test_the_long_s_stays_itself_where_case_does_not_count() -> None:
    """Its upper case is S, whose lower case is s: the two stand for different characters."""
    assert conditions({"equals-ignore-case": "\u017f"}) != conditions({"equals-ignore-case": "S"})


@given(filter_cases.filters)
def test_the_canonical_form_reads_back_as_the_same_pattern(asked: dict[str, Any]) -> None:
    parsed = pattern.parse(asked)
    assert pattern.parse(orjson.loads(pattern.canonical(parsed))) == parsed


@given(filter_cases.filters, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_a_pattern(asked: dict[str, Any], random: Any) -> None:  # noqa: ANN401 - Hypothesis' own Random
    keys = random.sample(list(asked), len(asked))
    shuffled = {key: random.sample(asked[key], len(asked[key])) + asked[key][:1] for key in keys}
    assert pattern.canonical(pattern.parse(shuffled)) == pattern.canonical(pattern.parse(asked))
