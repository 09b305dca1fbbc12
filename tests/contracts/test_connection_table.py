"""The connection table: connections, members and what opens the door; memory and DynamoDB alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline.adapters import dynamodb_rows as rows
from pipeline.core.audience import ApiKey, Channel, Late, Member, Principal
from pipeline.core.errors import Gone
from pipeline.core.tenant import fits
from tests.contracts.audiences import HOUR, channel, connection
from tests.contracts.conftest import ROWS_A_PAGE

if TYPE_CHECKING:
    from pipeline.adapters.memory import MemoryClock
    from pipeline.ports.connections import ConnectionTable

MINUTE = 60_000

SORT_KEY = 1_024
"""Bytes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


# --- connections ------------------------------------------------------------------------------


def test_a_connection_is_found_as_it_was(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.connect(one)
    assert table.connection(one.id) == one


def test_a_connection_says_since_when_it_is_open(table: ConnectionTable, clock: MemoryClock) -> None:
    one, opened = connection(clock), clock.now()
    table.connect(one)
    clock.sleep(60)
    found = [table.connection(one.id), *table.connections("acme", clock.now())]
    assert [each.since for each in found if each] == [opened, opened]


def test_a_tenants_connections_are_those_that_have_not_ended(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    mine = [connection(clock, f"{number}=") for number in range(2 * ROWS_A_PAGE + 1)]
    short = replace(mine[0], principal=Principal("acme", "ada", expires=clock.now() + 1_000))
    for one in (*mine[1:], short, connection(clock, "theirs=", tenant="other")):
        table.connect(one)
    assert sorted(each.id for each in table.connections("acme", clock.now())) == [each.id for each in mine]
    table.disconnect(mine[1].id)
    clock.sleep(1)
    assert list(table.connections("acme", clock.now())) == mine[2:]
    clock.sleep(7_800)
    assert list(table.connections("acme", clock.now())) == []


def test_a_tenants_connections_are_counted_as_they_are_listed_and_no_further_than_asked(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    there = 3 * ROWS_A_PAGE + 1
    for number in range(there):
        table.connect(connection(clock, f"{number:02}="))
    short = replace(connection(clock, "short="), principal=Principal("acme", "ada", clock.now() + 1_001))
    for one in (short, connection(clock, "theirs=", tenant="other")):
        table.connect(one)
    assert table.headcount("acme", clock.now(), 1_000) == there + 1
    assert [table.headcount("acme", clock.now(), most) for most in (1, ROWS_A_PAGE, there)] == [
        1,
        ROWS_A_PAGE,
        there,
    ]
    table.disconnect("00=")
    clock.sleep(1.001)
    assert table.headcount("acme", clock.now(), 1_000) == there - 1
    assert table.headcount("nobody", clock.now(), 1_000) == 0
    clock.sleep(7_800)
    assert table.headcount("acme", clock.now(), 1_000) == 0


def test_a_connection_of_an_api_key_names_it(table: ConnectionTable, clock: MemoryClock) -> None:
    one = replace(connection(clock), principal=Principal("acme", "robot", clock.now() + HOUR, key="hash"))
    table.connect(one)
    assert table.connection(one.id) == one
    assert list(table.connections("acme", clock.now())) == [one]


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


def test_many_disconnects_forget_each_of_the_connections_and_nobody_else(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = [f"connection-{number}=" for number in range(20)]
    for name in names:
        table.connect(connection(clock, name))
        table.subscribe(connection(clock, name), channel(), clock.now())
    table.disconnect_all([*names[1:], "nobody="], clock.now() + HOUR)
    table.disconnect_all([], clock.now() + HOUR)
    assert [each.connection_id for each in table.members(channel(), clock.now())] == names[:1]
    assert [table.connection(name) is not None for name in names] == [True] + [False] * 19


def test_behind_its_time_a_disconnect_of_many_begins_no_more(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    table.connect(connection(clock))
    table.disconnect_all([connection(clock).id], clock.now())
    assert table.connection(connection(clock).id) is not None


# --- channels ---------------------------------------------------------------------------------


def test_a_subscriber_is_a_member_of_the_channel_and_knows_it(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    assert table.members(channel(), clock.now()) == [Member(one.id, one.endpoint, one.principal.expires)]
    assert table.subscriptions(one.id) == [channel()]


@pytest.mark.parametrize("again", [False, True])
def test_a_connection_that_was_forgotten_since_it_was_given_joins_nothing(
    *, table: ConnectionTable, clock: MemoryClock, again: bool
) -> None:
    table.connect(connection(clock))
    given = table.connection(connection(clock).id)
    assert given is not None
    table.subscribe(given, channel("1"), clock.now())
    table.disconnect(given.id)
    if again:
        clock.sleep(1)
        table.connect(connection(clock))

    with pytest.raises(Gone):
        table.subscribe(given, channel("2"), clock.now())

    assert table.subscriptions(given.id) == table.members(channel("2"), clock.now()) == []
    assert [each.id for each, _ in table.touched("acme")] == [channel("1").id]


def test_all_members_are_found_however_many_pages_they_fill(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = {f"connection-{number}=" for number in range(4 * ROWS_A_PAGE + 1)}
    for name in names:
        table.subscribe(connection(clock, name), channel(), clock.now())
    assert {member.connection_id for member in table.members(channel(), clock.now())} == names


def test_a_member_whose_token_has_ended_is_left_out(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    assert len(table.members(channel(), one.principal.expires - 1)) == 1
    assert table.members(channel(), one.principal.expires) == []


def test_a_member_whose_token_has_ended_is_given_to_who_asks_for_the_ended_while_its_row_lives(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    clock.sleep(3_601)
    assert [each.connection_id for each in table.members(channel(), clock.now(), ended=True)] == [one.id]
    clock.sleep(7_200)
    assert table.members(channel(), clock.now(), ended=True) == []


def test_a_member_says_when_it_subscribed_last_and_never_a_time_before_that(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    for _ in range(3):
        clock.sleep(7.777)
        table.subscribe(one, channel(), clock.now())
        (member,) = table.members(channel(), clock.now())
        assert 0 <= member.renewed - clock.now() <= 1_000


def test_whether_a_channel_has_members_is_told_by_those_that_have_not_ended(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    assert not table.has_members(channel(), clock.now())
    for number in range(2 * ROWS_A_PAGE + 1):  # pages of those that have ended come first
        ended = replace(
            connection(clock, f"a{number}="), principal=Principal("acme", "ada", expires=clock.now() + 1_000)
        )
        table.subscribe(ended, channel(), clock.now())
    assert table.has_members(channel(), clock.now())
    clock.sleep(1)
    assert not table.has_members(channel(), clock.now())
    table.subscribe(connection(clock, "z="), channel(), clock.now())
    assert table.has_members(channel(), clock.now())
    assert not table.has_members(channel("2"), clock.now())
    assert not table.has_members(channel(tenant="other"), clock.now())
    clock.sleep(7_801)
    assert not table.has_members(channel(), clock.now())


def test_the_audiences_of_many_channels_are_their_members_in_order_the_ended_too(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    channels = [channel(f'{{"service":["{number}"]}}') for number in range(40)]
    for number, each in enumerate(channels):
        for member in range(number % 3):
            table.subscribe(connection(clock, f"{number}-{member}"), each, clock.now())
    clock.sleep(3_601)

    found = table.audiences(channels, clock.now())

    assert [sorted(member.connection_id for member in members) for members in found] == [
        [f"{number}-{member}" for member in range(number % 3)] for number in range(40)
    ]
    assert table.audiences([], clock.now()) == []


def test_parts_of_the_members_are_disjoint_and_together_all(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = sorted(f"connection-{number}=" for number in range(30))
    for name in names:
        table.subscribe(connection(clock, name), channel(), clock.now())
    for count in (1, 2, 8, 16):
        parts = [table.members(channel(), clock.now(), part=(number, count)) for number in range(count)]
        assert sorted(member.connection_id for part in parts for member in part) == names


def test_channels_that_differ_only_in_what_they_conflate_have_members_of_their_own(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one, latest = connection(clock), channel("2", conflate="service")
    table.subscribe(one, channel("1"), clock.now())
    table.subscribe(one, latest, clock.now())
    assert set(table.subscriptions(one.id)) == {channel("1"), latest}
    assert set(table.changes("acme", 0).added) == {channel("1"), latest}
    assert set(table.changes("acme", 1).added) == {latest}


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


@pytest.mark.parametrize("other", ["acme#", "acme#00", "#acme", "acme%23", "acm\u00e9", ""])
def test_a_tenant_sees_nothing_of_a_tenant_whose_name_runs_into_its_own(
    table: ConnectionTable, clock: MemoryClock, other: str
) -> None:
    mine = channel("1", tenant="acme")
    theirs = Channel(other, mine.filter, mine.id)
    table.subscribe(connection(clock, "theirs=", tenant=other), theirs, clock.now())
    assert table.members(mine, clock.now()) == []
    assert table.changes("acme", 0).added == []
    assert table.version("acme") == 0
    assert table.changes(other, 0).added == [theirs]
    assert list(table.tenants()) == [other]
    assert [member.connection_id for member in table.members(theirs, clock.now())] == ["theirs="]


@pytest.mark.parametrize("name", ["/" * 256, "客" * 111, "😀" * 83])
def test_a_tenant_of_the_longest_name_has_all_that_others_have(
    table: ConnectionTable, clock: MemoryClock, name: str
) -> None:
    assert fits(name)
    assert max(len(text.encode()) for text in (rows.tenant_pk(name), rows.audience_pk(name))) <= SORT_KEY
    one, wanted = connection(clock, tenant=name), channel(tenant=name)
    table.connect(one)
    table.subscribe(one, wanted, clock.now())
    table.put_late(name, clock.now(), clock.now(), clock.now() + 1_000)
    assert [each.id for each in table.connections(name, clock.now())] == [one.id]
    assert table.changes(name, 0).added == [wanted]
    assert list(table.tenants()) == [name]
    assert len(table.late(name, clock.now())) == 1


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


def test_a_ticket_of_an_api_key_names_it(table: ConnectionTable, clock: MemoryClock) -> None:
    principal = Principal("acme", "robot", clock.now() + HOUR, key="hash of the key")
    table.put_ticket("hash", principal, clock.now() + 30_000)
    assert table.take_ticket("hash", clock.now()) == principal


# --- API keys ---------------------------------------------------------------------------------


def api_key(number: int) -> ApiKey:
    return ApiKey(
        f"hash{number}", "acme", f"robot {number}", f"lk_{number}", created=number, expires=9 * HOUR
    )


def test_a_key_is_found_by_its_hash_as_it_was(table: ConnectionTable) -> None:
    table.put_key(api_key(1))
    assert table.key("hash1") == api_key(1)
    assert table.key("hash2") is None


def test_keys_are_listed_in_the_order_in_which_they_were_made(table: ConnectionTable) -> None:
    for number in (10, 9, 1_000_000_000_000, 1, 2):
        table.put_key(api_key(number))
    assert list(table.keys()) == [api_key(number) for number in (1, 2, 9, 10, 1_000_000_000_000)]


def test_a_revoked_key_says_when_and_revoking_it_again_changes_nothing(table: ConnectionTable) -> None:
    table.put_key(api_key(1))
    table.put_key(api_key(2))
    assert table.revoke_key("hash1", 17)
    assert table.revoke_key("hash1", 18)
    assert table.key("hash1") == replace(api_key(1), revoked=17)
    assert list(table.keys()) == [replace(api_key(1), revoked=17), api_key(2)]


def test_an_unknown_key_cannot_be_revoked_and_is_not_made_by_it(table: ConnectionTable) -> None:
    assert not table.revoke_key("hash", 17)
    assert table.key("hash") is None
    assert list(table.keys()) == []


# --- slow members -----------------------------------------------------------------------------


def marks(table: ConnectionTable, clock: MemoryClock) -> dict[str, int | None]:
    return {member.connection_id: member.lagged for member in table.members(channel(), clock.now())}


def test_a_member_marked_as_slow_says_so_to_the_broadcaster_and_to_its_own_connection(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    slow, quick = connection(clock, "slow="), connection(clock, "quick=")
    for one in (slow, quick):
        table.subscribe(one, channel(), clock.now())
        table.subscribe(one, channel("2"), clock.now())
    table.mark_lagged([(channel(), slow.id)], 17)
    assert marks(table, clock) == {"slow=": 17, "quick=": None}
    assert table.lagged(slow.id) == [(channel(), 17)]
    assert table.lagged(quick.id) == []
    assert {member.lagged for member in table.members(channel("2"), clock.now())} == {None}


def test_the_lowest_time_of_a_mark_is_kept(table: ConnectionTable, clock: MemoryClock) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    for since in (17, 18, 16, 17):
        table.mark_lagged([(channel(), one.id)], since)
    assert marks(table, clock) == {one.id: 16}
    assert table.lagged(one.id) == [(channel(), 16)]


def test_a_mark_does_not_bring_back_a_member_that_is_gone(table: ConnectionTable, clock: MemoryClock) -> None:
    left, cut, there = (connection(clock, name) for name in ("left=", "cut=", "there="))
    for one in (left, cut, there):
        table.subscribe(one, channel(), clock.now())
    table.unsubscribe(left.id, channel())
    table.disconnect(cut.id)
    table.mark_lagged([(channel(), name) for name in ("left=", "never=", "there=", "cut=", "there=")], 17)
    assert marks(table, clock) == {"there=": 17}
    assert [table.lagged(name) for name in ("left=", "never=", "cut=")] == [[], [], []]
    assert table.subscriptions("left=") == table.subscriptions("never=") == []


def test_marking_nobody_is_no_error(table: ConnectionTable) -> None:
    table.mark_lagged([], 17)


def test_subscribing_again_leaves_the_mark_unless_the_client_was_told_of_just_that(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one = connection(clock)
    table.subscribe(one, channel(), clock.now())
    table.mark_lagged([(channel(), one.id)], 17)
    for told in (None, 16, 18):
        table.subscribe(one, channel(), clock.now(), told)
        assert marks(table, clock) == {one.id: 17}
        assert table.lagged(one.id) == [(channel(), 17)]
    for _ in range(2):
        table.subscribe(one, channel(), clock.now(), 17)
        assert marks(table, clock) == {one.id: None}
        assert table.lagged(one.id) == []


def test_a_membership_counts_since_its_first_subscribe_and_since_the_next_once_it_was_left(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    one, first = connection(clock), clock.now()
    table.subscribe(one, channel(), first)
    clock.sleep(1)
    table.subscribe(one, channel(), clock.now())
    assert table.joined(one.id) == [(channel(), first)]
    table.unsubscribe(one.id, channel())
    table.subscribe(one, channel(), clock.now())
    assert table.joined(one.id) == [(channel(), first + 1_000)]


def test_more_than_a_transaction_takes_are_marked_and_those_that_are_gone_are_left_out(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    names = [f"connection-{number}=" for number in range(60)]
    for name in names:
        table.subscribe(connection(clock, name), channel(), clock.now())
    for gone in names[::10]:
        table.unsubscribe(gone, channel())
    table.mark_lagged([(channel(), name) for name in names[::2]], 16)
    table.mark_lagged([(channel(), name) for name in names], 17)
    assert marks(table, clock) == {
        name: 17 if number % 2 else 16 for number, name in enumerate(names) if number % 10
    }


# --- the late ledger --------------------------------------------------------------------------


def test_a_note_covers_the_minute_that_was_ingested(table: ConnectionTable, clock: MemoryClock) -> None:
    now = clock.now()
    table.put_late("acme", now, now - 10 * MINUTE + 7, now + HOUR)
    (note,) = table.late("acme", now)
    assert note == Late(now - 10 * MINUTE, now - 9 * MINUTE)


def test_notes_are_found_from_the_minute_of_their_announcing_on(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    now = clock.now()
    for minutes in range(2 * ROWS_A_PAGE + 1):
        table.put_late("acme", now + minutes * MINUTE, now - HOUR, now + 9 * HOUR)
        table.put_late("acme", now + minutes * MINUTE + 1, now - HOUR + 1, now + 9 * HOUR)
    assert len(table.late("acme", 0)) == 2 * ROWS_A_PAGE + 1
    assert len(table.late("acme", now + 2 * MINUTE + 59_999)) == 2 * ROWS_A_PAGE - 1
    assert table.late("acme", now + HOUR) == []
    assert table.late("other", 0) == []


def test_a_note_is_kept_until_it_ends(table: ConnectionTable, clock: MemoryClock) -> None:
    now = clock.now()
    table.put_late("acme", now, now - HOUR, now + HOUR)
    table.open_late("acme", "job", now - HOUR, now + HOUR)
    clock.sleep(3_599)
    assert len(table.late("acme", now)) == 2
    clock.sleep(1)
    assert table.late("acme", now) == []


def test_an_open_note_is_found_whenever_it_was_made_until_it_is_taken_back(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    now = clock.now()
    table.open_late("acme", "job#1", now - 7, now + HOUR)
    table.open_late("acme", "job", now - 9, now + HOUR)
    assert sorted(note.ingested_from for note in table.late("acme", now + HOUR)) == [now - 9, now - 7]
    assert {note.ingested_to for note in table.late("acme", now + HOUR)} == {None}
    table.close_late("acme", "job")
    table.close_late("acme", "job")
    table.close_late("other", "job#1")
    assert table.late("acme", now + HOUR) == [Late(now - 7, None)]


def test_the_notes_of_many_tenants_are_written_together_and_found_by_each(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    now, names = clock.now(), [f"tenant-{number}" for number in range(60)]
    notes = [(name, now - minutes * MINUTE) for name in names for minutes in (5, 3)]
    table.put_all_late(notes, now, now + HOUR)
    table.put_all_late(notes, now, now + HOUR)
    table.put_all_late([], now, now + HOUR)
    for name in names:
        assert [note.ingested_from for note in table.late(name, now)] == [
            (now - minutes * MINUTE) // MINUTE * MINUTE for minutes in (5, 3)
        ]


def test_many_open_notes_are_made_together_and_taken_back_together(
    table: ConnectionTable, clock: MemoryClock
) -> None:
    now, names = clock.now(), [f"job-{number}" for number in range(60)]
    table.open_all_late([("acme", name, now - 7) for name in names], now + HOUR)
    assert table.late("acme", now) == [Late(now - 7, None)] * 60
    table.close_all_late([("acme", name) for name in [*names[1:], "nobody's"]])
    table.close_all_late([])
    assert table.late("acme", now) == [Late(now - 7, None)]
    table.close_late("acme", names[0])
    assert table.late("acme", now) == []
