"""DynamoDB calls on one table: whole answers, strongly consistent, page by page; nothing here scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import aws
from pipeline.adapters.dynamodb_rows import numbers, texts
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        PutTypeDef,
        QueryInputPaginateTypeDef,
        TransactWriteItemTypeDef,
        WriteRequestUnionTypeDef,
    )

    from pipeline.adapters.dynamodb_rows import Row
    from pipeline.ports import Clock

SERVICE = "DynamoDB"

BATCH = 25
"""Writes a BatchWriteItem call.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""

TRIES = 8
"""Attempts at a write that others may be in the way of: with the pauses between, 6 to 13 seconds."""

PAUSE = 0.05
"""Seconds before the second attempt, up to half of them left to chance; doubles each time."""


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

    def get(self, key: Row) -> Row | None:
        """The row, or None."""
        with aws.failing_as(SERVICE):
            return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")

    def query(self, pk: str, prefix: str = "", alive_at: int | None = None) -> Iterator[Row]:
        """The rows under a partition key.

        Args:
            pk: The partition key.
            prefix: What their sort keys begin with.
            alive_at: Only those whose ``ttl`` is after this time, in milliseconds.
        """
        condition, values = "pk = :pk", {":pk": pk}
        if prefix:
            condition, values = "pk = :pk AND begins_with(sk, :prefix)", {":pk": pk, ":prefix": prefix}
        asked: QueryInputPaginateTypeDef = {
            "TableName": self._name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": texts(**values),
        }
        if alive_at is not None:
            # `ttl` is a word of DynamoDB's own and needs another name in expressions.
            asked["FilterExpression"] = "#ttl > :now"
            asked["ExpressionAttributeNames"] = {"#ttl": "ttl"}
            asked["ExpressionAttributeValues"] = texts(**values) | numbers(**{":now": alive_at // 1_000})
        if self._page is not None:
            asked["PaginationConfig"] = {"PageSize": self._page}
        with aws.failing_as(SERVICE):
            for page in self._client.get_paginator("query").paginate(**asked):
                yield from page["Items"]

    def put(self, row: Row) -> None:
        """Write one row."""
        with aws.failing_as(SERVICE):
            self._client.put_item(TableName=self._name, Item=row)

    def put_together(self, *rows: Row) -> None:
        """Write all of these rows or none."""
        with aws.failing_as(SERVICE):
            self._client.transact_write_items(
                TransactItems=[{"Put": {"TableName": self._name, "Item": row}} for row in rows]
            )

    def put_together_if(self, condition: str, values: Row, guarded: Row, *others: Row) -> bool:
        """Write all of these rows if the condition holds for the guarded one; whether it was done.

        Not done may also mean that another transaction held one of the rows.
        """
        puts: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._name, "Item": row}} for row in others
        ]
        guard: PutTypeDef = {
            "TableName": self._name,
            "Item": guarded,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        with aws.failing_as(SERVICE):
            try:
                self._client.transact_write_items(TransactItems=[{"Put": guard}, *puts])
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
                if reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                    return False
                raise
        return True

    def set_if(self, condition: str, key: Row, name: str, value: int) -> bool:
        """Set one attribute of a row if the condition holds for it; whether it was done.

        Not done may also mean that a transaction held the row.
        """
        with aws.failing_as(SERVICE):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression="SET #name = :value",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues=numbers(**{":value": value}),
                )
            except (
                self._client.exceptions.ConditionalCheckFailedException,
                self._client.exceptions.TransactionConflictException,
            ):
                return False
        return True

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

    def delete(self, keys: Sequence[Row]) -> None:
        """Delete these rows, in no order; one that is not there is no error."""
        for start in range(0, len(keys), BATCH):
            self._delete_batch([{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]])

    def _delete_batch(self, writes: Sequence[WriteRequestUnionTypeDef]) -> None:
        for attempt in range(TRIES):
            with aws.failing_as(SERVICE):
                answer = self._client.batch_write_item(RequestItems={self._name: writes})
            writes = answer.get("UnprocessedItems", {}).get(self._name, [])
            if not writes:
                return
            self.pause(attempt)
        raise Unavailable(SERVICE, f"{len(writes)} rows of {self._name} were left undeleted, again and again")

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt, longer each time."""
        self._clock.sleep(PAUSE * 2**attempt * (1 - self._clock.jitter() / 2))
