from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import ledger
from pipeline.core.ledger import MINUTE
from tests.examples import delta


def test_what_was_ingested_before_the_time_is_late_and_what_was_at_it_is_not() -> None:
    found = [ledger.late([replace(delta(), ingested=at)], 1_000) for at in (999, 1_000, 1_001)]
    assert found == [[("acme", 999)], [], []]


def test_there_is_a_row_for_each_tenant_and_minute_with_the_lowest_time() -> None:
    deltas = [
        replace(delta(tenant=tenant), ingested=at)
        for tenant, at in [
            ("acme", MINUTE + 5),
            ("globex", 7),
            ("acme", MINUTE + 3),
            ("acme", 9),
            ("globex", 8),
        ]
    ]
    assert ledger.late(deltas, 10 * MINUTE) == [("acme", 9), ("acme", MINUTE + 3), ("globex", 7)]


def test_what_has_no_tenant_can_be_missed_by_nobody() -> None:
    assert ledger.late([replace(delta(tenant=None), ingested=0)], 1_000) == []


@given(st.lists(st.integers(0, 10 * MINUTE)))
def test_every_time_has_the_row_of_its_minute_and_none_before_it(times: list[int]) -> None:
    rows = ledger.minutes(times)
    assert rows == sorted(set(rows))
    assert {time // MINUTE for time in times} == {row // MINUTE for row in rows}
    assert len({row // MINUTE for row in rows}) == len(rows)
    assert set(rows) <= set(times)
    assert min(rows, default=0) == min(times, default=0)
