"""Conditions of every operator, and the values that they are about."""

from __future__ import annotations

from hypothesis import strategies as st

from pipeline.core import pattern
from pipeline.core.errors import Refused

TEXT = st.sampled_from(["", "a", "A", "ab", "aB", "ba", "ß", "SS", "é", "b", "3", "10.0.0.1", "10.0.0.77"])
NUMBER = st.sampled_from([0, -0.0, 1, 3, 3.0, 3.5, 12.9, -1, 2**53, 2**53 + 1, 2**64 - 1, 1e300])
VALUE = TEXT | NUMBER | st.sampled_from([True, False, None])
NETWORK = st.sampled_from(["10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "10.0.0.0/26", "2001:db8::/32", "::/0"])
ADDRESS = st.sampled_from(["10.0.0.1", "010.0.0.1", "10.0.1.1", "2001:db8::1", "::ffff:10.0.0.1", "10.0.0"])
RANGE = st.one_of(
    st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBER).map(list),
    st.tuples(NUMBER, NUMBER)
    .filter(lambda pair: pair[0] < pair[1])
    .flatmap(
        lambda pair: st.tuples(
            st.sampled_from([">", ">="]), st.just(pair[0]), st.sampled_from(["<", "<="]), st.just(pair[1])
        ).map(list)
    ),
)
WILD = st.sampled_from(["a*", "*b", "*", "a*b", "*.0.*", "ab"])
TEXTS = TEXT | st.lists(TEXT, min_size=1, max_size=2)
FIXED = TEXT.filter(bool)
FIXED_TEXTS = FIXED | st.lists(FIXED, min_size=1, max_size=2)
FOLDED = FIXED.map(lambda text: {"equals-ignore-case": text})
BUT = st.one_of(
    VALUE.filter(lambda value: value is not None and not isinstance(value, bool)),
    st.lists(FIXED, min_size=1, max_size=3),
    st.lists(NUMBER, min_size=1, max_size=3),
    FIXED_TEXTS.map(lambda text: {"prefix": text}),
    FIXED_TEXTS.map(lambda text: {"suffix": text}),
    FIXED_TEXTS.map(lambda text: {"equals-ignore-case": text}),
    WILD.map(lambda text: {"wildcard": text}),
)
CONDITION = st.one_of(
    VALUE,
    (TEXT | FOLDED).map(lambda text: {"prefix": text}),
    (TEXT | FOLDED).map(lambda text: {"suffix": text}),
    FOLDED,
    WILD.map(lambda text: {"wildcard": text}),
    RANGE.map(lambda test: {"numeric": test}),
    NETWORK.map(lambda network: {"cidr": network}),
    st.booleans().map(lambda wanted: {"exists": wanted}),
    BUT.map(lambda excluded: {"anything-but": excluded}),
)
FOUND_SCALAR = VALUE | ADDRESS
FOUND = st.one_of(
    FOUND_SCALAR,
    st.lists(FOUND_SCALAR | st.lists(FOUND_SCALAR, max_size=2), max_size=3),
    st.just({"deep": "a"}),
)
"""What an attribute may hold."""


EVERY = [
    ("a", "a", "b"),
    (3, 3.0, "3"),
    (None, None, ""),
    ({"prefix": "ab"}, "abc", "a"),
    ({"prefix": {"equals-ignore-case": "ab"}}, "aBc", "a"),
    ({"prefix": {"equals-ignore-case": "ß"}}, "SSx", "s"),
    ({"suffix": "ab"}, "cab", "b"),
    ({"suffix": {"equals-ignore-case": "ab"}}, "cAB", "cAB "),
    ({"equals-ignore-case": "ab"}, "aB", "abc"),
    ({"wildcard": "a*c"}, "abc", "abcd"),
    ({"numeric": [">", 0, "<=", 5]}, 5, 0),
    ({"cidr": "10.0.0.0/24"}, "10.0.0.255", "10.0.1.0"),
    ({"cidr": "2001:db8::/32"}, "2001:db8::1", "10.0.0.1"),
    ({"exists": True}, "", []),
    ({"exists": False}, [], ""),
    ({"anything-but": ["a", "b"]}, 3, "b"),
    ({"anything-but": {"prefix": "a"}}, "b", "ab"),
    ({"anything-but": {"wildcard": "a*c"}}, "b", "abc"),
]
"""Of every kind: a condition, a value that meets it, and one that does not."""


def readable(asked: object) -> bool:
    """Whether it is a filter at all."""
    try:
        pattern.parse(asked)
    except Refused:
        return False
    return True
