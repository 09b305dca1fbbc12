"""A gate before a real OpenSearch that lets in what AWS would let in: what is signed as the service wants.

Each signature is computed again from the bytes that came, by botocore's own signer.

Source:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-clients.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.local.server import Handler, Server

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

SKEW = timedelta(minutes=5)
"""How far the time of a signature may be from now, either way."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?"
    r"SignedHeaders=(?P<names>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Seen:
    """A request as it crossed the wire, its headers' names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class SignatureGate(Server):
    """The gate.

    Args:
        upstream: The real OpenSearch.
        service: ``es`` or ``aoss``, whose rules hold.
        keys: The credentials that are valid; may be changed at any time, and the old ones are refused.

    Attributes:
        let_in: The access keys of the requests that were let in.
        refused: Why requests were not.
    """

    def __init__(self, upstream: str, service: str, region: str, keys: ReadOnlyCredentials) -> None:
        self.keys = keys
        self.let_in: list[str] = []
        self.refused: list[str] = []
        self.service, self.upstream = service, upstream
        self._region = region
        self._lock = Lock()
        super().__init__(_Handler)

    def judge(self, request: Seen) -> str | None:
        """Why the request is refused, or None."""
        why = self._objection(request)
        with self._lock:
            if why:
                self.refused.append(why)
            else:
                self.let_in.append(str(self.keys.access_key))
        return why

    def _objection(self, request: Seen) -> str | None:  # noqa: PLR0911 - a rule, a return
        stated = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if not stated:
            return "no signature"
        names = stated["names"].split(";")
        stamp = request.headers.get("x-amz-date", "")
        if not {"host", "x-amz-date"} <= set(names):
            return "host or x-amz-date is not signed"
        if (stated["region"], stated["service"], stated["day"]) != (self._region, self.service, stamp[:8]):
            return "signed for another scope"
        if abs(datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%S%z")) > SKEW:  # noqa: TID251 - a gate has a clock
            return "signed at another time"
        if (stated["key"], request.headers.get("x-amz-security-token")) != (
            self.keys.access_key,
            self.keys.token,
        ):
            return "unknown credentials"
        if self.service == "aoss":
            if "x-amz-content-sha256" not in names or "content-length" in names:
                return "aoss wants x-amz-content-sha256 signed, and content-length not"
            if request.headers["x-amz-content-sha256"] != sha256(request.body).hexdigest():
                return "another body than the signed one"
        return (
            None
            if signature(request, names, self.keys, self.service, self._region) == stated["signature"]
            else ("another signature")
        )


def signature(request: Seen, names: list[str], keys: ReadOnlyCredentials, service: str, region: str) -> str:
    """What botocore signs a request with, these headers included."""
    known = AWSRequest(
        request.method,
        f"http://{request.headers['host']}{request.target}",
        {name: request.headers[name] for name in names if name != "host"},
        request.body,
    )
    known.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(keys, service, region)
    return str(signer.signature(signer.string_to_sign(known, signer.canonical_request(known)), known))


class _Handler(Handler):
    server: SignatureGate

    def answer(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        why = self.server.judge(Seen(self.command, self.path, headers, body))
        if why:
            self._json(HTTPStatus.FORBIDDEN, json.dumps({"message": why}).encode())
            return
        answer = urllib3.request(
            self.command,
            self.server.upstream + self.path,
            body=body or None,
            headers={"content-type": headers.get("content-type", "application/json")},
            timeout=60,
        )
        self._json(answer.status, answer.data)

    def _json(self, status: int, body: bytes) -> None:
        self.send(status, body, [("Content-Type", "application/json")])
