from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import pattern
from pipeline.core.errors import Refused
from pipeline.core.pattern import MAX_TOKEN, Clause, Exact, Numeric, Pattern, Prefix

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBER = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = TEXT | NUMBER | st.booleans() | st.none()


def numeric(bounds: tuple[float, float]) -> list[object]:
    low, high = sorted(bounds)
    return [">", low, "<=", high]


CONDITION = (
    SCALAR
    | st.builds(lambda text: {"prefix": text}, TEXT)
    | st.builds(
        lambda sign, bound: {"numeric": [sign, bound]}, st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBER
    )
    | st.builds(
        lambda bounds: {"numeric": numeric(bounds)}, st.tuples(NUMBER, NUMBER).filter(lambda b: b[0] != b[1])
    )
)
FILTER = st.dictionaries(
    TEXT.filter(lambda key: not key.startswith("$")), st.lists(CONDITION, min_size=1, max_size=4), max_size=4
)


def refusal(asked: object) -> str:
    with pytest.raises(Refused) as refused:
        pattern.parse(asked)
    assert refused.value.code == "bad-filter"
    return refused.value.text


def conditions(*asked: object) -> tuple[pattern.Condition, ...]:
    (clause,) = pattern.parse({"key": list(asked)}).clauses
    return clause.conditions


# --- tokens -----------------------------------------------------------------------------------


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
def test_a_token_is_the_key_and_the_values_canonical_json(value: pattern.Scalar, token: str) -> None:
    assert pattern.token("service", value) == token


@given(SCALAR, SCALAR)
def test_two_values_have_one_literal_only_when_json_holds_them_equal(
    one: pattern.Scalar, other: pattern.Scalar
) -> None:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)]
    equal = one == other and (all(numbers) or type(one) is type(other))
    assert (pattern.literal(one) == pattern.literal(other)) is equal


@given(st.integers(-(2**53), 2**53))
def test_an_integer_written_with_a_fraction_of_zero_is_the_same_number(number: int) -> None:
    assert pattern.literal(float(number)) == pattern.literal(number)


@given(SCALAR)
def test_a_literal_is_json_that_reads_back_as_the_same_value(value: pattern.Scalar) -> None:
    assert pattern.literal(orjson.loads(pattern.literal(value))) == pattern.literal(value)


def test_integers_above_what_a_float_holds_exactly_keep_their_own_tokens() -> None:
    assert pattern.token("id", 2**53) != pattern.token("id", 2**53 + 1)


@given(st.text("aé漢😀\n", max_size=60).map(lambda text: text * 150))
def test_a_token_is_cut_at_its_limit_between_two_characters(value: str) -> None:
    whole = f"key={pattern.literal(value)}"
    token = pattern.token("key", value)
    assert whole.startswith(token)
    assert len(token.encode()) <= MAX_TOKEN
    assert token == whole or len(token.encode()) > MAX_TOKEN - 4


@given(st.text("aé漢😀\n", max_size=40), st.text("aé漢😀\n", max_size=40), st.integers(0, 200))
def test_what_begins_with_a_text_still_does_when_both_are_cut(start: str, end: str, times: int) -> None:
    assert pattern.cut(start * times + end).startswith(pattern.cut(start * times))


def test_an_arrays_elements_are_values_of_their_own_and_objects_are_none() -> None:
    assert list(pattern.scalars([1, ["a", [None]], {"b": 2}, True])) == [1, "a", None, True]
    assert list(pattern.scalars({"b": 2})) == []
    assert list(pattern.scalars("a")) == ["a"]
    assert pattern.tokens("key", [1, [], "a"]) == ["key=1", 'key="a"']


def test_an_array_nested_deeper_than_python_recurses_is_opened_all_the_same() -> None:
    nested: Any = "leaf"
    for _ in range(5_000):
        nested = [nested]
    assert list(pattern.scalars(nested)) == ["leaf"]


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
    ],
)
def test_each_operator_has_its_condition(asked: object, condition: pattern.Condition) -> None:
    assert conditions(asked) == (condition,)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], ["JSON object", "a list"]),
        ("service", ["JSON object", '"service"']),
        ({"service": "payments"}, ['"service"', "list", '"payments"']),
        ({"service": []}, ['"service"', "one condition or more"]),
        ({"service": {"name": ["payments"]}}, ['"service"', "list", "an object"]),
        ({"service": [["payments"]]}, ['"service"', "side by side"]),
        ({"service": [{}]}, ['"service"', "one operator", "prefix", "numeric"]),
        ({"service": [{"prefix": "a", "numeric": ["=", 1]}]}, ['"service"', "one operator"]),
        ({"service": [{"sounds-like": "a"}]}, ['"service"', '"sounds-like"', "prefix", "numeric"]),
        ({"$and": [{"service": ["a"]}]}, ['"$and"', "prefix", "numeric"]),
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


@given(FILTER)
def test_the_canonical_form_reads_back_as_the_same_pattern(asked: dict[str, list[object]]) -> None:
    parsed = pattern.parse(asked)
    assert pattern.parse(orjson.loads(pattern.canonical(parsed))) == parsed


@given(FILTER, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_a_pattern(asked: dict[str, list[Any]], random: Any) -> None:  # noqa: ANN401 - Hypothesis' own Random
    keys = random.sample(list(asked), len(asked))
    shuffled = {key: random.sample(asked[key], len(asked[key])) + asked[key][:1] for key in keys}
    assert pattern.canonical(pattern.parse(shuffled)) == pattern.canonical(pattern.parse(asked))
