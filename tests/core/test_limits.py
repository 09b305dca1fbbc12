from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import limits
from pipeline.core.errors import Refused
from pipeline.core.limits import Limits, Meter

NOW = 1_000_000
SMALL = Limits(connections=2, channels=2, subscriptions=2, subscribes=4, hits=3)


def code(held: object, *arguments: object) -> str:
    try:
        held(*arguments)  # type: ignore[operator]
    except Refused as refused:
        return refused.code
    return ""


# --- rates ------------------------------------------------------------------------------------


def test_a_burst_is_let_pass_and_then_what_the_rate_brings() -> None:
    meter = Meter(rate=2, burst=3)

    assert [meter.take("ann", NOW) for _ in range(4)] == [0, 0, 0, 500]
    assert [meter.take("ann", NOW + 499), meter.take("ann", NOW + 500)] == [1, 0]


def test_each_name_has_a_bucket_of_its_own() -> None:
    meter = Meter(rate=1, burst=1)

    assert [meter.take("ann", NOW), meter.take("bob", NOW), meter.take("ann", NOW)] == [0, 0, 1_000]


def test_asking_in_vain_costs_nothing_where_nothing_may_be_owed() -> None:
    meter = Meter(rate=1, burst=1)
    meter.take("ann", NOW)
    for _ in range(100):
        meter.take("ann", NOW)

    assert meter.take("ann", NOW + 1_000) == 0


def test_asking_in_vain_makes_the_wait_longer_up_to_what_may_be_owed() -> None:
    meter = Meter(rate=1, burst=1, debt=3)

    assert [meter.take("ann", NOW) for _ in range(6)] == [0, 2_000, 3_000, 4_000, 4_000, 4_000]
    assert meter.take("ann", NOW + 4_000) == 0


def test_a_clock_that_goes_back_brings_nothing_and_takes_nothing() -> None:
    meter = Meter(rate=1, burst=1)
    meter.take("ann", NOW)

    assert meter.take("ann", NOW - 60_000) == 1_000
    assert meter.take("ann", NOW + 1_000) == 0


def test_who_was_not_heard_of_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NAMES", 2)
    meter = Meter(rate=1, burst=1)
    for name in ("ann", "bob", "ann", "cleo"):
        meter.take(name, NOW)

    assert [meter.take("ann", NOW) > 0, meter.take("bob", NOW) > 0] == [True, False]


@given(
    rate=st.integers(1, 1_000),
    burst=st.integers(1, 1_000),
    debt=st.integers(0, 100),
    steps=st.lists(st.integers(0, 2_000), max_size=300),
)
def test_never_more_than_burst_and_rate_allow_are_let_pass(
    rate: int, burst: int, debt: int, steps: list[int]
) -> None:
    meter, now, passed = Meter(rate, burst, debt), NOW, 0
    for step in steps:
        now += step
        passed += meter.take("ann", now) == 0

    assert passed <= burst + rate * (now - NOW) / 1_000


@given(rate=st.integers(1, 1_000), burst=st.integers(1, 50), takes=st.integers(1, 100))
def test_who_waits_as_told_is_let_pass(rate: int, burst: int, takes: int) -> None:
    meter, wait = Meter(rate, burst), 0
    for _ in range(takes):
        wait = meter.take("ann", NOW)

    assert meter.take("ann", NOW + wait) == 0 or wait == 0


def test_a_client_may_ask_for_all_its_subscriptions_at_once() -> None:
    meter = limits.frames(SMALL)
    assert [meter.take("ann", NOW) for _ in range(SMALL.subscriptions)] == [0, 0]


def test_who_goes_on_asking_is_flooding_and_who_asks_too_much_once_is_not() -> None:
    meter = limits.frames(SMALL)
    waits = [meter.take("ann", NOW) for _ in range(50)]

    assert [limits.flooding(wait) for wait in waits[:40]] == [False] * 40
    assert limits.flooding(waits[-1])


def test_subscribes_and_hits_have_seconds_worth_of_burst() -> None:
    assert [limits.subscribes(SMALL).take("acme", NOW) for _ in range(1)] == [0]
    meters = [(limits.subscribes(SMALL), 80), (limits.hits(SMALL), 60)]
    for meter, burst in meters:
        assert [meter.take("acme", NOW) for _ in range(burst)] == [0] * burst
        assert meter.take("acme", NOW) > 0


def test_who_asks_too_much_is_told_how_long_to_wait() -> None:
    limits.hold_rate(0, "subscribes")
    with pytest.raises(Refused, match="subscribes: try again in 2 s") as refused:
        limits.hold_rate(1_001, "subscribes")
    assert (refused.value.code, refused.value.wait) == ("too-many-requests", 2)


# --- counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "answer"), [(0, ""), (1, ""), (2, "too-many-connections")])
def test_a_tenant_has_as_many_connections_as_it_may(there: int, answer: str) -> None:
    assert code(limits.hold_connections, SMALL, there) == answer


@pytest.mark.parametrize(
    ("held", "asked", "answer"),
    [([], "a", ""), (["a"], "b", ""), (["a", "b"], "b", ""), (["a", "b"], "c", "too-many-subscriptions")],
)
def test_a_connection_has_as_many_subscriptions_as_it_may_and_may_repeat_them(
    held: list[str], asked: str, answer: str
) -> None:
    assert code(limits.hold_subscriptions, SMALL, held, asked) == answer


@pytest.mark.parametrize(
    ("there", "weight", "answer"),
    [(0, 1, ""), (0, 2, ""), (1, 1, ""), (1, 2, "too-many-channels"), (2, 1, "too-many-channels")],
)
def test_a_tenants_channels_weigh_no_more_than_they_may(there: int, weight: int, answer: str) -> None:
    assert code(limits.hold_channels, SMALL, there, weight) == answer


def test_who_asks_for_a_heavy_filter_is_told_what_makes_it_so() -> None:
    with pytest.raises(Refused, match="This one weighs 25: ask for fewer values"):
        limits.hold_channels(SMALL, 0, 25)
