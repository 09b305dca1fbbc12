"""AWS Signature Version 4 for short requests without a query, at a twentieth of botocore's cost.

The signing key depends on the day, not on the request, and is kept; botocore derives it anew each
time and builds its request objects around it (116 µs a request, here about 5).

Source:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


def signed_headers(
    method: str,
    host: str,
    path: str,
    body: bytes,
    *,
    keys: ReadOnlyCredentials,
    scope: tuple[str, str],
    stamp: str,
) -> dict[str, str]:
    """The headers that make a request ours, byte for byte those of botocore's ``SigV4Auth``.

    Args:
        method: Upper case.
        host: As the ``Host`` header says it, with the port unless it is the scheme's own.
        path: As it is sent, percent-encoded once, without ``//``, ``.`` and ``..``; no query.
        body: What is sent, or ``b""``.
        keys: The credentials; a token makes a header of its own.
        scope: Region and service, such as ``("us-east-1", "execute-api")``.
        stamp: The time as ``YYYYMMDDTHHMMSSZ``, UTC; AWS takes it for five minutes either way.
    """
    names, lines = "host;x-amz-date", f"host:{host}\nx-amz-date:{stamp}\n"
    headers = {"Host": host, "X-Amz-Date": stamp}
    if keys.token:
        names, lines = f"{names};x-amz-security-token", f"{lines}x-amz-security-token:{keys.token}\n"
        headers["X-Amz-Security-Token"] = keys.token
    request = f"{method}\n{_canonical(path)}\n\n{lines}\n{names}\n{_digest(body)}"

    day, (region, service) = stamp[:8], scope
    credential_scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{credential_scope}\n{sha256(request.encode()).hexdigest()}"
    signature = _keyed(keys.secret_key, day, region, service).copy()
    signature.update(to_sign.encode())
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{credential_scope}, "
        f"SignedHeaders={names}, Signature={signature.hexdigest()}"
    )
    return headers


@lru_cache(maxsize=16_384)
def _canonical(path: str) -> str:
    """AWS's canonical path: the one that is sent, encoded once more. Who listens gets frame after frame."""
    return quote(path, safe="/~")


@lru_cache(maxsize=64)
def _digest(body: bytes) -> str:
    """A frame goes to all members of a channel, so it is hashed once for many of them."""
    return sha256(body).hexdigest()


@lru_cache(maxsize=8)
def _keyed(secret: str, day: str, region: str, service: str) -> hmac.HMAC:
    """A HMAC that has taken in the signing key, to be copied."""
    key = _hmac(f"AWS4{secret}".encode(), day)
    return hmac.new(_hmac(_hmac(_hmac(key, region), service), "aws4_request"), digestmod="sha256")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
