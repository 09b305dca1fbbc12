"""Bearer tokens, checked by PyJWT.

What is accepted comes from the settings alone, never from the token: RFC 8725.
https://www.rfc-editor.org/rfc/rfc8725
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from pipeline.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Settings

LEEWAY = 30
"""Seconds by which the issuer's clock may differ from ours."""

KEYS_TIMEOUT = 2
"""Seconds to wait for the issuer's keys; PyJWT's own default of 30 would outlive the function.
https://pyjwt.readthedocs.io/en/stable/api.html#jwt.PyJWKClient"""

REQUIRED = ["exp", "iss", "aud", "sub"]


class JwtTokens:
    """The Tokens port over one issuer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = jwt.PyJWKClient(settings.jwks_url, timeout=KEYS_TIMEOUT) if settings.jwks_url else None

    def claims(self, token: str) -> Mapping[str, object]:
        """See the port."""
        try:
            claims: dict[str, object] = jwt.decode(
                token,
                self._key(token),
                algorithms=list(self._settings.jwt_algorithms),
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("jwks", "The issuer's keys cannot be had just now: try again.") from error
        except jwt.PyJWTError as error:
            raise Refused("unauthorized", f"The token does not hold: {error}.") from error
        return claims

    def _key(self, token: str) -> jwt.PyJWK | str:
        if self._keys:
            return self._keys.get_signing_key_from_jwt(token)
        if not self._settings.development_secret:
            raise Refused("unauthorized", "No issuer is configured: set LIVEDEX_JWKS_URL.")
        return self._settings.development_secret


def connect(settings: Settings) -> JwtTokens:
    """Tokens as the settings want them."""
    return JwtTokens(settings)
