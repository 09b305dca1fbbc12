"""An event on trial: what the index function would make of it, and why. Nothing is sent anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import derive, instant, normalise, parse, route
from pipeline.core.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.cli.lines import Line
    from pipeline.core.document import Document
    from pipeline.core.model import Event, Route

INDENT = 10
"""Characters before what a label says."""


@dataclass(slots=True)
class Trial:
    """What became of one event.

    Attributes:
        place: Where it stands in the input.
        considered: The routes that were asked, up to the one that took it; not that one's other sources.
        rejected: Reason and text, where it can never be stored as it is.
    """

    place: str
    event: Event | None = None
    considered: list[route.Considered] = field(default_factory=list)
    document: Document | None = None
    delta: Mapping[str, Any] = field(default_factory=dict)
    rejected: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def chosen(self) -> route.Considered | None:
        """The route that took it."""
        return self.considered[-1] if self.considered else None


def attempt(line: Line, known: route.Routes, now: int, *, single_tenant: bool) -> Trial:
    """Do with an event what the index function would do with it at a moment."""
    trial = Trial(line.place)
    try:
        tried = trial.event = event(line, now)
        asked = route.considered(tried.source, tried.detail_type, known)
        place = [each.takes for each in asked].index(True)  # the built-in route takes all
        taking = asked[place]
        trial.considered = [*(each for each in asked[:place] if each.number != taking.number), taking]
        chosen = route.choose(tried, known)
        document = normalise.normalise(tried, chosen, single_tenant=single_tenant, now=now)
    except Rejected as rejected:
        trial.rejected = (rejected.reason, rejected.text)
        return trial
    trial.document = document
    trial.delta = {"tenant": document.tenant, **derive.delta(document, now).fields()}
    trial.notes = list(_notes(tried, chosen, document))
    return trial


def event(line: Line, now: int) -> Event:
    """Check an event, with what EventBridge adds to one that was never sent."""
    if line.fault:
        raise Rejected("malformed", f"{line.fault}.")
    added = {"id": "given-by-eventbridge", "time": instant.iso(now)}
    return parse.event(json.dumps({**added, **line.envelope}))


def _notes(event: Event, chosen: Route, document: Document) -> Iterator[str]:
    """What its owner may not expect."""
    fields = orjson.loads(document.body)
    if chosen is route.CATCH_ALL:
        yield "no table takes it, so the built-in route does; `livedex routes infer` proposes a table."
    if not chosen.identity:
        yield "no identity: the envelope's id stands for it, and the same event sent again is stored again."
    if chosen.occurred is None:
        yield "no occurred: the envelope's time dates it, and the same event sent again may be dated anew."
    if document.tenant is None:
        yield "no tenant: it is stored, and shown to no client."
    if not chosen.index:
        yield "index = false: it is announced and not stored."
    if event.replay and not chosen.announce_replays:
        yield "it comes from a replay: it is stored and not announced; announce-replays = true would."
    if "ignored" in fields:
        yield f"left out, for there is an object inside: {', '.join(fields['ignored'])}."
    if "raw" in fields:
        yield "longer than an index takes: the indexed copy of detail is cut, and raw has the whole text."


def as_fields(trial: Trial) -> dict[str, Any]:
    """Write a trial as JSON."""
    document = trial.document
    return {
        "place": trial.place,
        "route": trial.chosen and trial.chosen.number,
        "why": trial.chosen and trial.chosen.why,
        "passed_over": [{"route": each.number, "why": each.why} for each in trial.considered[:-1]],
        "index": document and document.index,
        "id": document and document.id,
        "document": orjson.loads(document.body) if document else None,
        "delta": trial.delta or None,
        "notes": trial.notes,
        "rejected": dict(zip(("reason", "text"), trial.rejected, strict=True)) if trial.rejected else None,
    }


def as_text(trial: Trial, file: str) -> Iterator[str]:
    """Write a trial for people."""
    yield (
        trial.place
        if trial.event is None
        else f"{trial.place}: {trial.event.source} {trial.event.detail_type}"
    )
    for each in trial.considered:
        name = f"route {each.number} of {file}" if each.number else "the built-in route"
        yield _labelled("route" if each.takes else "not", f"{name}: {each.why}")
    if trial.rejected:
        yield _labelled("rejected", f"{trial.rejected[0]}: {trial.rejected[1]}")
        return
    assert trial.document is not None  # noqa: S101 - what is not rejected has one
    yield _labelled("index", trial.document.index)
    yield _labelled("id", trial.document.id)
    for note in trial.notes:
        yield _labelled("note", note)
    yield _labelled("document", json.dumps(orjson.loads(trial.document.body), indent=2, ensure_ascii=False))
    yield _labelled("delta", json.dumps(trial.delta, indent=2, ensure_ascii=False))


def _labelled(label: str, text: str) -> str:
    return f"  {label:{INDENT}}" + text.replace("\n", f"\n  {'':{INDENT}}")
