"""The texts of new tickets and API keys, which nobody can guess."""

from __future__ import annotations

import secrets

from pipeline.core.authorize import KEY_PREFIX

TICKET_BYTES = 32
"""Randomness of a ticket; 256 bits cannot be guessed."""

KEY_BYTES = 16
"""Randomness of an API key; 128 bits cannot be guessed either, and people copy it."""


def ticket() -> str:
    """A new ticket."""
    return secrets.token_urlsafe(TICKET_BYTES)


def api_key() -> str:
    """A new API key."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
