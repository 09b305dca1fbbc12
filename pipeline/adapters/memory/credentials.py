"""Tickets and API keys in dictionaries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import ApiKey, Principal


class MemoryCredentials:
    """The part of ``ports.connections.ConnectionTable`` that knows what opens the door."""

    def __init__(self) -> None:
        self._tickets: dict[str, tuple[Principal, int]] = {}
        self._keys: dict[str, ApiKey] = {}

    def put_ticket(self, ticket_hash: str, principal: Principal, expires: int) -> None:
        """Remember a single-use ticket by its hash."""
        self._tickets[ticket_hash] = (principal, expires)

    def take_ticket(self, ticket_hash: str, now: int) -> Principal | None:
        """Use a ticket up: its principal the first time before it ends, None ever after."""
        principal, ends = self._tickets.get(ticket_hash, (None, 0))
        if ends <= now or self._tickets.pop(ticket_hash, None) is None:  # one step, whoever else asks
            return None
        return principal

    def put_key(self, key: ApiKey) -> None:
        """Remember an API key by its hash."""
        self._keys[key.hash] = key

    def key(self, key_hash: str) -> ApiKey | None:
        """The key, revoked or not, or None."""
        return self._keys.get(key_hash)

    def keys(self) -> Iterator[ApiKey]:
        """Every key, in the order in which they were made."""
        return iter(sorted(self._keys.values(), key=lambda key: (key.created, key.hash)))

    def revoke_key(self, key_hash: str, now: int) -> bool:
        """Mark a key as revoked; False where there is none. The first time it was revoked stays."""
        key = self._keys.get(key_hash)
        if key and key.revoked is None:
            self._keys[key_hash] = replace(key, revoked=now)
        return key is not None
