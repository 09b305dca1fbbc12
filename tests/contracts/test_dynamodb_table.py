"""The connection table on DynamoDB alone: keys, ends of rows, shards, and a service that refuses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import dynamodb, dynamodb_rows, dynamodb_shards
from pipeline.adapters.dynamodb import DynamoConnectionTable
from pipeline.core.audience import ApiKey
from pipeline.core.errors import Unavailable
from tests.contracts.audiences import HOUR, channel, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.adapters.memory import MemoryClock
    from pipeline.settings import Settings
    from tests.contracts.conftest import Scripted

API_KEY = ApiKey("hash", "acme", "robot", "lk_", created=1, expires=HOUR)


@given(st.lists(st.text("#%é2=", max_size=4), min_size=1, max_size=4))
def test_values_cut_at_other_places_make_other_keys(values: list[str]) -> None:
    others = "#".join(values).split("#")
    assert (dynamodb_rows.joined("CHAN", *values) == dynamodb_rows.joined("CHAN", *others)) == (
        values == others
    )


def test_every_row_but_the_keys_and_what_a_registry_holds_has_a_ttl_in_seconds(
    live_table: DynamoConnectionTable, looking: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    one, now = connection(clock), clock.now()
    live_table.connect(one)
    for name in ("1", "2"):
        live_table.subscribe(one, channel(name), now)
    live_table.put_ticket("hash", one.principal, now + 30_000)
    live_table.put_key(API_KEY)
    live_table.put_late("acme", now, now, now + 9_000)
    live_table.open_late("acme", "job", now, now + 9_001)
    live_table.remove_channel(channel("2"), now)
    live_table.subscribe(one, channel("3"), now)
    rows = looking.scan(TableName=table_name)["Items"]
    lives = Counter(
        (row["sk"]["S"].partition("#")[0], int(row["ttl"]["N"]) - now // 1_000)
        for row in rows
        if "ttl" in row
    )
    assert lives == {
        ("META", 7_800): 1,
        ("SUB", 7_800): 3,
        ("CONN", 7_800): 4,
        ("TICKET", 31): 1,
        ("AT", 9): 1,
        ("OPEN", 10): 1,
        ("CHANGE", 3_600): 2,
    }
    assert Counter(row["sk"]["S"].partition("#")[0] for row in rows if "ttl" not in row) == {
        "CHANNEL": 2,
        "CHANGE": 2,
        "VERSION": 1,
        "TENANT": 1,
        "KEY": 2,
    }


# --- a crowded channel ------------------------------------------------------------------------


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten are a crowd, and one of two counts."""
    monkeypatch.setattr(dynamodb_shards, "CROWD", 10)
    monkeypatch.setattr(dynamodb_shards, "COUNTING", 2)


def shards(looking: DynamoDBClient, table_name: str) -> Counter[str]:
    rows = looking.scan(TableName=table_name)["Items"]
    members = [
        row["pk"]["S"] for row in rows if row["pk"]["S"].startswith("CHAN#") and row["sk"]["S"] != "ALSO"
    ]
    return Counter(pk.rpartition("#")[2] for pk in members)


def crowd(table: DynamoConnectionTable, clock: MemoryClock, count: int) -> list[str]:
    names = [f"connection-{number}=" for number in range(count)]
    for name in names:
        table.connect(connection(clock, name))
        table.subscribe(connection(clock, name), channel(), clock.now())
    return names


@pytest.mark.usefixtures("crowded")
def test_the_members_of_a_crowded_channel_are_spread_and_all_found(
    live_table: DynamoConnectionTable, looking: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    names = crowd(live_table, clock, 60)
    found = shards(looking, table_name)
    assert 10 <= found["0"] < 20
    assert set(found) == {"0", *(f"8.{shard}" for shard in range(8))}
    assert sum(found.values()) == 60
    for count in (1, 2, 8, 16, 64):
        parts = [live_table.members(channel(), clock.now(), part=(part, count)) for part in range(count)]
        assert sorted(member.connection_id for part in parts for member in part) == sorted(names)


@pytest.mark.usefixtures("crowded")
def test_the_members_of_a_crowded_channel_are_marked_forgotten_and_moved_wherever_they_are(
    live_table: DynamoConnectionTable, looking: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    names = crowd(live_table, clock, 42)
    live_table.mark_lagged([(channel(), name) for name in names], 17)
    assert {member.lagged for member in live_table.members(channel(), clock.now())} == {17}
    assert [live_table.lagged(name) for name in names] == [[(channel(), 17)]] * 42
    for name in names[::3]:
        live_table.subscribe(connection(clock, name), channel(), clock.now())
        assert live_table.lagged(name) == [(channel(), 17)]
        live_table.subscribe(connection(clock, name), channel(), clock.now(), 17)
    for name in names[1::3]:
        live_table.unsubscribe(name, channel())
    for name in names[2::3]:
        live_table.disconnect(name)
    assert sum(shards(looking, table_name).values()) == 14
    assert shards(looking, table_name)["0"] == 0
    found = live_table.members(channel(), clock.now())
    assert sorted((member.connection_id, member.lagged) for member in found) == sorted(
        (name, None) for name in names[::3]
    )
    assert live_table.has_members(channel(), clock.now())
    for name in names:
        live_table.disconnect(name)
    assert not live_table.has_members(channel(), clock.now())


@pytest.mark.usefixtures("crowded")
def test_who_would_outlive_the_note_of_the_shards_is_put_into_the_first(
    live_table: DynamoConnectionTable, looking: DynamoDBClient, table_name: str, clock: MemoryClock
) -> None:
    names = crowd(live_table, clock, 24)
    clock.sleep(dynamodb_shards.NOTE_LIFE - 7_000)
    quiet = [name for name in names if not dynamodb_shards.counts(name)]
    before = shards(looking, table_name)["0"]
    for number in range(4):
        live_table.subscribe(connection(clock, f"{quiet[number]}"), channel(), clock.now())
    assert shards(looking, table_name)["0"] >= before
    clock.sleep(7_300)
    assert {each.connection_id for each in live_table.members(channel(), clock.now(), ended=True)} == set(
        quiet[:4]
    )


@pytest.mark.usefixtures("crowded")
def test_a_channel_below_a_crowd_is_read_by_one_query(
    live_table: DynamoConnectionTable, clock: MemoryClock, client: DynamoDBClient
) -> None:
    asked: list[object] = []
    crowd(live_table, clock, 9)
    client.meta.events.register("before-call.dynamodb.Query", lambda **_: asked.append(1))
    assert len(live_table.members(channel(), clock.now())) == 9
    assert len(asked) == 1


# --- between reading and writing --------------------------------------------------------------


def test_a_member_that_goes_while_it_is_being_marked_stays_gone(
    live_table: DynamoConnectionTable,
    client: DynamoDBClient,
    looking: DynamoDBClient,
    table_name: str,
    clock: MemoryClock,
) -> None:
    other = DynamoConnectionTable(looking, table_name, clock)
    for name in ("going=", "staying="):
        live_table.subscribe(connection(clock, name), channel(), clock.now())
    client.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda **_: other.disconnect("going=")
    )
    live_table.mark_lagged([(channel(), "going="), (channel(), "staying=")], 17)
    rows = looking.scan(TableName=table_name)["Items"]
    assert not [row for row in rows if "going" in row["pk"]["S"] + row["sk"]["S"]]
    assert [(each.connection_id, each.lagged) for each in live_table.members(channel(), clock.now())] == [
        ("staying=", 17)
    ]


# --- a service that refuses -------------------------------------------------------------------


def test_a_table_that_is_not_there_is_unavailable_whatever_is_asked(
    client: DynamoDBClient, unique: str, clock: MemoryClock
) -> None:
    table = DynamoConnectionTable(client, unique, clock)
    one = connection(clock)
    asked: list[Callable[[], object]] = [
        lambda: table.connect(one),
        lambda: table.connection(one.id),
        lambda: list(table.connections("acme", 0)),
        lambda: table.disconnect(one.id),
        lambda: table.subscribe(one, channel(), 0),
        lambda: table.unsubscribe(one.id, channel()),
        lambda: table.subscriptions(one.id),
        lambda: table.version("acme"),
        lambda: table.changes("acme", 0),
        lambda: table.members(channel(), 0),
        lambda: list(table.tenants()),
        lambda: list(table.touched("acme")),
        lambda: table.remove_channel(channel(), 0),
        lambda: table.mark_lagged([(channel(), one.id)], 0),
        lambda: table.lagged(one.id),
        lambda: table.put_late("acme", 0, 0, 0),
        lambda: table.open_late("acme", "job", 0, 0),
        lambda: table.close_late("acme", "job"),
        lambda: table.put_all_late([("acme", 0)], 0, 0),
        lambda: table.open_all_late([("acme", "job", 0)], 0),
        lambda: table.close_all_late([("acme", "job")]),
        lambda: table.versions(["acme"]),
        lambda: table.disconnect_all([one.id], clock.now() + 1),
        lambda: table.late("acme", 0),
        lambda: table.put_ticket("hash", one.principal, 0),
        lambda: table.take_ticket("hash", 0),
        lambda: table.put_key(API_KEY),
        lambda: table.key("hash"),
        lambda: list(table.keys()),
        lambda: table.revoke_key("hash", 0),
    ]
    for ask in asked:
        with pytest.raises(Unavailable, match="DynamoDB"):
            ask()


LEFT = {"table": [{"PutRequest": {"Item": {"pk": {"S": "KEY#hash"}, "sk": {"S": "KEY"}}}}]}


def test_rows_that_dynamodb_left_unwritten_are_written_again(scripted: Scripted, clock: MemoryClock) -> None:
    scripted.answers = [{"UnprocessedItems": LEFT}, {"UnprocessedItems": {}}]
    dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).put_key(API_KEY)
    assert scripted.requests[1]["RequestItems"] == LEFT
    assert scripted.answers == []


def test_rows_that_dynamodb_never_writes_are_unavailable(scripted: Scripted, clock: MemoryClock) -> None:
    scripted.answers = [{"UnprocessedItems": LEFT}] * 20
    with pytest.raises(Unavailable, match="1 rows of table were left unwritten"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).put_key(API_KEY)


UNREAD = {
    "table": {"Keys": [{"pk": {"S": "CONN#1"}, "sk": {"S": f"SUB#{channel().id}"}}], "ConsistentRead": True}
}
ROW = {"pk": {"S": "CONN#1"}, "sk": {"S": f"SUB#{channel().id}"}, "shard": {"S": "0"}}


def test_rows_that_dynamodb_left_unread_are_read_again(scripted: Scripted, clock: MemoryClock) -> None:
    scripted.answers = [
        {"Responses": {}, "UnprocessedKeys": UNREAD},
        {"Responses": {"table": [ROW]}, "UnprocessedKeys": {}},
        {},
    ]
    dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).mark_lagged([(channel(), "1")], 17)
    assert scripted.requests[1]["RequestItems"] == UNREAD
    marked = [item["Update"]["Key"]["pk"]["S"] for item in scripted.requests[2]["TransactItems"]]
    assert marked == ["CONN#1", f"CHAN#acme#{channel().id}#0"]


def test_rows_that_dynamodb_never_reads_are_unavailable(scripted: Scripted, clock: MemoryClock) -> None:
    scripted.answers = [{"Responses": {}, "UnprocessedKeys": UNREAD}] * 20
    with pytest.raises(Unavailable, match="1 rows of table were left unread"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).mark_lagged([(channel(), "1")], 17)


NOT_THERE = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}
HELD = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"}
NOTHING: dict[str, object] = {}


def cancelled(*codes: str) -> dict[str, object]:
    reasons = [{"Code": code} for code in codes]
    return {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    }


def test_a_new_channel_that_others_are_in_the_way_of_is_tried_again(
    scripted: Scripted, clock: MemoryClock
) -> None:
    conflict = cancelled("TransactionConflict", "None", "None")
    scripted.answers = [{}, {}, NOT_THERE, NOTHING, conflict, HELD, NOTHING, conflict, NOT_THERE, NOTHING, {}]
    dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
        connection(clock), channel(), 1
    )
    assert scripted.answers == []


def test_a_new_channel_that_others_stay_in_the_way_of_is_unavailable(
    scripted: Scripted, clock: MemoryClock
) -> None:
    lost = cancelled("ConditionalCheckFailed", "None", "None")
    scripted.answers = [{}, {}, *([NOT_THERE, NOTHING, lost] * 20)]
    with pytest.raises(Unavailable, match="kept changing the channels of tenant 'acme'"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
            connection(clock), channel(), 1
        )


def test_a_channel_that_others_stay_in_the_way_of_removing_is_unavailable(
    scripted: Scripted, clock: MemoryClock
) -> None:
    there = {"Item": {"touch": {"N": "1"}, "version": {"N": "1"}}}
    lost = cancelled("ConditionalCheckFailed", "None", "None")
    scripted.answers = [there, NOTHING, lost] * 20
    with pytest.raises(Unavailable, match="kept changing the channels of tenant 'acme'"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).remove_channel(channel(), 1)


def test_a_new_channel_that_dynamodb_refuses_is_unavailable_at_once(
    scripted: Scripted, clock: MemoryClock
) -> None:
    scripted.answers = [{}, {}, NOT_THERE, NOTHING, cancelled("ValidationError", "None", "None")]
    with pytest.raises(Unavailable, match="DynamoDB"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).subscribe(
            connection(clock), channel(), 1
        )
    assert scripted.answers == []


def test_a_membership_that_others_hold_is_written_again_and_in_the_end_unavailable(
    scripted: Scripted, clock: MemoryClock
) -> None:
    conflict = cancelled("TransactionConflict", "None")
    table = dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock)
    scripted.answers = [{}, conflict, {}, {}]
    table.subscribe(connection(clock), channel(), 1)
    assert scripted.answers == []
    scripted.answers = [{}, *([conflict] * 20)]
    with pytest.raises(Unavailable, match="the same membership"):
        table.subscribe(connection(clock), channel(), 1)


def test_marks_that_others_stay_in_the_way_of_are_unavailable(scripted: Scripted, clock: MemoryClock) -> None:
    conflict = cancelled("None", "TransactionConflict")
    scripted.answers = [{"Responses": {"table": [ROW]}, "UnprocessedKeys": {}}, *([conflict] * 20)]
    with pytest.raises(Unavailable, match="1 members could not be marked"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).mark_lagged([(channel(), "1")], 17)


def test_a_key_that_somebody_else_writes_is_not_said_to_be_revoked(
    scripted: Scripted, clock: MemoryClock
) -> None:
    row = dynamodb_rows.api_key_values(API_KEY)
    scripted.answers = [{"Item": row}, cancelled("TransactionConflict", "None")]
    with pytest.raises(Unavailable, match="try again"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).revoke_key("hash", 17)


def test_a_network_that_does_not_answer_is_unavailable(unreachable_settings: Callable[..., Settings]) -> None:
    with pytest.raises(Unavailable, match="DynamoDB"):
        dynamodb.connect(unreachable_settings(LIVEDEX_TABLE="any")).version("acme")


# --- a transaction of which not all is seen yet -----------------------------------------------


def came(number: int) -> dict[str, object]:
    row = dynamodb_rows.change_key("acme", number) | dynamodb_rows.texts(came=channel(str(number)).id)
    return dict(row | dynamodb_rows.channel_values(channel(str(number))))


@pytest.mark.parametrize("after", [0, 1])
def test_a_version_is_not_told_before_its_change_is_seen(
    scripted: Scripted, clock: MemoryClock, after: int
) -> None:
    at_three = {"Item": dynamodb_rows.numbers(version=3)}
    half = {"Items": [came(number) for number in range(after + 1, 3)], "Count": 2 - after}
    whole = {"Items": [came(number) for number in (1, 2, 3)], "Count": 3}
    scripted.answers = [at_three, half, *([half] if after else []), whole]
    changes = dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).changes("acme", after)
    assert scripted.answers == []
    assert (changes.version, len(changes.added), changes.whole) == (3, 3, True)


def test_a_change_that_is_never_seen_is_unavailable(scripted: Scripted, clock: MemoryClock) -> None:
    at_three = {"Item": dynamodb_rows.numbers(version=3)}
    scripted.answers = [at_three, *([{"Items": [came(1), came(2)], "Count": 2}] * 20)]
    with pytest.raises(Unavailable, match="change 3 of the channels of tenant 'acme'"):
        dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock).changes("acme", 0)


def test_no_change_is_written_before_the_one_before_it_is_seen(
    scripted: Scripted, clock: MemoryClock
) -> None:
    at_three = {"Item": dynamodb_rows.numbers(version=3)}
    table = dynamodb.connect(scripted.settings(LIVEDEX_TABLE="table"), clock)
    scripted.answers = [NOT_THERE, at_three, NOTHING, NOTHING, {"Item": came(3)}, {}]
    table.register(channel("4"), 1)
    assert scripted.answers == []
    scripted.answers = [NOT_THERE, at_three, *([NOTHING] * 20)]
    with pytest.raises(Unavailable, match="change 3 of the channels of tenant 'acme'"):
        table.register(channel("4"), 1)
