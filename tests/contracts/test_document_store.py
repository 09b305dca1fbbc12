"""One suite for both stores: the memory one is worth testing with only if it is the real one's twin."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
import pytest
import urllib3

from pipeline.adapters import memory_store, opensearch, opensearch_cluster
from pipeline.core import derive, pattern, query, reach
from pipeline.core.audience import Late
from pipeline.core.errors import Unavailable
from pipeline.settings import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.core.attempt import BulkAnswer
    from pipeline.core.model import JsonObject
    from pipeline.ports.index import DocumentStore
    from pipeline.settings import Settings

TEMPLATES = Path(__file__).parents[2] / "index_templates"
REFUSING = "http://127.0.0.1:1"
"""Nobody listens there."""


def settings(url: str) -> Settings:
    return read({"AWS_ENDPOINT_URL": REFUSING, "LIVEDEX_OPENSEARCH_URL": url})


@dataclass(frozen=True)
class World:
    """A store, and hands on the engine behind it.

    Attributes:
        family: Its indices follow the real metrics template.
    """

    store: DocumentStore
    family: str
    close_index: Callable[[str], None]
    block_writes: Callable[[str], None]

    @property
    def index(self) -> str:
        return f"{self.family}-2026.11.22"

    def create(self, *documents: JsonObject, index: str = "") -> BulkAnswer:
        (answer,) = self.store.bulk([body(index or self.index, documents)])
        return answer

    def ids(self, query: JsonObject, **more: object) -> list[str]:
        self.store.refresh(f"{self.family}-*")
        asked = {"query": query, "size": 100, "sort": [{"id": "asc"}]} | more
        return [hit["_id"] for hit in self.store.search(f"{self.family}-*", asked)]


def body(index: str, documents: Sequence[JsonObject]) -> bytes:
    lines = []
    for document in documents:
        lines += [orjson.dumps({"create": {"_index": index, "_id": document["id"]}}), orjson.dumps(document)]
    return b"\n".join([*lines, b""])


def document(document_id: str, **more: object) -> JsonObject:
    """A realistic document of the metrics route."""
    return {
        "@ingested": 1_795_341_600_123,
        "@timestamp": "2026-11-22T10:00:00.123Z",
        "id": document_id,
        "tenant": "acme",
        "source": "payments",
        "eventType": "PaymentFailed",
        "message": "card declined after three tries",
        "service": "payments",
        "operation": "charge",
        "severity": "error",
        "status": "declined",
        "region": "eu-west-1",
        "latencyMs": 812.5,
        "tokens": ['family="metrics"', 'service="payments"', "latencyMs=812.5"],
        "detail": {"paymentId": "p-1", "timings": {"totalMs": 812.5}, "lines": [{"sku": "a"}, {"sku": None}]},
        "ignored": [],
    } | more


def templates(family: str) -> tuple[JsonObject, JsonObject]:
    """The project's own templates, for indices whose names start so; they are refreshed only when asked."""
    common = orjson.loads((TEMPLATES / "livedex-common.json").read_bytes())
    common["template"]["settings"]["index"]["refresh_interval"] = "-1"
    metrics = orjson.loads((TEMPLATES / "livedex-metrics.json").read_bytes())
    return common, metrics | {"index_patterns": [f"{family}-*"], "composed_of": [family]}


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest) -> Iterator[tuple[opensearch.DocumentStore, str, str]]:
    """A store, its node's URL, and how names of indices start that follow the templates."""
    url, prefix = request.getfixturevalue("opensearch_url"), f"contract-{uuid4().hex[:12]}"
    store, cluster = opensearch.connect(settings(url)), opensearch_cluster.connect(settings(url))
    common, metrics = templates(prefix)
    cluster.put_component_template(prefix, common)
    cluster.put_index_template(prefix, metrics)
    yield store, url, prefix
    store.close()
    cluster.close()
    with urllib3.PoolManager() as http:
        for path in (f"{prefix}-*", f"_index_template/{prefix}", f"_component_template/{prefix}"):
            call(http, "DELETE", f"{url}/{path}")


@pytest.fixture(params=["memory", "live"])
def world(request: pytest.FixtureRequest, unique: str) -> Iterator[World]:
    if request.param == "memory":
        common, metrics = templates(unique)
        cluster = memory_store.Cluster()
        cluster.put_component_template(unique, common)
        cluster.put_index_template(unique, metrics)
        memory = memory_store.DocumentStore(cluster)
        yield World(memory, unique, memory.closed.add, memory.read_only.add)
        return
    store, url, prefix = request.getfixturevalue("live")
    with urllib3.PoolManager() as http:
        yield World(
            store,
            f"{prefix}-{unique}",
            lambda index: call(http, "POST", f"{url}/{index}/_close"),
            lambda index: call(http, "PUT", f"{url}/{index}/_settings", {"index.blocks.write": True}),
        )


def call(http: urllib3.PoolManager, method: str, url: str, sent: JsonObject | None = None) -> None:
    answer = http.request(
        method, url, body=orjson.dumps(sent or {}), headers={"content-type": "application/json"}
    )
    assert answer.status == 200, answer.data


# --- storing ----------------------------------------------------------------------------------


def test_a_document_is_created_once_and_is_already_there_ever_after(world: World) -> None:
    first = world.create(document("a"))
    assert (first.status, first.items) == (
        200,
        [{"create": {"status": 201}}],
    )

    second = world.create(document("a", message="another"), document("b"))
    assert [item["create"]["status"] for item in second.items] == [409, 201]
    assert second.items[0]["create"]["error"]["type"] == "version_conflict_engine_exception"

    world.store.refresh(world.index)
    (kept,) = world.store.search(world.index, {"query": {"ids": {"values": ["a"]}}})
    assert kept["_source"] == document("a")


def test_each_body_has_its_answer_in_order(world: World) -> None:
    bodies = [body(world.index, [document(f"{n}-{m}") for m in range(n + 1)]) for n in range(7)]
    world.create(*(document(f"{n}-{m}") for n in range(7) for m in range(0, n + 1, 2)))
    answers = world.store.bulk(bodies)
    assert [[item["create"]["status"] for item in answer.items] for answer in answers] == [
        [201 if m % 2 else 409 for m in range(n + 1)] for n in range(7)
    ]


def test_no_bodies_have_no_answers(world: World) -> None:
    assert list(world.store.bulk([])) == []


def test_an_unreadable_timestamp_refuses_its_own_document_only(world: World) -> None:
    answer = world.create(document("a"), document("b", **{"@timestamp": "yesterday"}), document("c"))
    assert [item["create"]["status"] for item in answer.items] == [201, 400, 201]
    error = answer.items[1]["create"]["error"]
    assert error["type"] == "mapper_parsing_exception"
    assert "failed to parse field [@timestamp] of type [date]" in error["reason"]


def test_a_string_too_long_for_a_term_inside_detail_refuses_the_document(world: World) -> None:
    answer = world.create(document("a", detail={"note": "x" * 40_000}))
    error = answer.items[0]["create"]["error"]
    assert (answer.items[0]["create"]["status"], error["type"]) == (400, "illegal_argument_exception")
    assert "immense term" in error["reason"]


def test_a_body_without_its_last_newline_is_refused_as_a_whole(world: World) -> None:
    (answer,) = world.store.bulk([body(world.index, [document("a")])[:-1]])
    assert (answer.status, answer.items) == (400, [])
    assert answer.error.startswith("illegal_argument_exception: ")


def test_a_closed_index_answers_400_for_each_document(world: World) -> None:
    world.create(document("a"))
    world.close_index(world.index)
    (item,) = world.create(document("b")).items
    assert (item["create"]["status"], item["create"]["error"]["type"]) == (400, "index_closed_exception")


def test_a_write_blocked_index_answers_403_for_each_document(world: World) -> None:
    world.create(document("a"))
    world.block_writes(world.index)
    statuses = [item["create"] for item in world.create(document("a"), document("b")).items]
    assert [(item["status"], item["error"]["type"]) for item in statuses] == [
        (403, "cluster_block_exception")
    ] * 2


def test_an_upper_case_index_name_is_refused_by_the_document(world: World) -> None:
    (item,) = world.create(document("a"), index=f"{world.family}-UP").items
    assert (item["create"]["status"], item["create"]["error"]["type"]) == (
        400,
        "invalid_index_name_exception",
    )


# --- no document is lost to its shape ---------------------------------------------------------


def test_a_value_that_its_field_cannot_take_is_left_out_of_that_field_and_named(world: World) -> None:
    world.create(document("a", latencyMs="12ms"), document("b", latencyMs=[3, "x"]), document("c"))
    assert world.ids({"term": {"_ignored": "latencyMs"}}) == ["a", "b"]
    assert world.ids({"range": {"latencyMs": {"gte": 0}}}) == ["b", "c"]
    (hit,) = world.store.search(world.index, {"query": {"ids": {"values": ["a"]}}})
    assert (hit["_source"]["latencyMs"], hit["_ignored"]) == ("12ms", ["latencyMs"])


def test_any_shape_of_an_attribute_is_stored_and_found_by_the_other_fields(world: World) -> None:
    shapes: list[object] = [
        {"a": 1},
        [{"a": [1]}, "x"],
        [["x"], ["y"]],
        True,
        None,
        "NaN",
        "x" * 40_000,
        2**64 - 1,
        -0.0,
        [],
        "",
    ]
    documents = [
        document(f"{name}-{n:02}", **{name: shape})
        for n, shape in enumerate(shapes)
        for name in ("service", "latencyMs", "message")
    ]
    assert {item["create"]["status"] for item in world.create(*documents).items} == {201}
    by_others = {"bool": {"filter": [{"term": {"tenant": "acme"}}, {"term": {"tokens": "latencyMs=812.5"}}]}}
    assert world.ids(by_others) == sorted(document["id"] for document in documents)


def test_a_token_too_long_for_a_term_is_left_out_and_the_others_are_found(world: World) -> None:
    world.create(document("a", tokens=["x" * 40_000, "\N{EURO SIGN}" * 8_191, 'service="a"']))
    assert world.ids({"term": {"tokens": 'service="a"'}}) == ["a"]
    assert world.ids({"prefix": {"tokens": {"value": "\N{EURO SIGN}"}}}) == ["a"]
    assert world.ids({"prefix": {"tokens": {"value": "x"}}}) == []


def test_any_shape_of_detail_is_stored(world: World) -> None:
    shapes: list[object] = [
        {},
        None,
        {"a": {}, "b": []},
        {"a.b": 1, "a": {"b": 2}},
        {"": 1, "..": 2},
        {"n": -(2**63)},
        {"n": 1e308},
    ]
    answer = world.create(*(document(str(n), detail=shape) for n, shape in enumerate(shapes)))
    assert {item["create"]["status"] for item in answer.items} == {201}


def test_detail_may_be_two_hundred_deep_and_have_a_thousand_keys(world: World) -> None:
    deep: JsonObject = {"end": 1}
    for _ in range(199):
        deep = {"a": deep}
    answer = world.create(
        document("a", detail=deep), document("b", detail={f"k{n}": n for n in range(1_000)})
    )
    assert [item["create"]["status"] for item in answer.items] == [201, 201]


def test_raw_takes_any_text_and_is_not_searched(world: World) -> None:
    world.create(document("a", raw='{"note":"' + "x" * 100_000 + '"}'))
    assert world.ids({"exists": {"field": "raw"}}) == []
    assert world.ids({"match_all": {}}) == ["a"]


# --- looking up -------------------------------------------------------------------------------


def test_ingested_is_found_before_any_refresh_and_what_is_missing_is_left_out(world: World) -> None:
    world.create(document("a", **{"@ingested": 17}), document("b", **{"@ingested": 18}))
    there, gone, no_index = (world.index, "a"), (world.index, "none"), (f"{world.family}-1999.01.01", "a")
    assert world.store.ingested([there, gone, no_index, (world.index, "b")]) == {
        there: 17,
        (world.index, "b"): 18,
    }
    assert world.store.ingested([]) == {}


def test_what_cannot_be_looked_up_is_unavailable_and_never_missing(world: World) -> None:
    world.create(document("a"))
    world.close_index(world.index)
    with pytest.raises(Unavailable, match="closed"):
        world.store.ingested([(world.index, "a")])


# --- searching --------------------------------------------------------------------------------


def test_search_finds_what_was_refreshed_and_not_before(world: World) -> None:
    world.create(document("a"))
    world.store.refresh(world.index)
    world.create(document("b"))
    asked = {"query": {"match_all": {}}, "sort": ["id"]}
    assert [hit["_id"] for hit in world.store.search(world.index, asked)] == ["a"]
    world.store.refresh(world.index)
    assert [hit["_id"] for hit in world.store.search(world.index, asked)] == ["a", "b"]


def test_a_family_without_an_index_is_an_empty_answer(world: World) -> None:
    for indices in (f"{world.family}-*", world.index, f"{world.family}-*,{world.index}"):
        world.store.refresh(indices)
        asked = {"query": {"match_all": {}}, "sort": [{"@ingested": {"order": "asc"}}]}
        assert list(world.store.search(indices, asked)) == []


QUERIES: list[tuple[JsonObject, list[str]]] = [
    ({"match_all": {}}, ["a", "b", "c"]),
    ({"ids": {"values": ["c", "a", "none"]}}, ["a", "c"]),
    ({"term": {"tenant": "acme"}}, ["a", "b"]),
    ({"term": {"tenant": {"value": "other"}}}, ["c"]),
    ({"term": {"service": "auth"}}, ["b"]),
    ({"terms": {"tokens": ["n=1", "n=3"]}}, ["a", "c"]),
    ({"prefix": {"tokens": {"value": 'service="pay'}}}, ["a"]),
    ({"prefix": {"service": "a"}}, ["b"]),
    ({"prefix": {"tokens": {"value": 'SERVICE="PAY', "case_insensitive": True}}}, ["a"]),
    ({"term": {"tokens": {"value": 'Service="PAYMENTS"', "case_insensitive": True}}}, ["a"]),
    ({"term": {"tokens": {"value": "É=1", "case_insensitive": True}}}, []),
    ({"wildcard": {"tokens": {"value": 'serv*="*men*s"'}}}, ["a"]),
    ({"wildcard": {"tokens": {"value": 'SERV*="*AYMENTS"', "case_insensitive": True}}}, ["a"]),
    ({"wildcard": {"tokens": {"value": "star=\\*"}}}, ["b"]),
    ({"wildcard": {"tokens": {"value": "star=\\\\"}}}, ["c"]),
    ({"regexp": {"tokens": {"value": r"star\=.*([^\"]|\\\")", "flags": "NONE"}}}, ["b", "c"]),
    ({"range": {"tokens": {"gte": "n=1", "lt": "n=3"}}}, ["a", "b"]),
    ({"range": {"tokens": {"gt": "n=1", "lt": "n>"}}}, ["b", "c"]),
    ({"range": {"latencyMs": {"gt": 5, "lte": 12.9}}}, ["b"]),
    ({"range": {"latencyMs": {"gte": 5, "lt": 12.9}}}, ["a"]),
    ({"range": {"@ingested": {"gte": 2, "lte": 3}}}, ["b", "c"]),
    ({"range": {"@timestamp": {"gte": 1_795_341_600_000}}}, ["a", "b"]),
    ({"exists": {"field": "latencyMs"}}, ["a", "b"]),
    ({"term": {"unmapped": "here"}}, []),
    ({"bool": {"filter": [{"term": {"tenant": "acme"}}], "must_not": {"term": {"id": "a"}}}}, ["b"]),
    ({"bool": {"should": [{"term": {"id": "a"}}, {"term": {"id": "c"}}]}}, ["a", "c"]),
    ({"bool": {"must": {"term": {"id": "a"}}, "should": [{"term": {"id": "c"}}]}}, ["a"]),
    (
        {
            "bool": {
                "filter": [{"match_all": {}}],
                "should": [{"term": {"id": "c"}}, {"exists": {"field": "none"}}],
                "minimum_should_match": 1,
            }
        },
        ["c"],
    ),
]


def test_every_kind_of_query_that_we_send_finds_the_same(world: World) -> None:
    world.create(
        document(
            "a", **{"@ingested": 1}, latencyMs=5, tokens=["n=1", 'service="payments"', "é=1"], unmapped="here"
        ),
        document("b", **{"@ingested": 2}, latencyMs=12.9, tokens=["n=2", "star=*"], service="auth"),
        document(
            "c",
            **{"@ingested": 3, "@timestamp": "2026-11-22T09:59:59.999Z"},
            latencyMs=None,
            tenant="other",
            tokens=["n=3", "star=\\"],
        ),
    )
    assert [(query, world.ids(query)) for query, _ in QUERIES] == QUERIES


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_by_ingested_and_id_give_every_document_once_and_in_order(world: World, order: str) -> None:
    stamps = {
        f"{n * 7_919 % 10_000:05}": 1_795_341_600_000 + n // 700 for n in range(10_000)
    }  # many share one stamp
    bodies = [
        body(
            world.index,
            [
                {"id": i, "@ingested": stamps[i], "tenant": "acme"}
                for i in list(stamps)[start : start + 2_500]
            ],
        )
        for start in range(0, 10_000, 2_500)
    ]
    assert all(
        item["create"]["status"] == 201 for answer in world.store.bulk(bodies) for item in answer.items
    )
    world.store.refresh(world.index)

    asked: JsonObject = {
        "size": 2_000,
        "track_total_hits": False,
        "_source": True,
        "query": {"bool": {"filter": [{"term": {"tenant": "acme"}}]}},
        "sort": [
            {"@ingested": {"order": order, "unmapped_type": "long"}},
            {"id": {"order": order, "unmapped_type": "keyword"}},
        ],
    }
    seen: list[tuple[int, str]] = []
    while page := world.store.search(f"{world.family}-*", asked):
        assert len(page) == 2_000
        seen += [(hit["_source"]["@ingested"], hit["_id"]) for hit in page]
        asked["search_after"] = list(seen[-1])
        assert page[-1]["sort"] == asked["search_after"]
    expected = sorted(((stamp, i) for i, stamp in stamps.items()), reverse=order == "desc")
    assert seen == expected


def test_a_resume_finds_what_lies_in_its_spans_in_pages_and_nothing_between(world: World) -> None:
    documents = [document(f"{n:04}", **{"@ingested": n * 30_000}) for n in range(600)]
    world.create(*documents)
    world.store.refresh(world.index)
    late = [Late(minute * 60_000, (minute + 1) * 60_000) for minute in (0, 1, 7, 100)]
    whole = reach.reach(280 * 60_000 + 1, [*late, Late(290 * 60_000, None)])
    seen: list[int] = []
    after = None
    while True:
        asked = query.search(
            pattern.parse({}),
            tenant="acme",
            ranged=frozenset(),
            ingested_from=whole.start,
            ingested_to=597 * 30_000,
            after=after,
            size=7,
            newest=False,
            also=whole.spans,
        )
        found = world.store.search(f"{world.family}-*", asked)
        seen += [hit["_source"]["@ingested"] // 30_000 for hit in found]
        if len(found) < 7:
            break
        after = (found[-1]["_source"]["@ingested"], found[-1]["_source"]["id"])
    assert seen == [0, 1, 2, 3, 14, 15, 200, 201, *range(561, 598)]


def test_of_a_document_only_what_a_delta_needs_is_given(world: World) -> None:
    detail = {
        "amount": {"net": [1.5, {"currency": "EUR"}]},
        "lines": [{"sku": "a", "n": 1}, {"sku": "b"}],
        "dotted.key": "x",
        "trace": "y" * 1_000,
    }
    world.create(document("a", **{"@ingested": 1}, service="s", older="o", detail=detail))
    world.store.refresh(world.index)
    needed = derive.needed({"service"}, ["amount.net.0", "lines.1.sku", "dotted.key", "none"])
    asked = {"query": {"match_all": {}}, "_source": {"includes": needed}}
    [hit] = world.store.search(world.index, asked)
    found = hit["_source"]
    assert found["detail"] == {name: detail[name] for name in ("amount", "lines", "dotted.key")}
    assert (found["service"], found["@ingested"], found["id"]) == ("s", 1, "a")
    assert not {"older", "tokens"} & found.keys()


def test_what_has_a_name_like_a_familys_but_no_day_is_not_searched(world: World) -> None:
    world.create(document("a"))
    world.create({**document("b"), "id": "b"}, index=f"{world.family}-apm")
    world.store.refresh(f"{world.family}-*")
    indices = query.indices(pattern.parse({}), [world.family])
    found = world.store.search(indices, {"query": {"match_all": {}}})
    assert [hit["_id"] for hit in found] == ["a"]


def test_the_most_spans_that_a_resume_has_go_with_the_longest_filter(world: World) -> None:
    world.create(document("a", **{"@ingested": 120_000}, service="a", tokens=['service="a"']))
    world.store.refresh(world.index)
    words = [{"suffix": f"{n}a"} for n in range(40)] + [{"anything-but": f"{n}"} for n in range(40)]
    asked = query.search(
        pattern.parse({"service": words, "operation": [{"anything-but": "x"}, {"exists": False}]}),
        tenant="acme",
        ranged=frozenset(),
        ingested_from=2**40,
        ingested_to=2**41,
        after=(0, "0" * 64),
        size=2_000,
        newest=False,
        also=reach.reach(2**40, [Late(n * 120_000, n * 120_000 + 60_000) for n in range(999)]).spans,
    )
    assert [hit["_id"] for hit in world.store.search(f"{world.family}-*", asked)] == ["a"]


def test_a_search_that_opensearch_refuses_is_unavailable(world: World) -> None:
    world.create(document("a"))
    world.store.refresh(world.index)
    for asked in ({"size": 10_001}, {"sort": [{"unmapped": "asc"}]}):
        with pytest.raises(Unavailable, match="400"):
            world.store.search(world.index, asked)


def test_a_closed_index_does_not_fail_the_others_of_its_family(world: World) -> None:
    world.create(document("a"))
    world.create(document("b"), index=f"{world.family}-2026.11.21")
    world.close_index(f"{world.family}-2026.11.21")
    assert world.ids({"match_all": {}}) == ["a"]


# --- when the cluster does not do its part ----------------------------------------------------


@pytest.fixture(params=["memory", "live"])
def unreachable(request: pytest.FixtureRequest) -> Iterator[DocumentStore]:
    if request.param == "memory":
        memory = memory_store.DocumentStore()
        memory.down = True
        yield memory
        return
    store = opensearch.connect(settings(REFUSING))
    yield store
    store.close()


def test_without_a_connection_every_body_has_status_0_and_a_reason(unreachable: DocumentStore) -> None:
    answers = list(unreachable.bulk([body("a", [document("a")]), body("a", [document("b")])]))
    assert [(answer.status, list(answer.items)) for answer in answers] == [(0, []), (0, [])]
    assert all(answer.error for answer in answers)


def test_without_a_connection_all_else_is_unavailable(unreachable: DocumentStore) -> None:
    for ask in (
        lambda: unreachable.search("a-*", {"query": {"match_all": {}}}),
        lambda: unreachable.refresh("a-*"),
        lambda: unreachable.ingested([("a", "1")]),
    ):
        with pytest.raises(Unavailable):
            ask()


# --- what the live store makes of a bad answer ------------------------------------------------


@dataclass
class Canned:
    """A cluster that answers every request in one way.

    Attributes:
        requests: (path with query, body) of each request that came.
        connections: How many were opened.
        together: How many requests must have come before any is answered.
    """

    status: int = 200
    answer: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    length: int | None = None
    together: threading.Barrier | None = None
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)


@contextmanager
def serving(canned: Canned) -> Iterator[opensearch.DocumentStore]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            canned.requests.append((self.path, sent))
            canned.connections.add(self.client_address)
            if canned.together:
                canned.together.wait(10)
            self.send_response(canned.status)
            self.send_header("content-type", canned.content_type)
            self.send_header("content-length", str(canned.length or len(canned.answer)))
            self.end_headers()
            self.wfile.write(canned.answer)
            self.close_connection = canned.length is not None

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    store = opensearch.connect(settings(f"http://127.0.0.1:{server.server_port}"))
    try:
        yield store
    finally:
        store.close()
        server.shutdown()
        thread.join()
        server.server_close()


ONE = body("a-1", [document("a")])
CREATED = '{"create":{"status":201}}'
STORED = f'{{"items":[{CREATED}]}}'.encode()


def test_a_body_is_sent_untouched_and_asks_for_a_small_answer() -> None:
    canned = Canned(answer=STORED)
    with serving(canned) as store:
        assert [answer.status for answer in store.bulk([ONE])] == [200]
    ((path, sent),) = canned.requests
    assert sent == ONE
    assert path.startswith("/_bulk?filter_path=items.create.status%2Citems.create.error&timeout=")


def test_two_bodies_are_in_flight_at_once_over_two_connections_that_are_kept() -> None:
    canned = Canned(answer=STORED, together=threading.Barrier(2))
    with serving(canned) as store:
        for _ in range(5):
            assert [answer.status for answer in store.bulk([ONE] * 4)] == [200] * 4
    assert (len(canned.requests), len(canned.connections)) == (20, 2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"items":[]}', id="nothing"),
        pytest.param(f'{{"items":[{",".join([CREATED] * 3)}]}}', id="as usual"),
        pytest.param(f'{{"items":[{CREATED},{CREATED.replace("201", "409")}]}}', id="one of them there"),
        pytest.param(f'{{"items":[{CREATED.replace("201", "429")},{CREATED}]}}', id="one of them refused"),
        pytest.param(f'{{"items":[{CREATED}, {CREATED}]}}', id="with a space"),
        pytest.param(f'{{"items":[{CREATED}],"errors":false}}', id="with more behind"),
    ],
)
def test_the_items_of_an_answer_are_what_its_json_says(text: str) -> None:
    with serving(Canned(answer=text.encode())) as store:
        (answer,) = store.bulk([ONE])
    assert (answer.status, answer.items) == (200, json.loads(text)["items"])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
def test_a_bulk_that_failed_as_a_whole_is_sent_once_and_says_why(status: int) -> None:
    canned = Canned(status, b'{"error":{"type":"some_exception","reason":"because"},"status":1}')
    with serving(canned) as store:
        (answer,) = store.bulk([ONE])
    assert (answer.status, list(answer.items), answer.error) == (status, [], "some_exception: because")
    assert len(canned.requests) == 1


def test_a_failure_in_words_that_are_not_opensearchs_keeps_its_status() -> None:
    with serving(Canned(503, b"<html>no backend</html>", "text/html")) as store:
        (answer,) = store.bulk([ONE])
    assert (answer.status, answer.error) == (503, "<html>no backend</html>")


@pytest.mark.parametrize(
    "canned",
    [
        pytest.param(Canned(answer=STORED, length=len(STORED) + 10), id="cut short"),
        pytest.param(Canned(answer=STORED[:-5]), id="cut short, with its length"),
        pytest.param(Canned(answer=b"<html>welcome</html>", content_type="text/html"), id="not json"),
        pytest.param(Canned(answer=b"[]"), id="no object"),
        pytest.param(Canned(answer=b""), id="nothing"),
    ],
)
def test_half_an_answer_to_a_bulk_is_no_answer(canned: Canned) -> None:
    with serving(canned) as store:
        (answer,) = store.bulk([ONE])
    assert (answer.status, list(answer.items)) == (0, [])
    assert answer.error
    assert len(canned.requests) == 1


WHOLE = {"total": 2, "successful": 2, "skipped": 0, "failed": 0}


@pytest.mark.parametrize(
    "answer",
    [
        {"timed_out": False, "_shards": WHOLE | {"successful": 1, "failed": 1}, "hits": {"hits": []}},
        {"timed_out": False, "_shards": WHOLE | {"successful": 1}, "hits": {"hits": []}},
        {"timed_out": True, "_shards": WHOLE, "hits": {"hits": []}},
        {"_shards": WHOLE, "hits": {"hits": []}},
        {"timed_out": False, "hits": {"hits": []}},
        {},
    ],
)
def test_a_search_that_not_every_shard_answered_is_unavailable(answer: JsonObject) -> None:
    canned = Canned(answer=orjson.dumps(answer))
    with serving(canned) as store, pytest.raises(Unavailable):
        store.search("a-*", {})
    ((path, _),) = canned.requests
    assert {"allow_partial_search_results=false", "preference=_primary"} <= set(
        path.partition("?")[2].split("&")
    )


def test_a_refresh_that_failed_on_a_shard_is_unavailable() -> None:
    half = Canned(answer=orjson.dumps({"_shards": {"total": 2, "successful": 1, "failed": 1}}))
    with serving(half) as store, pytest.raises(Unavailable, match="refreshed"):
        store.refresh("a-*")


@pytest.mark.parametrize(
    "found",
    [
        {
            "_index": "a",
            "_id": "1",
            "error": {"type": "no_shard_available_action_exception", "reason": "none"},
        },
        {"_index": "a", "_id": "1", "found": True, "_source": {}},
    ],
)
def test_a_lookup_that_is_not_sure_is_unavailable(found: JsonObject) -> None:
    with serving(Canned(answer=orjson.dumps({"docs": [found]}))) as store, pytest.raises(Unavailable):
        store.ingested([("a", "1")])


def test_a_search_with_a_shard_on_no_node_is_unavailable(opensearch_url: str, unique: str) -> None:
    nowhere = {"settings": {"index.routing.allocation.require.box": "none", "index.number_of_replicas": 0}}
    store = opensearch.connect(settings(opensearch_url))
    with urllib3.PoolManager() as http:
        call(http, "PUT", f"{opensearch_url}/{unique}-1?wait_for_active_shards=0", nowhere)
        with pytest.raises(Unavailable, match="503"):
            store.search(f"{unique}-*", {"query": {"match_all": {}}})
        with pytest.raises(Unavailable, match="no_shard_available"):
            store.ingested([(f"{unique}-1", "a")])
        call(http, "DELETE", f"{opensearch_url}/{unique}-1")
    store.close()


# --- what stories may ask of the memory store -------------------------------------------------


def test_a_fault_is_one_bulks_answer_and_says_whether_the_documents_were_stored() -> None:
    store = memory_store.DocumentStore()
    store.faults = [memory_store.Fault(429), memory_store.Fault(0, stored=True)]
    one, other = body("a-1", [document("a")]), body("a-1", [document("b")])
    assert [answer.status for answer in store.bulk([one, other, one, other])] == [429, 0, 200, 200]
    assert list(store.ingested([("a-1", "a"), ("a-1", "b")])) == [("a-1", "a"), ("a-1", "b")]


def test_without_a_template_fields_are_mapped_by_the_values_that_come() -> None:
    store = memory_store.DocumentStore()
    store.bulk([body("a-1", [document("a"), document("b", latencyMs=1)])])
    store.refresh("a-*")
    asked = {"query": {"range": {"latencyMs": {"lt": 5}}}, "sort": [{"@ingested": "asc"}, {"id": "asc"}]}
    assert [hit["_id"] for hit in store.search("a-*", asked)] == ["b"]


def test_a_query_that_the_memory_store_does_not_know_is_an_error_and_no_empty_answer() -> None:
    store = memory_store.DocumentStore()
    store.bulk([body("a-1", [document("a")])])
    store.refresh("a-1")
    with pytest.raises(NotImplementedError, match="fuzzy"):
        store.search("a-1", {"query": {"fuzzy": {"id": "a"}}})
    with pytest.raises(NotImplementedError, match="wildcard"):
        store.search("a-1", {"query": {"wildcard": {"id": "?"}}})
