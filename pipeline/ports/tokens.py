"""Who somebody says to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tokens(Protocol):
    """Bearer tokens (JWT)."""

    def claims(self, token: str) -> Mapping[str, object]:
        """The claims of a token whose signature, issuer, audience and times hold.

        Raises:
            Refused: ``unauthorized``, with what does not hold.
            Unavailable: The issuer's keys cannot be had.
        """
