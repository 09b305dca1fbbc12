"""Filters and values on which matchers like to differ: what every judge of ours is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import strategies as st

from pipeline.core import entries
from tests import examples

if TYPE_CHECKING:
    from random import Random

    from pipeline.core.model import Delta

TEXTS = [
    "",
    "a",
    "ab",
    "abc",
    "b",
    "A",
    "aB",
    "abab",
    " a",
    "é",
    "É",
    "e\u0301",
    "ß",
    "SS",
    "sS",
    "\u017f",  # a long s, whose upper case is S
    "k",
    "\u212a",  # the sign for Kelvin, whose lower case is k
    "i",
    "İ",
    "\u0131",  # i without its dot, whose upper case is I
    "Σ",
    "ς",
    "ΰ",
    "ǅ",
    "ǆ",
    "漢",
    "😀",
    "??",
    "𐐀",
    "𐐨",
    'a"',
    '"a',
    '"',
    "a\\",
    "\\*",
    "a\n",
    "\x00",
    "3",
    "null",
    "true",
    "*",
    "a*",
    "a*b",
    "?",
    "[",
]
ADDRESSES = [
    "10.0.0.1",
    "010.0.0.1",
    "10.0.0.255",
    "10.0.1.0",
    "10.0.0.256",
    "10.0.0",
    "0A000001",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::00001",
    "::ffff:a00:1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2001:DB8::1",
    "a00::1",
    "fe80::1%eth0",
    ":",
]
NUMBERS: list[int | float] = [
    0,
    -0.0,
    1,
    -1,
    3,
    3.0,
    3.5,
    10,
    0.1,
    1e-7,
    0.1234567,
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
LARGE = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
SCALARS: list[Any] = [*TEXTS, *ADDRESSES, *NUMBERS, True, False, None]
NETWORKS = [
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.77/24",
    "0.0.0.0/0",
    "128.0.0.0/1",
    "10.0.0.0/31",
    "::/0",
    "::/96",
    "2001:db8::/32",
    "A00::/16",
]


def form(text: str) -> str:
    """Write a text so that a wildcard takes it for itself."""
    return text.replace("\\", "\\\\").replace("*", "\\*")


def about(text: str) -> list[Any]:
    """Every condition that may ask for a text."""
    some = [text] if text else []
    return [
        text,
        {"prefix": text},
        {"suffix": text},
        {"prefix": {"equals-ignore-case": text}},
        {"suffix": {"equals-ignore-case": text}},
        {"equals-ignore-case": text},
        {"wildcard": form(text)},
        {"wildcard": f"{form(text)}*"},
        {"wildcard": f"*{form(text)}"},
        {"wildcard": f"a*{form(text)}"},
        {"anything-but": text},
        {"anything-but": [text, "b"]},
        *({"wildcard": f"*{form(each)}*"} for each in some),
        *({"wildcard": f"*a*{form(each)}*b"} for each in some),
        *({"anything-but": {"prefix": each}} for each in some),
        *({"anything-but": {"suffix": [each, "b"]}} for each in some),
        {"anything-but": {"equals-ignore-case": [text, "B"]}},
        {"anything-but": {"wildcard": [f"{form(text)}*", "b"]}},
    ]


def around(number: float) -> list[Any]:
    """Every condition that may ask for a number."""
    high = number + max(abs(number), 10)
    return [
        number,
        *({"numeric": [sign, number]} for sign in ("=", "<", "<=", ">", ">=")),
        *({"numeric": [over, number, under, high]} for over in (">", ">=") for under in ("<", "<=")),
        {"anything-but": number},
        {"anything-but": [number, 3]},
    ]


CONDITIONS: list[Any] = [
    *(condition for text in [*TEXTS, *ADDRESSES] for condition in about(text)),
    *(condition for number in NUMBERS for condition in around(number)),
    *({"cidr": network} for network in NETWORKS),
    {"exists": True},
    {"exists": False},
    True,
    False,
    None,
]
"""Each operator with each operand."""

VALUES: list[Any] = [
    *SCALARS,
    [],
    {},
    {"a": "a"},
    [{"a": "a"}],
    [None],
    ["a"],
    ["a", "b"],
    ["b", 3],
    [["a"], [], {"b": "b"}],
    ["10.0.0.1", "x"],
    [-1, 6],
]
"""Each kind of JSON value."""

FEW = [*TEXTS[:8], "é", "ß", "漢", "*", 0, 1, 3.0, 12.9, -1, True, None, "10.0.0.1"]
"""Few enough that drawn filters match drawn events."""

KEYS = ["service", "latencyMs", "é"]


def a_value(random: Random) -> Any:  # noqa: ANN401 - any JSON value
    """Draw an attribute's value."""
    several = [random.choice(FEW) for _ in range(random.randint(0, 3))]
    return random.choice([random.choice(FEW), random.choice(FEW), random.choice(VALUES), several])


def an_event(random: Random) -> dict[str, Any]:
    """Draw what a filter may name in an event."""
    return {key: a_value(random) for key in KEYS if random.random() < 0.7}


def a_condition(random: Random) -> Any:  # noqa: ANN401 - any JSON value
    """Draw an item of an attribute's list."""
    texts = [text for text in FEW if isinstance(text, str)]
    return random.choice(
        [
            random.choice(FEW),
            random.choice(FEW),
            random.choice(about(random.choice(texts))),
            random.choice(about(random.choice(texts))),
            random.choice(around(random.choice(NUMBERS[:13]))),
            random.choice(CONDITIONS),
            {"exists": random.random() < 0.5},
        ]
    )


def a_filter(random: Random, depth: int = 2) -> dict[str, Any]:
    """Draw a filter, with alternatives in alternatives as deep as this at most; it may be empty."""
    chosen = random.sample(KEYS, random.randint(0, 2))
    asked: dict[str, Any] = {
        key: [a_condition(random) for _ in range(random.randint(1, 3))] for key in chosen
    }
    if depth and random.random() < 0.4:
        drawn = [a_filter(random, depth - 1) for _ in range(random.randint(2, 4))]
        group = [each for each in drawn if each]
        if len(group) > 1:
            asked["$or"] = group
    return asked


randoms = st.randoms(use_true_random=False)
events = randoms.map(an_event)
filters = randoms.map(a_filter)


def an_entry(random: Random, most: int) -> tuple[list[Delta], dict[str, Any]]:
    """Draw some deltas, so many at most, and the event of the deltas bus that carries them."""
    deltas = [examples.delta(**an_event(random)) for _ in range(random.randint(1, most))]
    (entry,) = entries.entries(deltas)
    envelope = {
        "version": "0",
        "id": "e-1",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [],
        "time": "2026-01-01T00:00:00Z",
        "source": entries.SOURCE,
        "detail-type": entries.DETAIL_TYPE,
        "detail": orjson.loads(entry.detail),
    }
    return deltas, envelope
