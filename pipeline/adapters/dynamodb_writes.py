"""What a DynamoDB transaction is made of."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from pipeline.adapters.dynamodb_rows import Row


@noun
class Write:
    """One write of a transaction.

    Attributes:
        row: The whole row of a put; the key of any other.
        change: The update expression of an update; empty for the others.
        condition: What must hold of the row as it is; empty when nothing must.
        values: Of the two expressions.
        names: Other names for words of DynamoDB's own, in the two expressions.
    """

    kind: str
    row: Row
    change: str = ""
    condition: str = ""
    values: Row = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def of(self, table: str) -> TransactWriteItemTypeDef:
        """This write as TransactWriteItems takes it."""
        asked: dict[str, Any] = {"TableName": table, "Item" if self.kind == "Put" else "Key": self.row}
        expressions = {
            "UpdateExpression": self.change,
            "ConditionExpression": self.condition,
            "ExpressionAttributeValues": self.values,
            "ExpressionAttributeNames": self.names,
        }
        asked |= {name: value for name, value in expressions.items() if value}
        written: TransactWriteItemTypeDef = {self.kind: asked}  # type: ignore[misc] # its kind is its name
        return written


def put(row: Row, condition: str = "", values: Row | None = None) -> Write:
    """Write a whole row."""
    return Write("Put", row, condition=condition, values=values or {})


def delete(
    key: Row, condition: str = "", values: Row | None = None, names: dict[str, str] | None = None
) -> Write:
    """Delete a row; where no condition is set, one that is not there is no error."""
    return Write("Delete", key, condition=condition, values=values or {}, names=names or {})


def check(key: Row, condition: str, values: Row) -> Write:
    """Write nothing, but let the others be written only where a row is as it must be."""
    return Write("ConditionCheck", key, condition=condition, values=values)


def update(
    key: Row, change: str, values: Row, condition: str = "", names: dict[str, str] | None = None
) -> Write:
    """Change a row."""
    return Write("Update", key, change, condition, values, names or {})


def fill(key: Row, values: Row, first: Row | None = None) -> Write:
    """Set attributes of a row, which is made where there is none; its others stay.

    Args:
        key: The row's primary key.
        values: What is set.
        first: What is set unless the row has such an attribute already.
    """
    once = first or {}
    change = [f"#{name} = :{name}" for name in values]
    change += [f"#{name} = if_not_exists(#{name}, :{name})" for name in once]
    given = {**values, **once}
    return update(
        key,
        f"SET {', '.join(change)}",
        {f":{name}": value for name, value in given.items()},
        names={f"#{name}": name for name in given},
    )
