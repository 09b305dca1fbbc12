"""Each stage on its own: what it makes of an input, once the stages before it have made theirs.

The stages are pure, so this needs no stack and no account, and gives just what a function would
make of the same input. ``now`` is each event's own time, as if it had just arrived.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import (
    bulk,
    channels,
    derive,
    entries,
    match,
    normalise,
    pack,
    parse,
    pattern,
    query,
    route,
    sources,
    subscribe,
)
from pipeline.core.errors import Rejected
from pipeline.core.model import DEFAULT_TENANT
from pipeline.wiring import shipped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from pipeline.core.document import Document
    from pipeline.core.model import Delta, Event


class Misused(Exception):  # noqa: N818 - what the caller did, said to the caller
    """A call that cannot be answered; the text says what to do instead."""


class Call:
    """One call: what came in, and what the stages before the asked one make of it.

    Attributes:
        rejected: Lines about events that can never be stored, for the end.
    """

    def __init__(self, options: argparse.Namespace, text: str) -> None:
        self.options = options
        self.text = text
        self.rejected: list[str] = []

    def given(self) -> Any:  # noqa: ANN401 - any JSON
        """Read the input."""
        return _json(self.text, "the input")

    def filter(self) -> Any:  # noqa: ANN401 - any JSON
        """Read ``--filter``."""
        return _json(self.options.filter, "--filter")

    def tenant(self) -> str:
        """Name whom a client speaks for."""
        return DEFAULT_TENANT if self.options.single_tenant else str(self.options.tenant)

    def routes(self) -> route.Routes:
        """Read the routes file."""
        path = Path(self.options.routes)
        if not path.is_file():
            raise Misused(
                f"there is no {path}: call this from the project's folder, or name it with --routes."
            )
        return route.routes(path.read_text(encoding="utf-8"), path.name)

    def events(self) -> Iterator[Event]:
        """Give the events of an envelope, an SQS batch or ``{"events": […]}``."""
        for delivery in sources.deliveries(self.given()):
            try:
                yield parse.event(delivery.body)
            except Rejected as rejected:
                self.rejected.append(f"{delivery.id}: {rejected}")

    def documents(self) -> Iterator[tuple[Event, Document]]:
        """Give each event with its document."""
        routes = self.routes()
        for event in self.events():
            chosen = route.choose(event, routes)
            try:
                yield (
                    event,
                    normalise.normalise(
                        event, chosen, single_tenant=self.options.single_tenant, now=event.time
                    ),
                )
            except Rejected as rejected:
                self.rejected.append(f"{event.id}: {rejected}")

    def deltas(self) -> Iterator[Delta]:
        """Give the deltas, as if each document had been stored at its event's time."""
        return (derive.delta(document, event.time) for event, document in self.documents())


# --- the stages -------------------------------------------------------------------------------


def _parse(call: Call) -> Iterator[bytes]:
    """The checked events of an envelope or a batch."""
    return (_pretty(asdict(event)) for event in call.events())


def _route(call: Call) -> Iterator[bytes]:
    """The route that each event takes."""
    routes = call.routes()
    return (_pretty(asdict(route.choose(event, routes))) for event in call.events())


def _normalise(call: Call) -> Iterator[bytes]:
    """The document that each event becomes, with its index and id."""
    for _, document in call.documents():
        yield _pretty({"index": document.index, "id": document.id, "body": orjson.loads(document.body)})


def _bulk(call: Call) -> Iterator[bytes]:
    """The NDJSON bodies of the _bulk requests that store them."""
    found = list(call.documents())
    newest = max((event.time for event, _ in found), default=0)
    return (request.body for request in bulk.requests([document for _, document in found], newest))


def _derive(call: Call) -> Iterator[bytes]:
    """The delta that announces each document."""
    return (_pretty({"tenant": delta.tenant, **delta.fields()}) for delta in call.deltas())


def _entries(call: Call) -> Iterator[bytes]:
    """The PutEvents entries that carry the deltas."""
    for entry in entries.entries(call.deltas()):
        yield _pretty({"Source": entries.SOURCE, "DetailType": entries.DETAIL_TYPE, "Detail": entry.detail})


def _match(call: Call) -> Iterator[bytes]:
    """Whether --filter takes each event."""
    asked = pattern.parse(call.filter())
    for delta in call.deltas():
        yield _pretty({"id": delta.id, "matches": match.matches(asked, match.fields(delta))})


def _pack(call: Call) -> Iterator[bytes]:
    """The frames that a client of --tenant with --filter gets."""
    channel = channels.of(call.tenant(), call.filter(), call.routes().attributes)
    asked = pattern.parse(call.filter())
    due = [
        pack.hit(delta)
        for delta in call.deltas()
        if delta.tenant == channel.tenant and match.matches(asked, match.fields(delta))
    ]
    return (_pretty(orjson.loads(frame)) for frame in pack.hits(channel.id, due, "cursor"))


def _subscribe(call: Call) -> Iterator[bytes]:
    """What a client's frame asks for, and the channel it names."""
    request = subscribe.request(call.text)
    yield _pretty(asdict(request))
    if request.filter is not None:
        yield _pretty(asdict(channels.of(call.tenant(), request.filter, call.routes().attributes)))


def _query(call: Call) -> Iterator[bytes]:
    """The OpenSearch search that a filter (as the input) becomes."""
    asked, routes = pattern.parse(call.given()), call.routes()
    yield _pretty({"index": query.indices(asked, routes.families)})
    yield _pretty(
        query.search(
            asked,
            tenant=call.tenant(),
            ranged=shipped.ranged_attributes(routes),
            ingested_from=None,
            ingested_to=None,
            after=None,
            size=call.options.size,
            newest=True,
        )
    )


STAGES: dict[str, Callable[[Call], Iterator[bytes]]] = {
    "parse": _parse,
    "route": _route,
    "normalise": _normalise,
    "bulk": _bulk,
    "derive": _derive,
    "entries": _entries,
    "match": _match,
    "pack": _pack,
    "subscribe": _subscribe,
    "query": _query,
}


def _json(text: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Misused(f"{name} is not JSON: {error}.") from None


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
