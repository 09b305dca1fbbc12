"""Development tokens: what an identity provider would issue, signed with the local stack's own secret."""

from __future__ import annotations

import jwt

ISSUER = "livedex-local"
AUDIENCE = "livedex"
ALGORITHM = "HS256"


def mint(secret: str, *, tenant: str, subject: str, now: int, ttl: int) -> str:
    """A JWT that the local stack takes. The AWS target refuses the secret, so it takes none of these.

    Args:
        secret: The stack's development secret.
        tenant: Whose events its bearer may see.
        subject: Who the bearer is.
        now: Seconds since the epoch.
        ttl: Seconds until it expires.
    """
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "iat": now,
        "exp": now + ttl,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)
