from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import indices, instant
from pipeline.core.retire import Expired, expired

DAY = instant.DAY
NOW = instant.read("2026-11-23T05:00:00Z")


def test_an_index_goes_when_its_day_began_the_retention_ago() -> None:
    names = ["metrics-2026.11.09", "metrics-2026.11.10", "metrics-2026.11.08", "metrics-2026.11.23"]
    assert expired(names, {"metrics": 14}, NOW) == (
        Expired("metrics-2026.11.08", "metrics", 15, 14),
        Expired("metrics-2026.11.09", "metrics", 14, 14),
    )


def test_each_family_has_its_own_retention() -> None:
    names = ["a-2026.11.13", "b_2-2026.11.13"]
    assert [each.index for each in expired(names, {"a": 10, "b_2": 11}, NOW)] == ["a-2026.11.13"]


@pytest.mark.parametrize(
    "name",
    [
        "others-2020.01.01",
        "metrics-2020.1.1",
        "metrics-2020.13.01",
        "metrics-2026.02.30",
        "metrics-2020-01-01",
        "metrics-2020.01.01-000001",
        ".metrics-2020.01.01",
        "metrics-web-2020.01.01",
        "metrics",
        "METRICS-2020.01.01",
        "metrics-٢٠٢٠.01.01",
        "metrics-2020.01.01\n",
        "",
    ],
)
def test_what_is_not_named_like_an_index_of_ours_is_never_chosen(name: str) -> None:
    assert expired([name], {"metrics": 2}, NOW) == ()


@given(
    st.integers(0, 40_000),
    st.integers(2, 400),
    st.integers(0, 40_000 * DAY),
)
def test_no_index_goes_before_its_retention_is_over(day: int, retention: int, now: int) -> None:
    name = f"metrics-{instant.day(day * DAY)}"
    assert indices.parse(name) == ("metrics", day)
    assert bool(expired([name], {"metrics": retention}, now)) == (day * DAY + retention * DAY <= now)


def test_an_index_is_ours_by_its_name_and_its_fields() -> None:
    fields = ["@timestamp", "@ingested", "tokens", "detail", "service"]
    assert indices.is_ours("metrics-2026.11.23", fields)
    assert not indices.is_ours("metrics-2026.11.23", ["@timestamp", "host", "detail"])
    assert not indices.is_ours("metrics-of-somebody", fields)
