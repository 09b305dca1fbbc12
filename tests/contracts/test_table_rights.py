"""What each function asks of the table, held against what its role in ``template.yaml`` lets it do.

The emulator enforces no IAM, so every request is noted, and judged here by its action and by the partition
keys that it names.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import decode

from pipeline.adapters.dynamodb_shards import COUNTING
from pipeline.core.audience import in_part
from pipeline.local import places
from tests.contracts.audiences import channel, connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.adapters.memory import MemoryClock

ROLES: dict[str, Any] = decode(str(places.PROJECT / "template.yaml"))[0]["Resources"]

COUNTS = next(name for number in range(9 * COUNTING) if in_part(name := f"{number}=", (0, COUNTING)))
"""A connection that counts whether its channel is crowded."""


def asked(operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions that a request needs, each with the partition key that it is about."""
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            ((kind, write),) = item.items()
            action = kind if kind == "ConditionCheck" else kind.replace("Condition", "")
            yield f"{action}Item", write.get("Key", write.get("Item"))["pk"]["S"]
    elif operation == "BatchWriteItem":
        for (writes,) in [params["RequestItems"].values()]:
            for each in writes:
                (write,) = each.values()
                yield operation, write.get("Key", write.get("Item"))["pk"]["S"]
    elif operation == "BatchGetItem":
        for (reads,) in [params["RequestItems"].values()]:
            for key in reads["Keys"]:
                yield operation, key["pk"]["S"]
    elif operation == "Query":
        yield operation, params["ExpressionAttributeValues"][":pk"]["S"]
    else:
        yield operation, params.get("Key", params.get("Item"))["pk"]["S"]


def allowed(function: str, action: str, key: str) -> bool:
    (policy, *_) = ROLES[f"{function}Role"]["Properties"]["Policies"]
    return any(
        f"dynamodb:{action}" in each["Action"]
        and any(
            fnmatchcase(key, kind)
            for kind in each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        )
        for each in policy["PolicyDocument"]["Statement"]
        if "Condition" in each
    )


@pytest.mark.parametrize(
    "function",
    ["Authorize", "Broadcast", "Clean", "Connect", "Disconnect", "Fanout", "Message", "Query", "Ticket"],
)
def test_a_function_may_ask_the_table_what_it_does_and_may_not_ask_for_anybodys_keys(
    live_table: DynamoConnectionTable, client: DynamoDBClient, clock: MemoryClock, function: str
) -> None:
    table, now, wanted = live_table, clock.now(), channel("1")
    one = connection(clock, COUNTS)
    table.connect(one)
    given = table.connection(one.id)
    assert given is not None
    table.subscribe(given, wanted, now)
    table.subscribe(given, channel("2"), now)
    noted: set[tuple[str, str]] = set()

    def note(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        noted.update(asked(model.name, params))

    client.meta.events.register("provide-client-params.dynamodb.*", note)
    marks: list[Callable[[], object]] = [
        lambda: table.members(wanted, now, ended=True),
        lambda: table.mark_lagged([(wanted, one.id)], now),
        lambda: table.put_late("acme", now, now, now),
        lambda: table.open_late("acme", "job", now, now),
        lambda: table.close_late("acme", "job"),
        lambda: table.put_all_late([("acme", now)], now, now),
        lambda: table.open_all_late([("acme", "job", now)], now),
        lambda: table.close_all_late([("acme", "job")]),
        lambda: table.disconnect(one.id),
    ]
    calls: dict[str, list[Callable[[], object]]] = {
        "Authorize": [lambda: table.take_ticket("hash", now), lambda: table.key("hash")],
        "Broadcast": [
            lambda: table.version("acme"),
            lambda: table.versions(["acme", "other"]),
            lambda: table.changes("acme", 0),
            lambda: table.audiences([wanted, channel("2")], now),
            *marks,
        ],
        "Clean": [
            lambda: list(table.tenants()),
            lambda: [table.has_members(each, now) for each, _ in table.touched("acme")],
            lambda: [table.remove_channel(each, touch) for each, touch in list(table.touched("acme"))],
            lambda: clock.sleep(3_601),
            lambda: table.settle("acme"),
        ],
        "Connect": [
            lambda: table.connect(connection(clock, "two=")),
            lambda: table.disconnect("two="),
            lambda: table.key("hash"),
        ],
        "Disconnect": [lambda: table.disconnect(one.id)],
        "Fanout": marks,
        "Message": [
            lambda: table.connection(one.id),
            lambda: table.key("hash"),
            lambda: table.subscriptions(one.id),
            lambda: table.is_registered(channel("3")),
            lambda: table.weight("acme"),
            lambda: table.subscribe(given, channel("3"), now),
            lambda: table.subscribe(given, wanted, now - 1),
            lambda: table.subscribe(given, channel("3", tenant="new"), now),
            lambda: table.lagged(one.id),
            lambda: table.joined(one.id),
            lambda: table.subscribe(given, wanted, now, now),
            lambda: table.late("acme", now),
            lambda: table.unsubscribe(one.id, wanted),
            lambda: table.disconnect(one.id),
        ],
        "Query": [lambda: table.key("hash"), lambda: table.late("acme", now)],
        "Ticket": [lambda: table.key("hash"), lambda: table.put_ticket("hash", one.principal, now)],
    }
    for call in calls[function]:
        call()

    assert noted
    assert {each for each in noted if not allowed(function, *each)} == set()
    assert not allowed(function, "Query", "KEYS")
    assert not any(allowed(function, "GetItem", key) for key in ("TICKET#a", "KEYS", "OTHER#a"))
    assert not any(
        allowed(function, action, "KEY#a") for action in ("PutItem", "UpdateItem", "BatchWriteItem")
    )
