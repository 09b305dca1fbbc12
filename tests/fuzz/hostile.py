"""JSON as nobody should write it, and as somebody will: text, since values cannot hold half of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

ODD_KEYS = (
    "", " ", ".", "..", "a.b", ".a", "a.", "a..b", "0", "-1", "*", "$", "_id", "_source", "_index",
    "@timestamp", "@ingested", "detail", "tokens", "raw", "ignored", "tenant", "id", "message", "service",
    "constructor", "__proto__",
    "\x00", "\x7f", "ключ", "🦀", "a" * 512, "k" * 9_000, "é" * 5_000, "K" * 33_000,
)  # fmt: skip
"""Keys that mean something to somebody: paths, metadata, our own fields, other languages' objects."""

ODD_NUMBERS = (
    "0", "-0", "-0.0", "1e5", "1.0E+2", "0.1", "1e-400", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809",
    "123456789012345678901234567890", "3.4028236e38", "1.7976931348623157e308", "4.9e-324",
)  # fmt: skip

NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 400, "01", "+1", ".5", "0x1F", "1_000")
"""What other writers and languages take for numbers."""

ODD_TEXTS = (
    "", " ", "\x00", "\x7f", "\ufeff", "\uffff", "\u2028", "null", "true", "-", "12ms", "2026-11-22",
    "\\", '"', "{}", "🦀" * 3, "e\u0301", "x" * 8_192, "x" * 32_766, "x" * 32_767, "🦀" * 9_000, "ü" * 20_000,
)  # fmt: skip

NO_TEXTS = ('"\\ud800"', '"\\udc00x"', '"\\ud800\\u0041"', '"\\x41"', '"\x01"', '"\n"', "'text'", '"open')
"""Lone surrogates and whatever else ends a strict reader's patience."""


def _one_of(values: Sequence[str]) -> SearchStrategy[str]:
    """Any of them, by its number: Hypothesis writes a strategy out, and some of these are long."""
    return st.integers(0, len(values) - 1).map(lambda number: values[number])


odd_keys = _one_of(ODD_KEYS).map(json.dumps) | st.text(max_size=8).map(json.dumps)
odd_scalars = (
    _one_of(["null", "true", "false", *ODD_NUMBERS])
    | _one_of(ODD_TEXTS).map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(json.dumps)
)


def _list(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _object(members: list[tuple[str, str]]) -> str:
    """Members as they were drawn: keys come twice, too."""
    return "{" + ",".join(f"{key}:{value}" for key, value in members) + "}"


def _nested(value: str, levels: int, step: str) -> str:
    opening, closing = {"list": ("[", "]"), "object": ('{"a":', "}"), "both": ('[{"":', "}]")}[step]
    return opening * levels + value + closing * levels


deep_values = st.builds(_nested, odd_scalars, st.integers(1, 60), st.sampled_from(["list", "object", "both"]))
odd_values = st.recursive(
    odd_scalars | deep_values,
    lambda inner: (
        st.lists(inner, max_size=4).map(_list) | st.lists(st.tuples(odd_keys, inner), max_size=4).map(_object)
    ),
    max_leaves=12,
)
broken_values = (
    _one_of([*NO_NUMBERS, *NO_TEXTS])
    | st.builds(_nested, odd_scalars, st.integers(100, 3_000), st.sampled_from(["list", "object", "both"]))
    | odd_values.map(lambda text: text[:-1])
)
"""Text that is no JSON, or deeper than anybody reads."""

wide_objects = st.integers(150, 400).map(
    lambda width: _object([(f'"field_{number}"', str(number)) for number in range(width)])
)
"""More fields than any index may have."""

ATTRIBUTES = ("service", "operation", "level", "status", "region", "timings", "summary", "tenant", "amount")
"""The keys that the route of the tests reads, and those that hold what it reads."""


def detail(members: list[tuple[str, str]], fact: str, occurred: str) -> str:
    """The text of a detail that has all its route needs, and these members before it."""
    needed = [('"eventId"', json.dumps(fact)), ('"occurredAt"', json.dumps(occurred))]
    return _object([*members, *needed])


attribute_members = st.tuples(st.sampled_from(ATTRIBUTES).map(json.dumps), odd_values | wide_objects)
timings = st.tuples(st.just('"timings"'), odd_values.map(lambda value: f'{{"totalMs":{value}}}'))
members = st.lists(
    attribute_members | timings | st.tuples(odd_keys, odd_values | wide_objects), min_size=1, max_size=5
)
"""Members of a detail that are JSON, each somebody's nightmare."""

broken_members = st.tuples(members, st.tuples(odd_keys, broken_values)).map(lambda both: [*both[0], both[1]])
