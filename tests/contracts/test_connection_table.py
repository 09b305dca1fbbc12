from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import aws, dynamodb, dynamodb_rows
from pipeline.adapters.dynamodb import DynamoConnectionTable
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.core.audience import Channel, Connection, Member, Principal
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.ports import ConnectionTable
    from pipeline.settings import Settings
    from tests.contracts.conftest import Scripted

HOUR = 3_600_000
PAGE = 3
"""Rows a page, so that a few rows are several pages."""


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def client(aws_settings: Callable[..., Settings]) -> Iterator[DynamoDBClient]:
    settings = aws_settings()
    client = aws.session(settings).client("dynamodb", endpoint_url=settings.aws_endpoint)
    yield client
    client.close()


@pytest.fixture
def table_name(client: DynamoDBClient, unique: str) -> Iterator[str]:
    client.create_table(
        TableName=unique,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    yield unique
    client.delete_table(TableName=unique)


@pytest.fixture(params=["memory", "live"])
def table(request: pytest.FixtureRequest, clock: MemoryClock) -> ConnectionTable:
    if request.param == "memory":
        return MemoryConnectionTable(clock)
    return DynamoConnectionTable(
        request.getfixturevalue("client"), request.getfixturevalue("table_name"), clock, page=PAGE
    )


def connection(clock: MemoryClock, name: str = "L0SM9cOFvHcCIhw=", tenant: str = "acme") -> Connection:
    return Connection(name, "https://gateway/prod", Principal(tenant, "ada", expires=clock.now() + HOUR))


def channel(name: str = "1", tenant: str = "acme") -> Channel:
    return Channel(tenant, f'{{"service":["{name}"]}}', f"{name:0>32}")


# --- connections ------------------------------------------------------------------------------


def test_a_connection_is_found_as_it_was(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.connect(one)
    assert table.connection(one.id) == one


def test_an_unknown_connection_is_none(table: ConnectionTable) -> None:
    assert table.connection("nobody=") is None


def test_a_connection_whose_token_has_ended_is_still_found_so_that_it_can_be_told(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    table.connect(one)
    clock.sleep(3_601)
    assert table.connection(one.id) == one


def test_what_api_gateway_must_have_ended_is_not_found_though_no_row_was_deleted(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = replace(connection(clock), principal=Principal("acme", "ada", expires=clock.now() + 9 * HOUR))
    table.connect(one)
    table.subscribe(one, channel(), clock.now())
    clock.sleep(7_200)
    assert table.connection(one.id) is not None
    clock.sleep(601)
    assert table.connection(one.id) is None
    assert table.subscriptions(one.id) == []
    assert table.members(channel(), clock.now()) == []


def test_a_disconnect_forgets_the_connection_and_each_of_its_memberships(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    leaving, staying = connection(clock, "leaving="), connection(clock, "staying=")
    channels = [channel(str(number)) for number in range(30)]
    for one in (leaving, staying):
        table.connect(one)
        for each in channels:
            table.subscribe(one, each, clock.now())
    table.disconnect(leaving.id)
    assert table.connection(leaving.id) is None
    assert table.subscriptions(leaving.id) == []
    assert [[member.connection_id for member in table.members(each, clock.now())] for each in channels] == [
        [staying.id]
    ] * 30
    assert table.connection(staying.id) == staying


def test_a_disconnect_also_clears_what_has_ended(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.connect(one)
    table.subscribe(one, channel(), clock.now())
    began = clock.now()
    clock.sleep(9_000)
    table.disconnect(one.id)
    assert table.members(channel(), began) == []


def test_disconnecting_an_unknown_connection_is_no_error(table: ConnectionTable) -> None:
    table.disconnect("nobody=")


# --- channels ---------------------------------------------------------------------------------


def test_a_subscriber_is_a_member_of_the_channel_and_knows_it(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    assert table.members(channel(), clock.now()) == [Member(one.id, one.endpoint, one.principal.expires)]
    assert table.subscriptions(one.id) == [channel()]


def test_all_members_are_found_however_many_pages_they_fill(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = {f"connection-{number}=" for number in range(4 * PAGE + 1)}
    for name in names:
        table.subscribe(connection(clock, name), channel(), clock.now())
    assert {member.connection_id for member in table.members(channel(), clock.now())} == names


def test_a_member_whose_token_has_ended_is_left_out(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    assert len(table.members(channel(), one.principal.expires - 1)) == 1
    assert table.members(channel(), one.principal.expires) == []


def test_an_unsubscribed_connection_is_in_that_channel_no_longer(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one, left, kept = connection(clock), channel("1"), channel("2")
    for each in (left, kept):
        table.subscribe(one, each, clock.now())
    table.unsubscribe(one.id, left)
    table.unsubscribe(one.id, left)
    assert table.members(left, clock.now()) == []
    assert table.subscriptions(one.id) == [kept]
    assert len(table.members(kept, clock.now())) == 1


def test_the_version_is_zero_at_first_and_grows_with_each_channel_that_comes(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    versions = [table.version("acme")]
    for number in range(3):
        table.subscribe(connection(clock), channel(str(number)), clock.now())
        versions.append(table.version("acme"))
    assert versions[0] == 0
    assert versions == sorted(set(versions))


def test_whoever_reads_the_version_after_a_subscribe_finds_the_channel(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    channels = [channel(str(number)) for number in range(2 * PAGE + 1)]
    for each in channels:
        table.subscribe(connection(clock), each, clock.now())
    assert sorted(found.id for found in table.channels("acme")) == sorted(each.id for each in channels)
    assert set(table.channels("acme")) == set(channels)


def test_a_second_subscriber_of_a_channel_leaves_one_channel_and_its_version(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    table.subscribe(connection(clock, "first="), channel(), clock.now())
    version = table.version("acme")
    table.subscribe(connection(clock, "second="), channel(), clock.now())
    assert table.channels("acme") == [channel()]
    assert table.version("acme") == version
    assert len(table.members(channel(), clock.now())) == 2


@pytest.mark.parametrize("other", ["acme#", "acme#00", "#acme", "acme%23", "acm\u00e9", ""])
def test_a_tenant_sees_nothing_of_a_tenant_whose_name_runs_into_its_own(
    table: ConnectionTable, clock: MemoryClock, other: str
) -> None:
    mine = channel("1", tenant="acme")
    theirs = Channel(other, mine.filter, mine.id)
    table.subscribe(connection(clock, "theirs=", tenant=other), theirs, clock.now())
    assert table.members(mine, clock.now()) == []
    assert table.channels("acme") == []
    assert table.version("acme") == 0
    assert table.channels(other) == [theirs]
    assert [member.connection_id for member in table.members(theirs, clock.now())] == ["theirs="]


def test_a_tenant_made_to_spell_another_channels_key_has_no_part_in_it(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    mine, theirs = Channel("acme", "{}", "1#2"), Channel("acme#1", "{}", "2")
    table.subscribe(connection(clock, "theirs="), theirs, clock.now())
    assert table.members(mine, clock.now()) == []


# --- tickets ----------------------------------------------------------------------------------


def test_a_ticket_is_good_once(table: ConnectionTable, clock: MemoryClock) -> None:
    principal = Principal("acme", "ada", expires=clock.now() + HOUR)
    table.put_ticket("hash", principal, clock.now() + 30_000)
    assert table.take_ticket("hash", clock.now()) == principal
    assert table.take_ticket("hash", clock.now()) is None


def test_a_ticket_that_has_ended_is_good_for_nothing(table: ConnectionTable, clock: MemoryClock) -> None:
    principal = Principal("acme", "ada", expires=clock.now() + HOUR)
    table.put_ticket("hash", principal, clock.now() + 30_000)
    assert table.take_ticket("hash", clock.now() + 30_000) is None


def test_an_unknown_ticket_is_good_for_nothing(table: ConnectionTable, clock: MemoryClock) -> None:
    assert table.take_ticket("hash", clock.now()) is None


# --- only the live one ------------------------------------------------------------------------


@given(st.lists(st.text("#%é2=", max_size=4), min_size=1, max_size=4))
def test_values_cut_at_other_places_make_other_keys(values: list[str]) -> None:
    others = "#".join(values).split("#")
    assert (dynamodb_rows.joined("CHAN", *values) == dynamodb_rows.joined("CHAN", *others)) == (
        values == others
    )


def test_subscribers_at_the_same_time_all_find_their_channels(
    client: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    table = DynamoConnectionTable(client, table_name, clock)
    channels = [channel(str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(lambda each: table.subscribe(connection(clock, each.id), each, clock.now()), channels)
        )
    assert set(table.channels("acme")) == set(channels)
    assert table.version("acme") == len(channels)


def test_subscribing_again_clears_the_mark_of_missing_frames(
    client: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    table = DynamoConnectionTable(client, table_name, clock)
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    client.update_item(
        TableName=table_name,
        Key={"pk": {"S": f"CHAN#acme#{channel().id}#0"}, "sk": {"S": f"CONN#{one.id}"}},
        UpdateExpression="SET lagged = :since",
        ExpressionAttributeValues={":since": {"N": "17"}},
    )
    assert [member.lagged for member in table.members(channel(), clock.now())] == [17]
    table.subscribe(one, channel(), clock.now())
    assert [member.lagged for member in table.members(channel(), clock.now())] == [None]


def test_every_row_but_the_registry_has_a_ttl_in_seconds(
    client: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    table = DynamoConnectionTable(client, table_name, clock)
    one = connection(clock)
    table.connect(one)
    table.subscribe(one, channel(), clock.now())
    table.put_ticket("hash", one.principal, clock.now() + 30_000)
    rows = client.scan(TableName=table_name)["Items"]
    lives = {row["sk"]["S"]: int(row["ttl"]["N"]) - clock.now() // 1_000 for row in rows if "ttl" in row}
    assert lives == {"META": 7_800, f"SUB#{channel().id}": 7_800, f"CONN#{one.id}": 7_800, "TICKET": 31}
    assert {row["pk"]["S"] for row in rows if "ttl" not in row} == {"TENANT#acme"}


def test_a_table_that_is_not_there_is_unavailable_whatever_is_asked(
    client: DynamoDBClient, unique: str, clock: MemoryClock
) -> None:
    table = DynamoConnectionTable(client, unique, clock)
    one = connection(clock)
    asked: list[Callable[[], object]] = [
        lambda: table.connect(one),
        lambda: table.connection(one.id),
        lambda: table.disconnect(one.id),
        lambda: table.subscribe(one, channel(), 0),
        lambda: table.unsubscribe(one.id, channel()),
        lambda: table.subscriptions(one.id),
        lambda: table.version("acme"),
        lambda: table.channels("acme"),
        lambda: table.members(channel(), 0),
        lambda: table.put_ticket("hash", one.principal, 0),
        lambda: table.take_ticket("hash", 0),
    ]
    for ask in asked:
        with pytest.raises(Unavailable, match="DynamoDB"):
            ask()


def test_rows_that_dynamodb_left_undeleted_are_deleted_again(scripted: Scripted, clock: MemoryClock) -> None:
    again = {"table": [{"DeleteRequest": {"Key": {"pk": {"S": "CONN#1"}, "sk": {"S": "SUB#1"}}}}]}
    scripted.answers = [{"UnprocessedItems": again}, {"UnprocessedItems": {}}, {"UnprocessedItems": {}}]
    table = dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock)
    table.unsubscribe("1", channel())
    assert [request["RequestItems"] for request in scripted.requests][1] == again
    assert scripted.answers == []


def test_rows_that_dynamodb_never_deletes_are_unavailable(scripted: Scripted, clock: MemoryClock) -> None:
    again = {"table": [{"DeleteRequest": {"Key": {"pk": {"S": "CONN#1"}, "sk": {"S": "SUB#1"}}}}]}
    scripted.answers = [{"UnprocessedItems": again}] * 20
    with pytest.raises(Unavailable, match="1 rows"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).unsubscribe("1", channel())


NOT_THERE = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}


def cancelled(code: str) -> dict[str, object]:
    reasons = [{"Code": code}, {"Code": "None"}]
    return {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    }


def test_a_new_channel_that_others_are_in_the_way_of_is_tried_again(
    scripted: Scripted, clock: MemoryClock
) -> None:
    scripted.answers = [{}, NOT_THERE, {}, cancelled("TransactionConflict"), NOT_THERE, {}, {}]
    dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
        connection(clock), channel(), 1
    )
    assert scripted.answers == []


def test_a_new_channel_that_others_stay_in_the_way_of_is_unavailable(
    scripted: Scripted, clock: MemoryClock
) -> None:
    scripted.answers = [{}, *([NOT_THERE, {}, cancelled("ConditionalCheckFailed")] * 20)]
    with pytest.raises(Unavailable, match="kept changing the channels of tenant 'acme'"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
            connection(clock), channel(), 1
        )


def test_a_new_channel_that_dynamodb_refuses_is_unavailable_at_once(
    scripted: Scripted, clock: MemoryClock
) -> None:
    scripted.answers = [{}, NOT_THERE, {}, cancelled("ValidationError")]
    with pytest.raises(Unavailable, match="DynamoDB"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
            connection(clock), channel(), 1
        )
    assert scripted.answers == []


def test_a_network_that_does_not_answer_is_unavailable(unreachable_settings: Callable[..., Settings]) -> None:
    with pytest.raises(Unavailable, match="DynamoDB"):
        dynamodb.connect(unreachable_settings(LIVEDEX_TABLE="any")).version("acme")
