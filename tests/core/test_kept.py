from __future__ import annotations

from typing import Any

import pytest

from pipeline.core import kept, pattern
from pipeline.core.instant import DAY
from pipeline.core.model import Route

METRICS = Route(
    "payments", "metrics", retention_days=14, lateness_days=3, attributes=(("service", "service"),)
)
ORDERS = Route("shop.*", "orders", retention_days=30, lateness_days=7, detail_types=("Placed", "Paid"))
EVENTS = Route("*", "events", retention_days=9)
PULSE = Route("pulse", "pulses", index=False, retention_days=2, attributes=(("beat", "beat"),))
ALL = (METRICS, ORDERS, EVENTS, PULSE)


def days(asked: dict[str, Any], *routes: Route) -> float:
    return kept.valid_for(pattern.parse(asked), routes or ALL) / DAY


@pytest.mark.parametrize(
    ("asked", "valid"),
    [
        ({}, 9 - 2 - 2),
        ({"family": ["metrics"]}, 14 - 3 - 2),
        ({"family": ["orders"]}, 30 - 7 - 2),
        ({"family": ["orders", "metrics"]}, 14 - 3 - 2),
        ({"service": ["a"]}, 14 - 3 - 2),
        ({"service": [{"exists": False}]}, 9 - 2 - 2),
        ({"$or": [{"family": ["orders"]}, {"service": ["a"]}]}, 14 - 3 - 2),
        ({"eventType": ["Paid"], "family": [{"anything-but": "events"}]}, 14 - 3 - 2),
        ({"eventType": ["Paid"], "source": ["shop.web"], "family": ["orders"]}, 30 - 7 - 2),
    ],
)
def test_a_cursor_is_valid_as_long_as_all_that_its_filter_can_find_is_there(
    asked: dict[str, Any], valid: int
) -> None:
    assert days(asked) == valid


def test_a_filter_that_finds_nothing_stored_has_cursors_of_a_day() -> None:
    assert days({"beat": [1]}) == 1
    assert days({"family": ["unknown"]}) == 1


def test_a_route_that_takes_events_to_the_end_has_cursors_of_a_day() -> None:
    assert days({}, Route("a", "a", retention_days=3, lateness_days=2)) == 1


def test_what_can_find_events_that_are_never_stored_is_known() -> None:
    found = [
        kept.unkept(pattern.parse(asked), ALL)
        for asked in (
            {},
            {"beat": [1]},
            {"source": ["pulse"]},
            {"family": ["metrics"]},
            {"source": ["payments"]},
        )
    ]
    assert found == [True, True, True, False, False]
    assert not kept.unkept(pattern.parse({}), (METRICS, ORDERS))


@pytest.mark.parametrize(
    ("asked", "can"),
    [
        ({"source": ["payments"]}, [True, True, True, False]),
        ({"source": [{"anything-but": "payments"}]}, [False, True, True, True]),
        ({"eventType": ["Paid"]}, [True, True, True, True]),
        ({"eventType": ["Lost"]}, [True, False, True, True]),
        ({"service": ["a"]}, [True, False, False, False]),
        ({"$or": [{"service": ["a"]}, {"beat": [1]}]}, [True, False, False, True]),
    ],
)
def test_a_route_can_meet_what_nothing_that_it_says_of_its_events_rules_out(
    asked: dict[str, Any], can: list[bool]
) -> None:
    assert [kept.can_meet(pattern.parse(asked), route) for route in ALL] == can
