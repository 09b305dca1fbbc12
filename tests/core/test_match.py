from __future__ import annotations

import orjson
import pytest
from hypothesis import given

from pipeline.core import match, pattern
from pipeline.core.model import Delta
from tests import filter_cases


def delta(tenant: str | None = "acme", family: str = "metrics", **attributes: object) -> Delta:
    return Delta(
        id="0f" * 32,
        index=f"{family}-2026.11.22",
        family=family,
        tenant=tenant,
        source="payments",
        event_type="PaymentFailed",
        timestamp=1_795_000_000_000,
        ingested=1_795_000_000_500,
        message=None,
        attributes=attributes,
        excerpt={},
    )


def holds(condition: object, value: object) -> bool:
    return match.matches(pattern.parse({"key": [condition]}), {"key": value})


# --- one condition, one value -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        ("payments", "payments", True),
        ("payments", "Payments", False),
        ("payments", "payments-eu", False),
        ("", "", True),
        ("3", 3, False),
        (3, "3", False),
        (300, 300.0, True),
        (3e2, 300, True),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (False, 0, False),
        (None, None, True),
        (None, "null", False),
        (None, False, False),
        (2**53, 2**53 + 1, False),
        ({"suffix": "ments"}, "payments", True),
        ({"suffix": "pay"}, "payments", False),
        ({"suffix": "3"}, 3, False),
        ({"suffix": '"'}, "a", False),
        ({"prefix": 'a"'}, "a", False),
        ({"prefix": {"equals-ignore-case": "PAY"}}, "Payments", True),
        ({"prefix": {"equals-ignore-case": ""}}, "", True),
        ({"prefix": {"equals-ignore-case": "pay"}}, "pa", False),
        ({"prefix": {"equals-ignore-case": "3"}}, 3, False),
        ({"prefix": {"equals-ignore-case": "straß"}}, "STRASSE", True),
        ({"prefix": {"equals-ignore-case": "straß"}}, "strasse", False),
        ({"suffix": {"equals-ignore-case": "MENTS"}}, "Payments", True),
        ({"suffix": {"equals-ignore-case": "ßE"}}, "strasse", False),
        ({"suffix": {"equals-ignore-case": "ßE"}}, "STRASSE", True),
        ({"suffix": {"equals-ignore-case": "a"}}, True, False),
        ({"suffix": {"equals-ignore-case": ""}}, "payments", True),
        ({"suffix": {"equals-ignore-case": "\u0390"}}, "x\u0399\u0308\u0301", True),
        ({"equals-ignore-case": "PayMents"}, "pAYmENTS", True),
        ({"equals-ignore-case": "payments"}, "payments-eu", False),
        ({"equals-ignore-case": "k"}, "\u212a", False),
        ({"equals-ignore-case": "\u212a"}, "k", True),
        ({"equals-ignore-case": "null"}, None, False),
        ({"equals-ignore-case": "é"}, "É", True),
        ({"equals-ignore-case": "𐐀"}, "𐐨", True),
        ({"wildcard": "pay*"}, "pay", True),
        ({"wildcard": "pay"}, "pay", True),
        ({"wildcard": "pay"}, "payments", False),
        ({"wildcard": "*"}, 3, False),
        ({"wildcard": "a*a"}, "a", False),
        ({"wildcard": "a*b*c"}, "a-b-b-c", True),
        ({"wildcard": "a*bb*c"}, "a-b-b-c", False),
        ({"wildcard": "*ab*b"}, "ab", False),
        ({"wildcard": "a*\n*"}, "a\nb", True),
        ({"wildcard": r"\**\\"}, "*-\\", True),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.255", True),
        ({"cidr": "10.0.0.0/24"}, "10.0.1.0", False),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.256", False),
        ({"cidr": "10.0.0.0/24"}, "010.000.0.001", True),
        ({"cidr": "10.0.0.0/24"}, "::ffff:a00:1", True),
        ({"cidr": "10.0.0.0/24"}, "a00::1", False),
        ({"cidr": "10.0.0.0/24"}, "10.0.0." + "0" * 50, False),
        ({"cidr": "0.0.0.0/0"}, 10, False),
        ({"cidr": "2001:db8::/32"}, "2001:DB8:0:0::00001", True),
        ({"cidr": "2001:db8::/32"}, "2001:db9::", False),
        ({"cidr": "::/0"}, ":", False),
        ({"cidr": "::/0"}, "payments", False),
        ({"cidr": "::/0"}, "10.0.0.1", False),
        ({"exists": True}, None, True),
        ({"exists": True}, [], False),
        ({"exists": True}, {"deep": 1}, False),
        ({"exists": False}, None, False),
        ({"exists": False}, [[]], True),
        ({"anything-but": "a"}, "b", True),
        ({"anything-but": "a"}, "a", False),
        ({"anything-but": "a"}, 3, True),
        ({"anything-but": "a"}, None, True),
        ({"anything-but": "a"}, [], False),
        ({"anything-but": "a"}, ["a", "b"], True),
        ({"anything-but": ["a", "b"]}, ["a", "b"], False),
        ({"anything-but": 3}, 3.0, False),
        ({"anything-but": 3}, "3", True),
        ({"anything-but": {"prefix": ["a", "b"]}}, "bc", False),
        ({"anything-but": {"suffix": "a"}}, "ab", True),
        ({"anything-but": {"equals-ignore-case": "AB"}}, "ab", False),
        ({"anything-but": {"wildcard": "*"}}, "", False),
        ({"anything-but": {"wildcard": "*"}}, 3, True),
        ({"prefix": "pay"}, "payments", True),
        ({"prefix": "pay"}, "pay", True),
        ({"prefix": "pay"}, "repay", False),
        ({"prefix": ""}, "anything", True),
        ({"prefix": ""}, 3, False),
        ({"prefix": "1"}, 12, False),
        ({"prefix": "t"}, True, False),
        ({"numeric": [">", 0]}, 0.001, True),
        ({"numeric": [">", 0]}, 0, False),
        ({"numeric": [">=", 0]}, 0, True),
        ({"numeric": ["<", 5]}, 5, False),
        ({"numeric": ["<=", 5]}, 5.0, True),
        ({"numeric": ["<=", 5]}, 5.1, False),
        ({"numeric": [">", 0, "<=", 5]}, 5, True),
        ({"numeric": [">", 0, "<=", 5]}, 0, False),
        ({"numeric": ["=", 300]}, 3e2, True),
        ({"numeric": [">", 0]}, "3", False),
        ({"numeric": [">", 0]}, True, False),
        ({"numeric": ["<", 5]}, None, False),
    ],
)
def test_a_value_meets_a_condition_by_type_and_value(
    condition: object, value: object, answer: object
) -> None:
    assert holds(condition, value) is answer


def test_an_array_matches_if_any_element_does() -> None:
    assert holds("a", ["b", "a"])
    assert holds({"numeric": [">", 5]}, [1, "x", 6])
    assert holds("a", [["b"], ["a"]])
    assert not holds("a", ["b", "c"])
    assert not holds("a", [])


def test_a_range_is_met_by_one_element_alone_never_by_two_together() -> None:
    assert not holds({"numeric": [">", 0, "<", 5]}, [-1, 6])


def test_a_missing_attribute_is_not_null() -> None:
    assert not match.matches(pattern.parse({"service": [None]}), {})


def test_an_object_is_no_value() -> None:
    assert not holds(None, {"deep": None})


# --- a whole filter ---------------------------------------------------------------------------


def test_every_clause_must_hold_and_one_condition_of_each_is_enough() -> None:
    asked = pattern.parse({"service": ["payments", "orders"], "latencyMs": [{"numeric": [">", 500]}]})
    assert match.matches(asked, {"service": "orders", "latencyMs": 501})
    assert not match.matches(asked, {"service": "orders", "latencyMs": 500})
    assert not match.matches(asked, {"service": "mail", "latencyMs": 501})


def test_of_each_group_of_alternatives_one_must_hold_as_well() -> None:
    asked = pattern.parse(
        {
            "service": ["payments"],
            "$or": [{"status": ["failed"]}, {"status": ["slow"], "$or": [{"ms": [1]}, {"region": ["eu"]}]}],
        }
    )
    assert match.matches(asked, {"service": "payments", "status": "failed"})
    assert match.matches(asked, {"service": "payments", "status": "slow", "region": "eu"})
    assert not match.matches(asked, {"service": "payments", "status": "slow", "region": "us"})
    assert not match.matches(asked, {"service": "orders", "status": "failed"})


def test_an_attribute_may_be_missing_where_that_is_one_of_the_conditions() -> None:
    asked = pattern.parse({"status": ["ok", {"exists": False}]})
    assert match.matches(asked, {})
    assert match.matches(asked, {"status": "ok"})
    assert not match.matches(asked, {"status": "failed"})


@given(filter_cases.filters, filter_cases.events)
def test_a_filter_whose_canonical_form_was_read_again_decides_the_same(
    asked: dict[str, object], event: dict[str, object]
) -> None:
    parsed = pattern.parse(asked)
    again = pattern.parse(orjson.loads(pattern.canonical(parsed)))
    assert match.matches(again, event) is match.matches(parsed, event)


def test_a_long_value_and_a_hostile_wildcard_are_decided_in_one_pass() -> None:
    asked = pattern.parse({"key": [{"wildcard": "*a" * 200 + "*b"}]})
    assert not match.matches(asked, {"key": "a" * 200_000})


def test_an_empty_filter_matches_everything() -> None:
    assert match.matches(pattern.parse({}), {})


def test_a_deltas_fields_are_its_attributes_and_where_it_comes_from() -> None:
    assert match.fields(delta(service="payments")) == {
        "service": "payments",
        "family": "metrics",
        "source": "payments",
        "eventType": "PaymentFailed",
    }
