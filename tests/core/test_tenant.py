from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.dynamodb_rows import tenant_pk
from pipeline.core.tenant import LONGEST, LONGEST_KEY, fits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme", True),
        ("a" * LONGEST, True),
        ("a" * (LONGEST + 1), False),
        ("/" * LONGEST, True),
        ("é" * 166, True),
        ("é" * 167, False),
        ("客" * 111, True),
        ("客" * 112, False),
        ("😀" * 83, True),
        ("😀" * 84, False),
        ("\ud800" * 200, False),
    ],
)
def test_a_name_may_be_as_long_as_a_key_has_room_for(*, name: str, expected: bool) -> None:
    assert fits(name) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST))
def test_a_name_that_fits_is_no_longer_in_the_table(name: str) -> None:
    assert fits(name) == (len(tenant_pk(name)) - len("TENANT#") <= LONGEST_KEY)
