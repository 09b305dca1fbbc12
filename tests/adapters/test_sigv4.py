from __future__ import annotations

from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.sigv4 import signed_headers

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
keys = st.builds(ReadOnlyCredentials, printable, printable, st.none() | printable)
segments = st.text(min_size=1, max_size=40).map(
    lambda text: quote(text.encode(errors="replace"), safe="@:!$&'()*+,;=~")
)
special = st.sampled_from(["@connections", "@:!$&'()*+,;=~", "L0SM9cOFvHcCIhw%3D"])
paths = st.lists(special | segments.filter(lambda segment: segment.strip(".")), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
hosts = st.sampled_from(
    ["127.0.0.1:4566", "abc123.execute-api.eu-west-1.amazonaws.com", "ws.example.com", "localhost:443"]
)
scopes = st.tuples(
    st.sampled_from(["us-east-1", "eu-central-2", "cn-north-1"]), st.sampled_from(["execute-api", "events"])
)


@given(
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    host=hosts,
    path=paths,
    body=st.binary(max_size=200),
    keys=keys,
    scope=scopes,
)
def test_the_headers_are_botocores_byte_for_byte(
    method: str, host: str, path: str, body: bytes, keys: ReadOnlyCredentials, scope: tuple[str, str]
) -> None:
    region, service = scope
    request = AWSRequest(method=method, url=f"http://{host}{path}", data=body)
    SigV4Auth(keys, service, region).add_auth(request)
    theirs = dict(request.headers.items())

    ours = signed_headers(method, host, path, body, keys=keys, scope=scope, stamp=theirs["X-Amz-Date"])

    assert ours.pop("Host") == host
    assert ours == theirs


def test_each_day_region_service_and_secret_has_a_signature_of_its_own() -> None:
    def signed(key: str = "s", day: str = "20260101", region: str = "r", service: str = "v") -> str:
        keys = ReadOnlyCredentials("a", key, None)
        headers = signed_headers(
            "POST", "host", "/", b"", keys=keys, scope=(region, service), stamp=f"{day}T000000Z"
        )
        return headers["Authorization"].rpartition("=")[2]

    signatures = [
        signed(),
        signed("t"),
        signed(day="20260102"),
        signed(region="q"),
        signed(service="w"),
        signed(),
    ]
    assert len(set(signatures)) == 5
    assert signatures[0] == signatures[-1]
