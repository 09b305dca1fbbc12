"""Signed requests through a gate that checks them as AWS does, into the real index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import urllib3
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials

from pipeline import indexing
from pipeline.adapters import opensearch, opensearch_cluster
from pipeline.adapters.memory import MemoryDeltaBus, MemoryQueues
from pipeline.adapters.opensearch_wire import wire
from pipeline.adapters.system_clock import SystemClock
from pipeline.core import instant
from pipeline.indexing import End, Indexed
from pipeline.settings import read
from pipeline.wiring import shipped
from tests.adapters.signature_gate import SignatureGate
from tests.examples import delivery, envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.settings import Settings

pytestmark = pytest.mark.filterwarnings(
    "ignore:datetime.datetime.utcnow:DeprecationWarning"  # aws-requests-auth 0.4.3 still calls it
)

REGION = "eu-central-1"
OLD = ReadOnlyCredentials("AKIDOLD", "the/old+secret", "the old token+/=")
NEW = ReadOnlyCredentials("AKIDNEW", "the/new+secret", "the new token+/=")
BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Role:
    """A role whose keys change, as the metadata service gives them to whoever asks once they expire.

    Attributes:
        keys: Those of now.
        time: What botocore takes for now.
    """

    def __init__(self) -> None:
        self.keys, self.time = OLD, BEGIN
        key, secret, token = map(str, OLD[:3])
        self.credentials = RefreshableCredentials(
            key,
            secret,
            token,
            BEGIN + timedelta(hours=1),
            self._renewed,
            "a role of the tests",
            time_fetcher=lambda: self.time,
        )

    def rotate(self) -> None:
        self.keys, self.time = NEW, self.time + timedelta(hours=1)

    def _renewed(self) -> dict[str, str]:
        given = zip(("access_key", "secret_key", "token"), map(str, self.keys[:3]), strict=True)
        return {**dict(given), "expiry_time": (self.time + timedelta(hours=1)).isoformat()}


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Role:
    role = Role()
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda _session: role.credentials)
    return role


@pytest.fixture(params=["es", "aoss"])
def gate(request: pytest.FixtureRequest, opensearch_url: str, role: Role) -> Iterator[SignatureGate]:
    with SignatureGate(opensearch_url, request.param, REGION, role.keys) as gate:
        yield gate


def settings(gate: SignatureGate, auth: str) -> Settings:
    return read(
        {
            "LIVEDEX_TARGET": "aws",
            "AWS_REGION": REGION,
            "LIVEDEX_OPENSEARCH_URL": gate.url,
            "LIVEDEX_OPENSEARCH_AUTH": auth,
        }
    )


class Function:
    """The index function with its clients, as long as its process lives."""

    def __init__(self, gate: SignatureGate, auth: str) -> None:
        self.clock = SystemClock()
        self.queue = MemoryQueues(self.clock)
        self.store = opensearch.connect(settings(gate, auth))
        self.facts = f"signed-{uuid4().hex[:8]}"

    def index(self, *numbers: int, seconds: float = 30) -> Indexed:
        now = instant.iso(self.clock.now())
        return indexing.index(
            [
                delivery(envelope(f"{self.facts}-{number}", occurredAt=now) | {"time": now})
                for number in numbers
            ],
            routes=shipped.routes(),
            store=self.store,
            bus=MemoryDeltaBus(),
            queue=self.queue,
            clock=self.clock,
            deadline=self.clock.now() + round(seconds * 1_000),
            single_tenant=False,
        )


def test_a_batch_is_stored_found_and_searched_by_signed_requests_alone(gate: SignatureGate) -> None:
    function = Function(gate, gate.service)

    stored, again = function.index(*range(20)), function.index(*range(20))
    function.store.refresh("metrics-*")
    query = {"size": 0, "query": {"match_all": {}}}
    function.store.search("metrics-*,events-2026.11.22", query)

    assert (stored.ends, again.ends) == ({End.STORED: 20}, {End.ALREADY_THERE: 20})
    assert len(gate.let_in) >= 4
    assert not gate.refused


def test_templates_are_put_by_signed_requests_too(gate: SignatureGate) -> None:
    cluster = opensearch_cluster.connect(settings(gate, gate.service))
    name = f"signed-{uuid4().hex[:8]}"

    cluster.put_index_template(name, {"index_patterns": [f"{name}-*"], "priority": 0})

    assert (cluster.index_template(name) or {}).get("index_patterns") == [f"{name}-*"]
    assert not gate.refused
    urllib3.request("DELETE", f"{gate.upstream}/_index_template/{name}")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/_cat/indices/%3Cmetrics-%7Bnow%2Fd%7D%3E", {}),
        ("/_cat/indices/a%20b,c%2Bd,*", {"h": "index,health", "s": "index:desc"}),
        ("/_cat/indices/gr%C3%BCn*", {"format": "json", "expand_wildcards": "all"}),
        ("/_search", {"q": 'a b+c/d~e:"é"=&f', "size": 0, "ignore_unavailable": "true"}),
        ("/_search", {"size": 0, "filter_path": "hits.*,-took,_shards.failed"}),
    ],
)
def test_paths_and_queries_that_need_care_are_signed_as_they_are_sent(
    gate: SignatureGate, path: str, params: dict[str, str | int]
) -> None:
    sender = wire(settings(gate, gate.service))

    sender.ask("GET", path, None, params)
    sender.close()

    assert (len(gate.let_in), gate.refused) == (1, [])


def test_keys_that_rotate_in_mid_run_cost_no_document(gate: SignatureGate, role: Role) -> None:
    function = Function(gate, gate.service)
    assert function.index(1).ends == {End.STORED: 1}

    gate.keys = NEW
    meanwhile = function.index(2, seconds=0)
    role.rotate()
    afterwards = function.index(2, 3)

    assert (meanwhile.ends, function.queue.letters) == ({End.RETURNED: 1}, []), (
        "a wrong key is no event's fault"
    )
    assert afterwards.ends == {End.STORED: 2}
    assert gate.refused == ["unknown credentials"]
    assert gate.let_in == [OLD.access_key, NEW.access_key]


def test_the_gate_refuses_what_is_signed_for_the_other_service(gate: SignatureGate) -> None:
    other = {"es": "aoss", "aoss": "es"}[gate.service]
    report = Function(gate, other).index(1, seconds=0)

    assert report.ends == {End.RETURNED: 1}
    assert gate.refused == ["signed for another scope"]


def test_the_gate_refuses_a_domains_signature_for_a_serverless_collection(
    opensearch_url: str, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aws_requests_auth.boto_utils import BotoAWSRequestsAuth  # noqa: PLC0415 - the signer of domains only

    monkeypatch.setattr(
        "pipeline.adapters.signing.BotoAWSRequestsAuth",
        lambda aws_host, aws_region, aws_service: BotoAWSRequestsAuth(  # noqa: ARG005 - signs for aoss instead
            aws_host=aws_host, aws_region=aws_region, aws_service="aoss"
        ),
    )
    with SignatureGate(opensearch_url, "aoss", REGION, role.keys) as gate:
        Function(gate, "es").index(1, seconds=0)

    assert gate.refused == ["aoss wants x-amz-content-sha256 signed, and content-length not"]


def test_the_gate_refuses_a_wrong_secret(gate: SignatureGate) -> None:
    gate.keys = ReadOnlyCredentials(OLD.access_key, "another secret", OLD.token)

    assert Function(gate, gate.service).index(1, seconds=3).ends == {End.RETURNED: 1}
    assert set(gate.refused) == {"another signature"}
