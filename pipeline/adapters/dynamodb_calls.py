"""DynamoDB calls on one table: whole answers, strongly consistent, page by page; nothing here scans."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pipeline.adapters import aws
from pipeline.adapters.dynamodb_many import side_by_side
from pipeline.adapters.dynamodb_rows import numbers, texts
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        QueryInputPaginateTypeDef,
        TransactWriteItemTypeDef,
        WriteRequestUnionTypeDef,
    )

    from pipeline.adapters.dynamodb_rows import Row
    from pipeline.adapters.dynamodb_writes import Write
    from pipeline.ports.clock import Clock

SERVICE = "DynamoDB"

BATCH = 25
"""Writes a BatchWriteItem call.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""

READ_BATCH = 100
"""Rows a BatchGetItem call.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

TRIES = 8
"""Attempts at a write that others may be in the way of: with the pauses between, 6 to 13 seconds."""

PAUSE = 0.05
"""Seconds before the second attempt, up to half of them left to chance; doubles each time."""

_MAY_BE_TRIED_AGAIN = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})


class TableCalls:
    """One table.

    Each method raises ``Unavailable`` when the table could not be read or written.

    Args:
        client: Safe to share between threads.
        name: The table's name.
        clock: For the pauses between attempts.
        page: Rows a page of a Query; None leaves it at DynamoDB's 1 MB.
    """

    def __init__(self, client: DynamoDBClient, name: str, clock: Clock, page: int | None) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._page = page

    # --- reads --------------------------------------------------------------------------------

    def get(self, key: Row) -> Row | None:
        """The row, or None."""
        with aws.failing_as(SERVICE):
            return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")

    def get_all(self, keys: Sequence[Row]) -> list[Row]:
        """Those of these rows, each named once, that are there; in no order."""
        parts = [keys[start : start + READ_BATCH] for start in range(0, len(keys), READ_BATCH)]
        return list(chain.from_iterable(side_by_side(self._get_batch, parts)))

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        alive_at: int | None = None,
        ended_at: int | None = None,
        page: int | None = None,
    ) -> Iterator[Row]:
        """The rows under a partition key, by their sort keys.

        Args:
            pk: The partition key.
            prefix: What their sort keys begin with.
            between: The lowest and the highest sort key.
            page: How many are read at once, for who may stop at one of them; as made with, if that is fewer.
            alive_at: Only those without a ``ttl``, or whose ``ttl`` is after this time, in milliseconds.
            ended_at: Only the others.
        """
        condition, values = "pk = :pk", texts(**{":pk": pk})
        if prefix:
            condition += " AND begins_with(sk, :prefix)"
            values |= texts(**{":prefix": prefix})
        if between:
            condition += " AND sk BETWEEN :low AND :high"
            values |= texts(**{":low": between[0], ":high": between[1]})
        asked: QueryInputPaginateTypeDef = {
            "TableName": self._name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
        }
        if alive_at is not None:
            # `ttl` is a word of DynamoDB's own and needs another name in expressions.
            asked["FilterExpression"] = "attribute_not_exists(#ttl) OR #ttl > :now"
            asked["ExpressionAttributeNames"] = {"#ttl": "ttl"}
            values |= numbers(**{":now": alive_at // 1_000})
        if ended_at is not None:
            asked["FilterExpression"] = "#ttl <= :now"
            asked["ExpressionAttributeNames"] = {"#ttl": "ttl"}
            values |= numbers(**{":now": ended_at // 1_000})
        asked["ExpressionAttributeValues"] = values
        pages = [size for size in (self._page, page) if size is not None]
        if pages:
            asked["PaginationConfig"] = {"PageSize": min(pages)}
        with aws.failing_as(SERVICE):
            for found in self._client.get_paginator("query").paginate(**asked):
                yield from found["Items"]

    def count(self, pk: str, *, alive_at: int, most: int) -> int:
        """Count the rows under a partition key whose ``ttl`` and ``expires`` are after a time.

        Page by page until there are so many. Eventually consistent, so at half the price, and no row is
        sent to us.

        Args:
            alive_at: Milliseconds since the epoch.
        """
        asked: QueryInputPaginateTypeDef = {
            "TableName": self._name,
            "Select": "COUNT",
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "#ttl > :seconds AND expires > :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": texts(**{":pk": pk})
            | numbers(**{":seconds": alive_at // 1_000, ":now": alive_at}),
        }
        if self._page is not None:
            asked["PaginationConfig"] = {"PageSize": self._page}
        there = 0
        with aws.failing_as(SERVICE):
            for found in self._client.get_paginator("query").paginate(**asked):
                there += found["Count"]
                if there >= most:
                    break
        return there

    def has(self, pk: str, prefix: str, count: int) -> bool:
        """Whether there are so many rows whose sort keys begin so; those that have ended count too.

        Args:
            count: As many rows as fit into a page of DynamoDB's (1 MB).
        """
        with aws.failing_as(SERVICE):
            answer = self._client.query(
                TableName=self._name,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=texts(**{":pk": pk, ":prefix": prefix}),
                Select="COUNT",
                Limit=count,
            )
        return answer["Count"] >= count

    # --- writes -------------------------------------------------------------------------------

    def write(self, *, puts: Sequence[Row] = (), deletes: Sequence[Row] = ()) -> None:
        """Put rows and delete keys, no row twice, in no order; deleting what is not there is no error.

        What fails says nothing of the other batches: some may be written.
        """
        writes: list[WriteRequestUnionTypeDef] = [{"PutRequest": {"Item": row}} for row in puts]
        writes += [{"DeleteRequest": {"Key": key}} for key in deletes]
        parts = [writes[start : start + BATCH] for start in range(0, len(writes), BATCH)]
        side_by_side(self._write_batch, parts)

    def put(self, row: Row) -> None:
        """Write one row."""
        with aws.failing_as(SERVICE):
            self._client.put_item(TableName=self._name, Item=row)

    def delete(self, key: Row) -> None:
        """Delete one row; one that is not there is no error."""
        with aws.failing_as(SERVICE):
            self._client.delete_item(TableName=self._name, Key=key)

    def together(self, *writes: Write) -> tuple[str, ...]:
        """Do all of these writes, of different rows, or none.

        Returns:
            Nothing where all were done; else for each in order ``None``, ``ConditionalCheckFailed``, or
            ``TransactionConflict`` where others held its row.
        """
        items: list[TransactWriteItemTypeDef] = [write.of(self._name) for write in writes]
        with aws.failing_as(SERVICE):
            try:
                self._client.transact_write_items(TransactItems=items)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = error.response.get("CancellationReasons", [])
                codes = tuple(reason.get("Code", "") for reason in reasons)
                if codes and _MAY_BE_TRIED_AGAIN.issuperset(codes):
                    return codes
                raise
        return ()

    def change_if(
        self, condition: str, key: Row, name: str, change: str, value: int
    ) -> tuple[bool, Row | None]:
        """Change an attribute of a row if the condition holds for it.

        Args:
            condition: Where ``#name`` is the attribute and ``:value`` the value.
            change: What it becomes, in the same words.

        Returns:
            Whether it was done; and where the condition did not hold, the row as it is, if it is there.
            Not done may also mean that a transaction held the row.
        """
        with aws.failing_as(SERVICE):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression=f"SET #name = {change}",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues=numbers(**{":value": value}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                found: Row | None = error.response.get("Item")  # type: ignore[assignment] # the row, of course
                return False, found
            except self._client.exceptions.TransactionConflictException:
                return False, None
        return True, None

    def take_if(self, condition: str, values: Row, key: Row) -> Row | None:
        """Delete a row if the condition holds for it, and hand it over; None where it does not."""
        with aws.failing_as(SERVICE):
            try:
                answer = self._client.delete_item(
                    TableName=self._name,
                    Key=key,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
        return answer["Attributes"]

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt, longer each time."""
        self._clock.sleep(PAUSE * 2**attempt * (1 - self._clock.jitter() / 2))

    def _get_batch(self, keys: Sequence[Row]) -> list[Row]:
        found: list[Row] = []
        for attempt in range(TRIES):
            with aws.failing_as(SERVICE):
                answer = self._client.batch_get_item(
                    RequestItems={self._name: {"Keys": keys, "ConsistentRead": True}}
                )
            found += answer["Responses"].get(self._name, [])
            left = answer["UnprocessedKeys"].get(self._name)
            if not left:
                return found
            keys = left["Keys"]
            self.pause(attempt)
        raise Unavailable(SERVICE, f"{len(keys)} rows of {self._name} were left unread, again and again")

    def _write_batch(self, writes: Sequence[WriteRequestUnionTypeDef]) -> None:
        for attempt in range(TRIES):
            with aws.failing_as(SERVICE):
                answer = self._client.batch_write_item(RequestItems={self._name: writes})
            writes = answer.get("UnprocessedItems", {}).get(self._name, [])
            if not writes:
                return
            self.pause(attempt)
        raise Unavailable(SERVICE, f"{len(writes)} rows of {self._name} were left unwritten, again and again")
