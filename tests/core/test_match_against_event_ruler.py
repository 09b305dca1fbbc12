"""AWS's own matcher is the judge of ours: https://github.com/aws/event-ruler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core import match, pattern
from pipeline.core.errors import Refused
from pipeline.local import jars
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Judge = Callable[[str, list[str]], list[bool] | str]

CASES = 300
"""Filters, each in two forms and each form held against four events: a few seconds."""

ROOT = Path(__file__).parents[2]
TEXTS = [
    "",
    "a",
    "ab",
    "abc",
    "b",
    "A",
    "é",
    "e\u0301",
    "漢",
    "😀",
    'a"',
    "a\\",
    "a\n",
    "\x00",
    "3",
    "null",
    "true",
    " a",
]
NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    3,
    3.0,
    3.5,
    0.1,
    1e-7,
    12.9,
    300,
    3e2,
    5e9,
    5e9 + 1,
    -5e9 - 1,
    2**53 - 1,
    1e15,
    1e300,
]
NUMBER = (
    st.sampled_from(NUMBERS) | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15, allow_subnormal=False)
)
VALUE = st.sampled_from([*TEXTS, *NUMBERS, True, False, None])
PAIR = st.tuples(NUMBER, NUMBER).filter(lambda pair: pair[0] < pair[1])
CONDITION = st.one_of(
    VALUE,
    st.sampled_from(TEXTS).filter(lambda text: not text.endswith('"')).map(lambda text: {"prefix": text}),
    st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBER).map(lambda test: {"numeric": list(test)}),
    st.tuples(st.sampled_from([">", ">="]), st.sampled_from(["<", "<="]), PAIR).map(
        lambda test: {"numeric": [test[0], test[2][0], test[1], test[2][1]]}
    ),
)
KEYS = st.sampled_from(["service", "latencyMs", "é"])
FILTER = st.dictionaries(KEYS, st.lists(CONDITION, min_size=1, max_size=3), min_size=1, max_size=2)
FIELD = st.one_of(
    VALUE, NUMBER, st.lists(VALUE | st.lists(VALUE, max_size=2), max_size=3), st.just({"a": "a"})
)
FIELDS = st.dictionaries(KEYS, FIELD, max_size=3)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    try:
        classpath = jars.fetch(ROOT / "requirements" / "event-ruler-jars.txt", lambda _: None)
    except StackError as error:
        if "event-ruler" in os.environ.get("LIVEDEX_REQUIRE", "").split(","):
            raise
        pytest.skip(f"AWS's event-ruler is out of reach, so nothing judges our matching: {error}")
    command = [sys.executable, str(Path(__file__).with_name("event_ruler.py")), *map(str, classpath)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking, answering = process.stdin, process.stdout

        def ask(asked: str, events: list[str]) -> list[bool] | str:
            asking.write(json.dumps([asked, *events]) + "\n")
            asking.flush()
            answer: list[bool] | str = json.loads(answering.readline())
            return answer

        yield ask
        asking.close()


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=FILTER, events=st.lists(FIELDS, min_size=4, max_size=4))
def test_we_match_as_aws_does_and_so_does_the_canonical_form(
    judge: Judge, asked: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    parsed = pattern.parse(asked)
    ours = [match.matches(parsed, event) for event in events]
    texts = [orjson.dumps(event).decode() for event in events]
    assert judge(orjson.dumps(asked).decode(), texts) == ours
    assert judge(pattern.canonical(parsed), texts) == ours


@pytest.mark.parametrize(
    "asked",
    [
        {"service": "a"},
        {"service": []},
        {"service": [["a"]]},
        {"service": [{}]},
        {"service": [{"prefix": "a", "numeric": ["=", 1]}]},
        {"service": [{"sounds-like": "a"}]},
        {"service": [{"prefix": 3}]},
        {"latencyMs": [{"numeric": []}]},
        {"latencyMs": [{"numeric": ["=", "3"]}]},
        {"latencyMs": [{"numeric": ["<", 5, ">", 0]}]},
        {"latencyMs": [{"numeric": [">=", 5, "<=", 5]}]},
        {"latencyMs": [{"numeric": ["!=", 5]}]},
    ],
)
def test_what_we_refuse_aws_refuses_too(judge: Judge, asked: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        pattern.parse(asked)
    assert isinstance(judge(json.dumps(asked), ["{}"]), str)


def test_a_prefix_that_ends_in_a_quote_is_where_we_know_better(judge: Judge) -> None:
    """AWS holds a string with its closing quote against the prefix, so ``a`` begins with ``a"`` there."""
    asked, event = {"service": [{"prefix": 'a"'}]}, {"service": "a"}
    assert judge(json.dumps(asked), [json.dumps(event)]) == [True]
    assert not match.matches(pattern.parse(asked), event)
