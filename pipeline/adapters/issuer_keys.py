"""The keys that an issuer publishes (JWKS), read seldom and never for an attacker.

PyJWT's own client asks the issuer again for every token as long as asking fails, and takes an answer
that is no key set for the token's fault; this one does neither.

Source:
    https://www.rfc-editor.org/rfc/rfc7517#section-5
"""

from __future__ import annotations

import json
from threading import Lock
from typing import TYPE_CHECKING

import jwt
import urllib3

from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.core.errors import Refused, Unavailable
from pipeline.settings import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.ports.clock import Clock

TIMEOUT = 2.0
"""Seconds for one attempt to read the keys: who waits is a client that connects."""

FRESH = 300_000
"""Milliseconds for which keys are used without asking again; a key that its issuer withdrew lives as long."""

STALE = 3_600_000
"""Milliseconds for which known keys are used while the issuer does not answer: its outage closes no door."""

COOLDOWN = 10_000
"""Milliseconds between two attempts, whatever came of the first: tokens with made-up key ids cost the issuer
nothing more. A token whose key is published just after an attempt waits as long."""

MAX_BYTES = 512 * 1024
"""Bytes of a key set; the largest of well-known issuers have some ten thousand."""

KINDS = frozenset({"RSA", "EC", "OKP"})
"""Kinds of keys that are published to check with. A shared secret (``oct``) that was published is none."""


class IssuerKeys:
    """An issuer's keys by their ids; safe to share between threads.

    Args:
        url: Where they are published. Comes from the settings; nothing in a token changes it.
        clock: By which they age.
    """

    def __init__(self, url: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._url = url
        self._clock = clock
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=TIMEOUT))
        self._lock = Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read: int | None = None
        self._asked: int | None = None
        self._trouble = "it has not been asked yet"

    def key(self, key_id: str) -> jwt.PyJWK:
        """The key of this id.

        Raises:
            Refused: ``unauthorized``; the issuer publishes no such key.
            Unavailable: The issuer's keys cannot be had, or not again so soon.
        """
        with self._lock:
            now = self._clock.now()
            if key_id not in self._keys or self._age(now) >= FRESH:
                self._ask(now)
            if self._age(now) >= STALE:
                raise Unavailable("jwks", f"The issuer's keys cannot be had ({self._trouble}): try again.")
            if key_id in self._keys:
                return self._keys[key_id]
            if self._trouble:
                raise Unavailable(
                    "jwks",
                    f"The key may be new, and the issuer cannot be asked ({self._trouble}): try again.",
                )
            raise Refused("unauthorized", "The token does not hold: its issuer publishes no key of its kid.")

    def _age(self, now: int) -> int:
        return STALE if self._read is None else now - self._read

    def _ask(self, now: int) -> None:
        """Ask the issuer, unless that was done just before; what is known is kept where it fails."""
        if self._asked is not None and now - self._asked < COOLDOWN:
            return
        self._asked = now
        try:
            self._keys = usable(self._fetched())
        except (urllib3.exceptions.HTTPError, ValueError, RecursionError, jwt.PyJWTError) as error:
            self._trouble = str(error) if isinstance(error, _UnreadableError) else type(error).__name__
            return
        self._read, self._trouble = now, ""

    def _fetched(self) -> object:
        # No redirect is followed: the address is the one that the settings name, and no other.
        answer = self._http.request("GET", self._url, redirect=False, preload_content=False)
        try:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's "OK"
                raise _UnreadableError(f"HTTP {answer.status}")
            body = answer.read(MAX_BYTES + 1)
        finally:
            answer.close()
        if len(body) > MAX_BYTES:
            raise _UnreadableError("too long")
        return json.loads(body)


class _UnreadableError(ValueError):
    """An answer that is no key set."""


def usable(published: object) -> dict[str, jwt.PyJWK]:
    """The keys of a set that may check a signature, by their ids; the others are passed over.

    Raises:
        ValueError: It is no key set, or has no such key.
        jwt.PyJWTError: The same.
    """
    listed = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(listed, list):
        raise _UnreadableError("no key set")
    found = {}
    for each in listed:
        if isinstance(each, dict) and _checks(each):
            try:
                key = jwt.PyJWK(each)
            except (jwt.PyJWTError, ValueError, TypeError):  # a key is not what it says it is
                continue
            if isinstance(key.key_id, str) and key.key_id:
                found[key.key_id] = key
    if not found:
        raise _UnreadableError("no key that checks a signature")
    return found


def _checks(published: Mapping[str, object]) -> bool:
    return (
        published.get("kty") in KINDS
        and published.get("use", "sig") == "sig"
        and published.get("alg", ALGORITHMS[0]) in ALGORITHMS
    )
