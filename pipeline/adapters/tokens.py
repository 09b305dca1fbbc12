"""Bearer tokens, checked by PyJWT.

What is accepted comes from the settings alone, never from the token: RFC 8725. Of its header only
``alg`` is held against those allowed, and ``kid`` names one of the keys that are there; what else may
stand in it (``jku``, ``x5u``, ``jwk``) is not looked at.
https://www.rfc-editor.org/rfc/rfc8725
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from pipeline.adapters.issuer_keys import IssuerKeys
from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Settings

LEEWAY = 30
"""Seconds by which the issuer's clock may differ from ours."""

MAX_TOKEN = 8_192
"""Characters of a token; API Gateway takes 10,240 bytes of headers together.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

REQUIRED = ["exp", "iss", "aud", "sub"]


class JwtTokens:
    """The Tokens port over one issuer.

    Args:
        settings: What holds for its tokens.
        keys: The issuer's keys; None where the settings' development secret signs.
    """

    def __init__(self, settings: Settings, keys: IssuerKeys | None) -> None:
        self._settings = settings
        self._keys = keys

    def claims(self, token: str) -> Mapping[str, object]:
        """See the port."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise Refused("unauthorized", f"The token is no JWT of at most {MAX_TOKEN} characters.")
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
        except jwt.PyJWTError as error:
            raise Refused("unauthorized", f"The token does not hold: {error}.") from error
        return claims

    def _key(self, token: str) -> jwt.PyJWK | str:
        if self._keys:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self._settings.jwt_algorithms:
                raise jwt.InvalidAlgorithmError("The specified alg value is not allowed")
            return self._keys.key(header.get("kid", ""))
        if not self._settings.development_secret:
            raise Refused("unauthorized", "No issuer is configured: set LIVEDEX_JWKS_URL.")
        return self._settings.development_secret


def connect(settings: Settings) -> JwtTokens:
    """Tokens as the settings want them."""
    return JwtTokens(settings, IssuerKeys(settings.jwks_url) if settings.jwks_url else None)
