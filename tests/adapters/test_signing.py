"""Each signature, checked as AWS checks it: from the bytes that crossed the wire."""

from __future__ import annotations

import hmac
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from opensearchpy import RequestsHttpConnection, Urllib3HttpConnection

from pipeline.adapters import opensearch, signing
from pipeline.settings import SettingsError, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.settings import Settings

pytestmark = pytest.mark.filterwarnings(
    "ignore:datetime.datetime.utcnow:DeprecationWarning"  # aws-requests-auth 0.4.3 still calls it
)

REGION = "eu-central-1"
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/token+with=signs"
BODY = b'{"create":{"_index":"metrics-2026.11.22","_id":"a"}}\n{"message":"gr\xc3\xbcn"}\n'
ANSWER = (
    b'{"items":[{"create":{"status":201}}],"_shards":{"total":1,"successful":1,"failed":0},"timed_out":false}'
)


@dataclass(frozen=True)
class Seen:
    """A request as it crossed the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def wire() -> Iterator[tuple[str, list[Seen]]]:
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = self.rfile.read(int(headers.get("content-length", "0")))
            seen.append(Seen("POST", self.path, headers, sent))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings(url: str, auth: str, **more: str) -> Settings:
    return read(
        {
            "LIVEDEX_TARGET": "aws",
            "AWS_REGION": REGION,
            "LIVEDEX_OPENSEARCH_URL": url,
            "LIVEDEX_OPENSEARCH_AUTH": auth,
        }
        | more
    )


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def requests(auth: str, **more: str) -> list[Seen]:
    """A bulk, and a search whose path and query need care, sent with this kind of signature."""
    with wire() as (url, seen):
        store = opensearch.connect(settings(url, auth, **more))
        assert [answer.status for answer in store.bulk([BODY])] == [200]
        store.search("metrics-*,events-2026.11.22", {"query": {"match_all": {}}})
        store.close()
    assert [request.target.partition("?")[0] for request in seen] == [
        "/_bulk",
        "/metrics-*,events-2026.11.22/_search",
    ]
    assert seen[0].body == BODY
    return seen


def signed_names(request: Seen) -> list[str]:
    return request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")


def authorization_by_the_book(request: Seen, service: str) -> str:
    """The header that AWS computes for itself from a request, step by step.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    path, _, query = request.target.partition("?")
    names = signed_names(request)
    canonical = "\n".join(
        [
            request.method,
            quote(path, safe="/-_.~"),
            "&".join(sorted(query.split("&"))),
            *(f"{name}:{request.headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            sha256(request.body).hexdigest(),
        ]
    )
    stamp = request.headers["x-amz-date"]
    scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )


def signature_by_botocore(request: Seen, service: str) -> str:
    host = request.headers["host"]
    known = AWSRequest(
        request.method,
        f"http://{host}{request.target}",
        {name: request.headers[name] for name in signed_names(request) if name != "host"},
        request.body,
    )
    known.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY, SECRET, TOKEN), service, REGION)
    return str(signer.signature(signer.string_to_sign(known, signer.canonical_request(known)), known))


@pytest.mark.parametrize("auth", ["es", "aoss"])
def test_a_signature_is_the_one_that_aws_computes_from_the_bytes_sent(auth: str) -> None:
    for request in requests(auth):
        assert request.headers["authorization"] == authorization_by_the_book(request, auth)
        assert request.headers["authorization"].endswith(f"Signature={signature_by_botocore(request, auth)}")
        assert request.headers["x-amz-security-token"] == TOKEN


@pytest.mark.parametrize("auth", ["es", "aoss"])
def test_what_is_signed_is_what_the_service_wants(auth: str) -> None:
    wanted = ["host", "x-amz-date", "x-amz-security-token"] + (
        ["x-amz-content-sha256"] if auth == "aoss" else []
    )
    for request in requests(auth):
        assert signed_names(request) == sorted(wanted)
        assert request.headers["x-amz-content-sha256"] == sha256(request.body).hexdigest()


@pytest.mark.parametrize("auth", ["es", "aoss"])
def test_credentials_are_asked_for_at_each_request(auth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Rotating(Credentials):
        def get_frozen_credentials(self) -> ReadOnlyCredentials:
            asked.append(f"AKID{len(asked)}")
            return ReadOnlyCredentials(asked[-1], SECRET, TOKEN)

    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda _session: Rotating(KEY, SECRET))
    used = [
        request.headers["authorization"].split("/")[0].partition("Credential=")[2]
        for request in requests(auth)
    ]
    assert used == asked == ["AKID0", "AKID1"]


def test_basic_sends_name_and_password() -> None:
    name_and_password = {"LIVEDEX_OPENSEARCH_USERNAME": "writer", "LIVEDEX_OPENSEARCH_PASSWORD": "p€ss:word"}
    for request in requests("basic", **name_and_password):
        kind, _, code = request.headers["authorization"].partition(" ")
        assert (kind, b64decode(code).decode()) == ("Basic", "writer:p€ss:word")


def test_none_sends_no_authorization() -> None:
    for request in requests("none"):
        assert not [name for name in request.headers if name.startswith(("authorization", "x-amz"))]


@pytest.mark.parametrize(
    ("auth", "library"),
    [
        ("none", Urllib3HttpConnection),
        ("basic", Urllib3HttpConnection),
        ("es", RequestsHttpConnection),
        ("aoss", Urllib3HttpConnection),
    ],
)
def test_each_signer_works_over_its_own_http_library(auth: str, library: type) -> None:
    chosen = signing.choose(settings("https://a.example", auth, LIVEDEX_OPENSEARCH_USERNAME="u"))
    assert chosen.connection_class is library


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://search-a.eu-central-1.es.amazonaws.com", "search-a.eu-central-1.es.amazonaws.com"),
        ("https://search-a.eu-central-1.es.amazonaws.com:443/", "search-a.eu-central-1.es.amazonaws.com"),
        (
            "https://search-a.eu-central-1.es.amazonaws.com:9200",
            "search-a.eu-central-1.es.amazonaws.com:9200",
        ),
    ],
)
def test_the_host_that_is_signed_has_a_port_only_where_the_request_has(url: str, host: str) -> None:
    chosen = signing.choose(settings(url, "es"))
    assert getattr(chosen.http_auth, "aws_host", None) == host


@pytest.mark.parametrize("auth", ["es", "aoss"])
def test_without_credentials_it_says_what_to_do(auth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(
        SettingsError, match=f"LIVEDEX_OPENSEARCH_AUTH is {auth} and there are no AWS credentials"
    ):
        signing.choose(settings("https://a.example", auth))


def test_basic_without_a_user_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="LIVEDEX_OPENSEARCH_USERNAME"):
        signing.choose(settings("https://a.example", "basic"))
