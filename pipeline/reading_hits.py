"""The story of ``GET /v1/hits``: the same channel, cursor and pages as on a socket, one page an answer.

Nobody posts to who reads here, so an answer's cursor is only a promise to read again whatever may have been
on its way. What was shown of that already is noted in the cursor, so that waiting for news waits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from pipeline import catching_up, resuming
from pipeline.core import channels, cursor, identify, subscribe, thin
from pipeline.core.errors import Refused
from pipeline.core.noun import noun
from pipeline.recognising import recognise
from pipeline.resuming import Gap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pipeline.catching_up import Library
    from pipeline.core.audience import Channel
    from pipeline.core.model import Delta, JsonObject
    from pipeline.core.thin import Hit
    from pipeline.limiting import Limiter
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable
    from pipeline.recognising import Gate

PAUSE = 1.0
"""Seconds between two looks into the index.

A look shows what the index's own refresh has shown, which comes every few seconds. Were each waiting client
to refresh all shards every second, it would cost the cluster more than it brings.
"""

MAX_BYTES = 4_000_000
"""Bytes of hits in an answer as Lambda takes it: 6 MB at most, in which quotes are escaped once more.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

READING = 5_000
"""Milliseconds of an invocation that are kept for reading the answer when the waiting has ended."""


@noun
class Answer:
    """One page.

    Attributes:
        body: ``hits``; unless one is asked for by its id also ``cursor``, ``more`` and, where something is
            missing, ``gap``.
        etag: Names what is shown, the cursor left aside: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1
        known: Whether the client has just this.
    """

    body: JsonObject
    etag: str
    known: bool


@noun
class _Question:
    """What is asked for, checked.

    Attributes:
        gap: What is missing before the time that the client named.
    """

    channel: Channel
    text: str | None
    given: cursor.Cursor | None
    limit: int
    table: ConnectionTable
    library: Library
    clock: Clock
    stop: int
    gap: Gap | None


@noun
class _Found:
    """What the index had.

    Attributes:
        onwards: The cursor that goes on behind it.
        more: Whether the next page is there already.
        news: Whether it has something that the answer before did not show, as far as the cursor knows.
    """

    hits: Sequence[Hit]
    onwards: str
    more: bool = False
    gap: Gap | None = None
    news: bool = True

    @property
    def etag(self) -> str:
        return _digest([*(delta.id for delta, _ in self.hits), self.more, self.gap and self.gap.reason])


def hits(
    headers: Mapping[str, str | None],
    asked: Mapping[str, str],
    *,
    gate: Gate,
    limiter: Limiter,
    library: Library,
    clock: Clock,
    deadline: int,
) -> Answer:
    """One page of hits, the oldest first, and the cursor that continues it.

    Args:
        deadline: When the invocation ends, in ms since the epoch.

    Raises:
        Refused: The token, the filter, a parameter or the cursor cannot be used; or too many asked.
        Unavailable: OpenSearch cannot answer wholly, or it cannot be told who asks.
    """
    principal = recognise(identify.asking(headers), gate)
    limiter.hold_hits(principal.tenant, clock.now())
    request = subscribe.query(asked)
    known = _etags(headers)
    if request.id:
        return _document(request.id, principal.tenant, library, known)
    declared = library.routes.attributes
    plain = channels.of(principal.tenant, request.filter, declared)
    channel = channels.conflated(plain, request.conflate, declared)
    text, gap = request.cursor, None
    if request.since is not None and not text:
        text, gap = resuming.beginning(request.since, channel, library.routes, clock.now())
    given = cursor.read(text, channel.id) if text else None
    if text and not given:
        raise Refused("bad-cursor", "The cursor belongs to another filter or is none of ours: leave it out.")
    stop = deadline - READING
    question = _Question(channel, text, given, request.limit, gate.table, library, clock, stop, gap)
    return _answer(_wait(question, known, min(clock.now() + request.wait * 1_000, stop)), known)


def _document(document_id: str, tenant: str, library: Library, known: Collection[str]) -> Answer:
    """The one hit, and beside it all of its event's ``detail``."""
    found = catching_up.document(document_id, tenant, library)
    etag = _digest([delta.id for delta, _ in found])
    body = {"hits": [{**delta.fields(), "detail": detail} for delta, detail in found]}
    return Answer(body, f'W/"{etag}"', etag in known or "*" in known)


def _wait(question: _Question, known: Collection[str], until: int) -> _Found:
    """Look again and again, until there is news or the time is up; then read it, refreshed."""
    clock = question.clock
    catching_up.refresh(question.channel, question.library)
    found = _read(question)
    if _is_news(found, known) or clock.now() >= until:
        return found
    while clock.now() < until:
        clock.sleep(min(PAUSE, (until - clock.now()) / 1_000))
        if _is_news(_read(question, looking=True), known):
            break
    catching_up.refresh(question.channel, question.library)
    return _read(question)


def _is_news(found: _Found, known: Collection[str]) -> bool:
    return found.news and found.etag not in known


def _read(question: _Question, *, looking: bool = False) -> _Found:
    """The page as it is now, and what it promises.

    Args:
        looking: Whether this is no answer yet, so that its cursor need not say what was seen.
    """
    channel, given, library, table = question.channel, question.given, question.library, question.table
    now = question.clock.now()
    gap = question.gap or resuming.gap(question.text, given, channel, library.routes, now)
    if given is None or (gap and gap.ends_it):
        return _newest(question, now, gap, looking=looking)
    if given.position:
        gap = None  # the first page has told it
        whole, since, started = (
            resuming.going_on(channel, given, table, library.lag),
            given.begun,
            given.at,
        )
    else:
        whole, since = resuming.resumed(channel, given, table, library.lag, now)
        started = now
    page = catching_up.page(
        channel,
        library,
        whole,
        until=started,
        after=given.position,
        bounds=catching_up.Bounds(question.limit, question.stop, MAX_BYTES),
        clock=question.clock,
        encode=_encoded,
    )
    if page.end:
        onwards = cursor.page(channel.id, page.end, started, since, again=given.again, newest=given.newest)
        return _Found(page.hits, onwards, more=True, gap=gap)
    seen = "" if given.position or looking else _seen(question, page.hits, started)
    news = not given.seen or given.seen != _shown(page.hits)
    return _Found(page.hits, cursor.live(channel.id, started, seen), gap=gap, news=news)


def _newest(question: _Question, now: int, gap: Gap | None, *, looking: bool) -> _Found:
    """The newest hits that the limit and an answer have room for."""
    channel = question.channel
    bounds = catching_up.Bounds(question.limit, question.stop)
    read = catching_up.snapshot(
        channel, question.library, until=now, bounds=bounds, clock=question.clock, encode=_encoded
    )
    if read.unread is not None and gap is None:
        gap = Gap(None, read.unread, resuming.NOT_SEARCHED, ends_it=False)
    kept = thin.newest(read.hits, MAX_BYTES)
    seen = "" if looking else _seen(question, kept, now)
    return _Found(kept, cursor.live(channel.id, now, seen), gap=gap)


def _seen(question: _Question, found: Iterable[Hit], at: int) -> str:
    """What a resume from this time would read, as far as it is among the hits.

    Where some of it is not, the resume finds more than this says, and that is news.
    """
    again, _ = resuming.resumed(question.channel, cursor.Cursor(at), question.table, question.library.lag, at)
    return _shown(hit for hit in found if again.has(hit[0].ingested))


def _shown(found: Iterable[Hit]) -> str:
    return _digest(sorted(delta.id for delta, _ in found))


def _answer(found: _Found, known: Collection[str]) -> Answer:
    body: JsonObject = {
        "hits": [delta.fields() for delta, _ in found.hits],
        "cursor": found.onwards,
        "more": found.more,
    }
    if found.gap:
        body["gap"] = {"from": found.gap.start, "to": found.gap.end, "reason": found.gap.reason}
    return Answer(body, f'W/"{found.etag}"', found.etag in known or "*" in known)


def _encoded(delta: Delta) -> bytes:
    """A hit as it is in an answer that is itself a JSON text: a line of quotes takes four bytes for each."""
    return orjson.dumps(orjson.dumps(delta.fields()).decode())


def _digest(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()[: cursor.SEEN]


def _etags(headers: Mapping[str, str | None]) -> frozenset[str]:
    """What ``If-None-Match`` names, weakly compared: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2."""
    given = next((text for name, text in headers.items() if name.lower() == "if-none-match"), None) or ""
    return frozenset(each.strip().removeprefix("W/").strip('"') for each in given.split(",") if each.strip())
