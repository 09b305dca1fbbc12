"""Tickets and API keys on DynamoDB, by their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.adapters.dynamodb_calls import SERVICE
from pipeline.adapters.dynamodb_writes import update
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.adapters.dynamodb_calls import TableCalls
    from pipeline.core.audience import ApiKey, Principal


class DynamoCredentials:
    """The part of ``ports.connections.ConnectionTable`` that knows what opens the door; see ``dynamodb``."""

    _table: TableCalls

    def put_ticket(self, ticket_hash: str, principal: Principal, expires: int) -> None:
        """Remember a single-use ticket by its hash."""
        self._table.put(
            rows.ticket_key(ticket_hash)
            | rows.principal_values(principal)
            | rows.numbers(ends=expires, ttl=expires // 1_000 + 1)
        )

    def take_ticket(self, ticket_hash: str, now: int) -> Principal | None:
        """Use a ticket up: its principal the first time before it ends, None ever after.

        Where the answer to the delete is lost, the SDK's second attempt finds no ticket: in doubt a
        ticket is used up, never usable twice.
        """
        row = self._table.take_if(
            "attribute_exists(pk) AND ends > :now",
            rows.numbers(**{":now": now}),
            rows.ticket_key(ticket_hash),
        )
        return None if row is None else rows.principal(row)

    def put_key(self, key: ApiKey) -> None:
        """Remember an API key by its hash, and among all."""
        values = rows.api_key_values(key)
        listed = rows.api_key_list_key(key.created, key.hash)
        self._table.write(puts=[rows.api_key_key(key.hash) | values, listed | values])

    def key(self, key_hash: str) -> ApiKey | None:
        """The key, revoked or not, or None."""
        row = self._table.get(rows.api_key_key(key_hash))
        return None if row is None else rows.api_key(row)

    def keys(self) -> Iterator[ApiKey]:
        """Every key, in the order in which they were made."""
        return map(rows.api_key, self._table.query(rows.KEYS))

    def revoke_key(self, key_hash: str, now: int) -> bool:
        """Mark a key as revoked; False where there is none. The first time it was revoked stays.

        Raises:
            Unavailable: Somebody else is writing the same key.
        """
        key = self.key(key_hash)
        if key is None:
            return False
        change, values = "SET revoked = if_not_exists(revoked, :now)", rows.numbers(**{":now": now})
        places = (rows.api_key_key(key_hash), rows.api_key_list_key(key.created, key_hash))
        if self._table.together(*(update(place, change, values) for place in places)):
            raise Unavailable(SERVICE, "somebody else is writing the same key: try again")
        return True
