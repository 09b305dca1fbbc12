"""The connection table: the registry of each tenant's channels; memory and DynamoDB alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.audience import Changes
from tests.contracts.audiences import channel, connection
from tests.contracts.conftest import ROWS_A_PAGE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.adapters.memory import MemoryClock
    from pipeline.core.audience import Channel
    from pipeline.ports.connections import ConnectionTable

HOUR, DAY = 3_600, 86_400


def subscribe(table: ConnectionTable, clock: MemoryClock, *names: str) -> None:
    for name in names:
        table.subscribe(connection(clock), channel(name), clock.now())


def remove(table: ConnectionTable, name: str) -> bool:
    touches = {found.id: touch for found, touch in table.touched("acme")}
    return table.remove_channel(channel(name), touches[channel(name).id])


def ids(changes: Changes) -> set[str]:
    return {each.id.lstrip("0") for each in changes.added}


def test_a_tenant_without_channels_is_at_version_zero(table: ConnectionTable) -> None:
    assert table.version("acme") == 0
    assert table.changes("acme", 0) == Changes([], [], 0, whole=True)
    assert list(table.tenants()) == list(table.touched("acme")) == []


def test_the_version_grows_with_each_channel_that_comes_or_leaves(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    versions = [table.version("acme")]
    for number in range(3):
        subscribe(table, clock, str(number))
        versions.append(table.version("acme"))
    for number in range(3):
        assert remove(table, str(number))
        versions.append(table.version("acme"))
    assert versions[0] == 0
    assert versions == sorted(set(versions))


def test_whoever_reads_the_version_after_a_subscribe_finds_the_channel(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    for number in range(2 * ROWS_A_PAGE + 1):
        before = table.version("acme")
        subscribe(table, clock, str(number))
        assert table.version("acme") > before
        assert table.changes("acme", before).added == [channel(str(number))]
    assert ids(table.changes("acme", 0)) == {str(number) for number in range(1, 2 * ROWS_A_PAGE + 1)} | {""}


def test_a_second_subscriber_of_a_channel_leaves_one_channel_and_its_version(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    table.subscribe(connection(clock, "first="), channel(), clock.now())
    version = table.version("acme")
    table.subscribe(connection(clock, "second="), channel(), clock.now())
    assert table.changes("acme", 0).added == [channel()]
    assert table.version("acme") == version
    assert len(table.members(channel(), clock.now())) == 2


def test_changes_are_what_came_and_what_left_after_a_version(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    subscribe(table, clock, "1", "2", "3", "4", "5", "6", "7")
    at = table.version("acme")
    assert table.changes("acme", at) == Changes([], [], at)
    subscribe(table, clock, "8", "1", "9")
    for name in ("2", "9", "4"):
        assert remove(table, name)
    subscribe(table, clock, "4")
    changes = table.changes("acme", at)
    assert not changes.whole
    assert ids(changes) == {"8", "4"}
    assert {channel("2").id} <= set(changes.removed) <= {channel("2").id, channel("9").id}
    assert changes.version == table.version("acme")
    assert ids(table.changes("acme", 0)) == {"1", "3", "4", "5", "6", "7", "8"}


def test_a_version_that_never_was_is_answered_by_the_whole(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    subscribe(table, clock, "1")
    assert table.changes("acme", 99) == Changes([channel("1")], [], 1, whole=True)


def test_whoever_is_older_than_what_is_remembered_gets_the_whole(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    subscribe(table, clock, "1", "2", "3")
    old = table.version("acme")
    remove(table, "2")
    removed = table.version("acme")
    subscribe(table, clock, "4")
    clock.sleep(HOUR - 1)
    assert not table.changes("acme", old).whole
    clock.sleep(2)
    assert table.changes("acme", old) == Changes(
        [channel("1"), channel("3"), channel("4")], [], table.version("acme"), whole=True
    )
    assert table.changes("acme", removed) == Changes([channel("4")], [], table.version("acme"))


def test_the_version_never_falls_though_all_channels_have_left_long_ago(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    subscribe(table, clock, "1")
    remove(table, "1")
    version = table.version("acme")
    clock.sleep(9 * DAY)
    assert table.version("acme") == version
    assert table.changes("acme", 0) == Changes([], [], version, whole=True)
    subscribe(table, clock, "1")
    assert table.changes("acme", version) == Changes([channel("1")], [], version + 1)


def test_a_channel_whose_touch_has_changed_is_not_removed(table: ConnectionTable, clock: MemoryClock) -> None:
    subscribe(table, clock, "1")
    ((_, touch),) = table.touched("acme")
    version = table.version("acme")
    subscribe(table, clock, "1")
    assert not table.remove_channel(channel("1"), touch)
    assert table.changes("acme", 0) == Changes([channel("1")], [], version, whole=True)


def test_a_touch_changes_also_where_no_time_has_passed_or_a_clock_is_behind(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    touches = []
    for behind in (0, 0, 0, 500, 501):
        table.subscribe(connection(clock), channel(), clock.now() - behind)
        touches += [touch for _, touch in table.touched("acme")]
    assert touches == sorted(set(touches))


def test_an_unknown_channel_is_not_removed(table: ConnectionTable, clock: MemoryClock) -> None:
    subscribe(table, clock, "1")
    assert not table.remove_channel(channel("2"), clock.now())
    assert table.version("acme") == 1


def test_a_tenants_channels_weigh_what_they_do_each_once(table: ConnectionTable, clock: MemoryClock) -> None:
    heavy = replace(channel("2"), weight=25)
    assert table.weight("acme") == 0
    assert not table.is_registered(heavy)
    subscribe(table, clock, "1", "3", "1")
    table.subscribe(connection(clock), heavy, clock.now())
    table.subscribe(connection(clock, "other="), heavy, clock.now())
    assert table.weight("acme") == 27
    assert table.is_registered(heavy)
    assert [each.weight for each in table.changes("acme", 2).added] == [25]
    assert sorted(each.weight for each, _ in table.touched("acme")) == [1, 1, 25]
    remove(table, "2")
    assert table.weight("acme") == 2
    assert not table.is_registered(heavy)
    remove(table, "1")
    remove(table, "3")
    assert table.weight("acme") == 0


def test_a_settled_tenant_without_channels_is_off_the_list_until_one_comes_and_keeps_its_version(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    table.settle("acme")
    subscribe(table, clock, "1")
    table.settle("acme")
    assert list(table.tenants()) == ["acme"]
    remove(table, "1")
    assert list(table.tenants()) == ["acme"]
    for _ in range(2):
        table.settle("acme")
        assert list(table.tenants()) == []
    assert table.version("acme") == 2
    subscribe(table, clock, "2")
    assert list(table.tenants()) == ["acme"]
    assert table.changes("acme", 2) == Changes([channel("2")], [], 3)


def test_a_settled_tenants_changes_are_those_of_the_last_hour_and_what_is_there(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    subscribe(table, clock, "1", "2", "3")
    old = table.version("acme")
    remove(table, "2")
    subscribe(table, clock, "4")
    table.settle("acme")
    assert not table.changes("acme", old).whole
    clock.sleep(HOUR + 1)
    remove(table, "3")
    lately = table.version("acme")
    remove(table, "4")
    table.settle("acme")
    assert table.changes("acme", lately) == Changes([], [channel("4").id], lately + 1)
    assert table.changes("acme", 0) == Changes([channel("1")], [], lately + 1, whole=True)


def test_of_channels_that_left_no_filter_is_kept_and_after_an_hour_nothing(
    live_table: DynamoConnectionTable, clock: MemoryClock, looking: DynamoDBClient, table_name: str
) -> None:
    def changes() -> list[set[str]]:
        rows = looking.scan(TableName=table_name)["Items"]
        return [row.keys() - {"pk", "sk", "held"} for row in rows if row["sk"]["S"].startswith("CHANGE#")]

    live_table.subscribe(connection(clock), channel("1", conflate="orderId"), clock.now())
    subscribe(live_table, clock, "2")
    for each, touch in list(live_table.touched("acme")):
        live_table.remove_channel(each, touch)
    assert sorted(map(sorted, changes())) == [["came", "ttl"], ["came", "ttl"], ["left"], ["left", "ttl"]]
    clock.sleep(HOUR + 1)
    live_table.settle("acme")
    assert changes() == [{"left"}]


def test_every_tenant_that_had_a_channel_is_listed_once(table: ConnectionTable, clock: MemoryClock) -> None:
    names = [f"tenant#{number}" for number in range(2 * ROWS_A_PAGE)]
    for name in names:
        for number in range(2):
            each = channel(str(number), tenant=name)
            table.subscribe(connection(clock, tenant=name), each, clock.now())
    ((_, touch),) = [pair for pair in table.touched(names[0]) if pair[0].id == channel("1").id]
    table.remove_channel(channel("1", tenant=names[0]), touch)
    assert sorted(table.tenants()) == names
    assert [len(list(table.touched(name))) for name in names] == [1] + [2] * (2 * ROWS_A_PAGE - 1)


STEPS = st.lists(st.tuples(st.sampled_from("+-?"), st.sampled_from("123"), st.integers(0, 2)), max_size=14)


@given(STEPS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_follows_the_changes_knows_what_who_reads_the_whole_knows(
    table: ConnectionTable, clock: MemoryClock, steps: list[tuple[str, str, int]]
) -> None:
    tenant = uuid4().hex
    known: list[dict[str, Channel]] = [{}, {}, {}]
    versions = [0, 0, 0]
    for step, name, follower in steps:
        if step == "+":
            table.subscribe(connection(clock, tenant=tenant), channel(name, tenant), clock.now())
        elif step == "-":
            for each, touch in list(table.touched(tenant)):
                assert each.id != channel(name).id or table.remove_channel(each, touch)
        else:
            changes = table.changes(tenant, versions[follower])
            kept = {} if changes.whole else known[follower]
            known[follower] = {key: each for key, each in kept.items() if key not in changes.removed} | {
                each.id: each for each in changes.added
            }
            versions[follower] = changes.version
            assert known[follower] == {each.id: each for each in table.changes(tenant, 0).added}
        if step == "-":
            table.settle(tenant)
        clock.sleep(HOUR / 4)


def test_subscribers_at_the_same_time_all_find_their_channels(
    live_table: DynamoConnectionTable, clock: MemoryClock
) -> None:
    names = [str(number) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: subscribe(live_table, clock, name), names))
    assert ids(live_table.changes("acme", 0)) == set(names)
    assert live_table.version("acme") == len(names)


def test_the_versions_of_many_tenants_are_read_together_as_each_is_alone(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = [f"tenant-{number}#" for number in range(120)]
    for place, name in enumerate(names[:6]):
        for number in range(place):
            table.register(replace(channel(str(number)), tenant=name), clock.now())
    found = table.versions(names)
    assert found == {name: table.version(name) for name in names[:6]} | dict.fromkeys(names[6:], 0)
    assert [found[name] for name in names[:6]] == [0, 1, 2, 3, 4, 5]
    assert table.versions([]) == {}
