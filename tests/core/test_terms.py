from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import terms
from pipeline.core.terms import MAX_TOKEN

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBER = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = TEXT | NUMBER | st.booleans() | st.none()


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("payments", 'service="payments"'),
        ("", 'service=""'),
        ('say "é"\n', 'service="say \\"é\\"\\n"'),
        ("\x00", 'service="\\u0000"'),
        ("300", 'service="300"'),
        (300, "service=300"),
        (300.0, "service=300"),
        (-0.0, "service=0"),
        (12.9, "service=12.9"),
        (1e-7, "service=1e-07"),
        (2**64 - 1, "service=18446744073709551615"),
        (2**64, "service=1.8446744073709552e+19"),
        (1e300, "service=1e+300"),
        (True, "service=true"),
        (False, "service=false"),
        (None, "service=null"),
    ],
)
def test_a_token_is_the_key_and_the_values_canonical_json(value: terms.Scalar, token: str) -> None:
    assert terms.token("service", value) == token


@given(SCALAR, SCALAR)
def test_two_values_have_one_literal_only_when_json_holds_them_equal(
    one: terms.Scalar, other: terms.Scalar
) -> None:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)]
    equal = one == other and (all(numbers) or type(one) is type(other))
    assert (terms.literal(one) == terms.literal(other)) is equal


@given(st.integers(-(2**53), 2**53))
def test_an_integer_written_with_a_fraction_of_zero_is_the_same_number(number: int) -> None:
    assert terms.literal(float(number)) == terms.literal(number)


@given(SCALAR)
def test_a_literal_is_json_that_reads_back_as_the_same_value(value: terms.Scalar) -> None:
    assert terms.literal(orjson.loads(terms.literal(value))) == terms.literal(value)


def test_integers_above_what_a_float_holds_exactly_keep_their_own_tokens() -> None:
    assert terms.token("id", 2**53) != terms.token("id", 2**53 + 1)


@given(st.text("aé漢😀\n", max_size=60).map(lambda text: text * 150))
def test_a_token_is_cut_at_its_limit_between_two_characters(value: str) -> None:
    whole = f"key={terms.literal(value)}"
    token = terms.token("key", value)
    assert whole.startswith(token)
    assert len(token.encode()) <= MAX_TOKEN
    assert token == whole or len(token.encode()) > MAX_TOKEN - 4


@given(st.text("aé漢😀\n", max_size=40), st.text("aé漢😀\n", max_size=40), st.integers(0, 200))
def test_what_begins_with_a_text_still_does_when_both_are_cut(start: str, end: str, times: int) -> None:
    assert terms.cut(start * times + end).startswith(terms.cut(start * times))


def test_an_arrays_elements_are_values_of_their_own_and_objects_are_none() -> None:
    assert list(terms.scalars([1, ["a", [None]], {"b": 2}, True])) == [1, "a", None, True]
    assert list(terms.scalars({"b": 2})) == []
    assert list(terms.scalars("a")) == ["a"]
    assert terms.tokens("key", [1, [], "a"]) == ["key=1", 'key="a"']


def test_an_array_nested_deeper_than_python_recurses_is_opened_all_the_same() -> None:
    nested: Any = "leaf"
    for _ in range(5_000):
        nested = [nested]
    assert list(terms.scalars(nested)) == ["leaf"]
