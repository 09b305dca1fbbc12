"""Hypothesis strategies for every noun: anything that may legally come, hostile things included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import strategies as st

from pipeline.core import instant, lines
from pipeline.core.attempt import BulkAnswer
from pipeline.core.audience import Channel, Connection, Member, Post, Principal
from pipeline.core.document import Document, Outcome, Verdict
from pipeline.core.model import Delivery, Delta, Entry, Event, Route

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NOW = instant.read("2026-11-22T10:00:00.000Z")
"""The time at which tests happen."""

# --- JSON -------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""JSON has no lone surrogates; all else, with quotes, NUL and emoji, is text."""

words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
identities = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(1 - 2**53, 2**53 - 1) | texts
"""Scalars that may be part of an identity."""

json_values: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)

# --- indexing ---------------------------------------------------------------------------------

instants = st.integers(NOW - 7 * instant.DAY, NOW + instant.DAY // 2)
tenants = st.none() | words
families = st.sampled_from(["metrics", "orders", "shop_2"])
attribute_names = st.sampled_from(["service", "severity", "latencyMs", "Order_Id", "x"])
attributes = st.dictionaries(attribute_names, scalars | st.lists(scalars, max_size=3), max_size=3)
ids = st.integers(0, 2**256 - 1).map("{:064x}".format)

deliveries = st.builds(
    Delivery,
    id=words,
    body=texts,
    receives=st.none() | st.integers(1, 1_000),
    sent=st.none() | instants,
    receipt=st.none() | words,
)
events = st.builds(
    Event,
    id=st.uuids().map(str),
    source=words,
    detail_type=words,
    time=instants,
    detail=json_objects,
    replay=st.none() | words,
)
routes = st.builds(
    Route,
    source=words | words.map("{}*".format),
    family=families,
    detail_types=st.lists(words, max_size=2, unique=True).map(tuple),
    identity=st.lists(words, max_size=2, unique=True).map(tuple),
    occurred=st.none() | words,
    tenant=st.none() | words,
    attributes=st.dictionaries(attribute_names, words, max_size=4).map(lambda chosen: tuple(chosen.items())),
    message=st.none() | words | words.map("{{{0}}} {{{{}}}}: {{{0}.0}}".format),
    delta=st.lists(words, max_size=2, unique=True).map(tuple),
    index=st.booleans(),
    announce_replays=st.booleans(),
    retention_days=st.integers(9, 400),
    lateness_days=st.none() | st.just(8),
)


@st.composite
def routed_events(draw: st.DrawFn) -> tuple[Event, Route]:
    """An event with all that its route needs, and anything at all beside."""
    route = draw(routes)
    detail = draw(json_objects)
    for path in route.identity:
        detail[path] = draw(identities)
    if route.occurred is not None:
        detail[route.occurred] = instant.iso(draw(instants))
    event = draw(st.builds(Event, st.uuids().map(str), words, words, instants, st.just(detail), st.none()))
    return event, route


def lines_of(index: str, document_id: str, body: dict[str, Any]) -> bytes:
    """A document's two lines, as ``core.lines`` tells of them, up to ``@ingested``."""
    action = orjson.dumps({"create": {"_index": index, "_id": document_id}})
    return action + lines.SEPARATOR.encode() + orjson.dumps(body)[:-1]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document whose body says the same as its fields."""
    document_id, family, timestamp = draw(ids), draw(families), draw(instants)
    tenant, source, event_type, message = draw(tenants), draw(words), draw(words), draw(st.none() | texts)
    chosen, excerpt = draw(attributes), draw(st.dictionaries(words, json_values, max_size=2))
    body = {
        "@timestamp": instant.iso(timestamp),
        "id": document_id,
        "tenant": tenant,
        "source": source,
        "eventType": event_type,
        "message": message,
        **chosen,
        "tokens": [],
        "detail": excerpt,
    }
    index = f"{family}-{instant.day(timestamp)}"
    written = lines_of(index, document_id, body)
    return Document(
        index,
        document_id,
        family,
        tenant,
        source,
        event_type,
        timestamp,
        message,
        *draw(st.sampled_from([(written, b""), (written[:-9], written[-9:])])),
        (chosen, excerpt),
    )


outcomes = st.builds(
    Outcome,
    document=documents(),
    verdict=st.sampled_from(Verdict),
    ingested=instants,
    reason=words,
    error=texts,
)
bulk_answers = st.builds(
    BulkAnswer,
    status=st.sampled_from([0, 200, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504]),
    items=st.just(()),
    error=texts,
)

# --- deltas -----------------------------------------------------------------------------------

deltas = st.builds(
    Delta,
    id=ids,
    index=st.builds(lambda family, moment: f"{family}-{instant.day(moment)}", families, instants),
    family=families,
    tenant=tenants,
    source=words,
    event_type=words,
    timestamp=instants,
    ingested=instants,
    message=st.none() | texts,
    attributes=attributes,
    excerpt=st.dictionaries(words, json_values, max_size=2),
)
entries = st.builds(
    Entry, tenant=tenants, family=families, detail=texts, ids=st.lists(ids, max_size=3).map(tuple)
)

# --- clients ----------------------------------------------------------------------------------

endpoints = words.map("https://{}.execute-api.eu-west-1.amazonaws.com/live".format)
principals = st.builds(Principal, tenant=words, subject=words, expires=instants)
connections = st.builds(Connection, id=words, endpoint=endpoints, principal=principals)
channels = st.builds(
    Channel,
    tenant=words,
    filter=st.dictionaries(attribute_names, st.lists(texts, min_size=1, max_size=3), max_size=3).map(
        lambda filter_: orjson.dumps(filter_, option=orjson.OPT_SORT_KEYS).decode()
    ),
    id=st.integers(0, 2**128 - 1).map("{:032x}".format),
)
members = st.builds(
    Member, connection_id=words, endpoint=endpoints, expires=instants, lagged=st.none() | instants
)
posts = st.builds(Post, connection_id=words, endpoint=endpoints, frame=st.binary(max_size=100))
