"""The late ledger on DynamoDB: a row for each minute of announcing and minute of ingesting, and open ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.core.audience import Late
from pipeline.core.ledger import MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.adapters.dynamodb_calls import TableCalls
    from pipeline.ports.clock import Clock

LAST = "P"
"""Sorts behind ``AT#`` and ``OPEN#``."""


class DynamoLedger:
    """The ledger's part of ``ports.connections.ConnectionTable``; see ``dynamodb``."""

    _table: TableCalls
    _clock: Clock

    def put_late(self, tenant: str, announced: int, ingested: int, ends: int) -> None:
        """Note, by the minute, that what was ingested then was announced only then; kept until ``ends``."""
        self._table.put(_note(tenant, announced, ingested, ends))

    def put_all_late(self, notes: Sequence[tuple[str, int]], announced: int, ends: int) -> None:
        """The same of many (tenant, ingested): plain puts, so a batch of them asks for no condition."""
        self._table.write(puts=[_note(tenant, announced, ingested, ends) for tenant, ingested in notes])

    def open_late(self, tenant: str, job: str, ingested: int, ends: int) -> None:
        """Note that what was ingested from this time on is still being posted by a job."""
        self._table.put(_open(tenant, job, ingested, ends))

    def open_all_late(self, jobs: Sequence[tuple[str, str, int]], ends: int) -> None:
        """The same of many (tenant, job, ingested)."""
        self._table.write(puts=[_open(tenant, job, ingested, ends) for tenant, job, ingested in jobs])

    def close_late(self, tenant: str, job: str) -> None:
        """Take back what ``open_late`` noted; taking back what is not there is no error."""
        self._table.delete(_open_key(tenant, job))

    def close_all_late(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Take back what was noted of many (tenant, job)."""
        self._table.write(deletes=[_open_key(tenant, job) for tenant, job in jobs])

    def late(self, tenant: str, announced_from: int) -> Sequence[Late]:
        """Every note of what was announced in this time's minute or later, and every open one: one Query."""
        between = (rows.late_sk(announced_from // MINUTE), LAST)
        found = self._table.query(rows.late_pk(tenant), between=between, alive_at=self._clock.now())
        return [_late(row) for row in found]


def _note(tenant: str, announced: int, ingested: int, ends: int) -> rows.Values:
    minute = ingested // MINUTE
    key = rows.key(rows.late_pk(tenant), rows.late_sk(announced // MINUTE, minute))
    return key | rows.numbers(ingested=minute * MINUTE, ttl=_seconds(ends))


def _open(tenant: str, job: str, ingested: int, ends: int) -> rows.Values:
    return _open_key(tenant, job) | rows.numbers(ingested=ingested, ttl=_seconds(ends))


def _open_key(tenant: str, job: str) -> rows.Values:
    return rows.key(rows.late_pk(tenant), rows.open_sk(job))


def _late(row: rows.Row) -> Late:
    ingested = rows.number(row, "ingested")
    is_open = row["sk"]["S"].startswith("OPEN#")
    return Late(ingested, None if is_open else ingested + MINUTE)


def _seconds(ends: int) -> int:
    """The ``ttl`` of a row that is to be there until a time in milliseconds."""
    return -(-ends // 1_000)
