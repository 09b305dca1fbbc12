"""An issuer of tokens: its keys, what it publishes, and what it signs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

ISSUER = "https://issuer.example.com/"
FAR = 4_102_444_800
"""2100, in seconds: PyJWT reads the real clock."""

KEYS: dict[str, tuple[str, PrivateKeyTypes]] = {
    "rsa": ("RS256", rsa.generate_private_key(65_537, 2_048)),
    "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    "other": ("RS256", rsa.generate_private_key(65_537, 2_048)),
}
"""By their ids; ``other`` is never published."""


def claims(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """Those of a good token; None leaves one out."""
    good = {"iss": ISSUER, "aud": "livedex", "sub": "ann", "tenant": "acme", "exp": FAR}
    return {name: value for name, value in {**good, **more}.items() if value is not None}


def signed(key_id: str = "rsa", headers: dict[str, Any] | None = None, **more: Any) -> str:  # noqa: ANN401 - JSON values
    """A token as the issuer signs it; what is given changes its claims, and ``headers`` its header."""
    algorithm, key = KEYS[key_id]
    body = json.dumps(claims(**more)).encode()  # PyJWT's own ``encode`` refuses some of what is to be refused
    return jwt.PyJWS().encode(body, key, algorithm, {"kid": key_id, **(headers or {})})  # type: ignore[arg-type]


def published(*key_ids: str) -> dict[str, Any]:
    """The issuer's key set."""
    return {"keys": [jwk(key_id) for key_id in key_ids or ("rsa", "ec", "ed")]}


def jwk(key_id: str) -> dict[str, Any]:
    """A public key as it is published."""
    algorithm, key = KEYS[key_id]
    kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    public = json.loads(kinds[algorithm].to_jwk(key.public_key()))
    return {**public, "kid": key_id, "use": "sig", "alg": algorithm}


class Site:
    """Where the issuer publishes.

    Attributes:
        url: Of its key set.
        body: What is published, or bytes as they are sent.
        status: With which status.
        asked: The paths that were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.body: dict[str, Any] | bytes = published()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []


@contextmanager
def site() -> Iterator[Site]:
    """An issuer's site on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            body = here.body if isinstance(here.body, bytes) else json.dumps(here.body).encode()
            self.send_response(here.status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = Site(f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()
