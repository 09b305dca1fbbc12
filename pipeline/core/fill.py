"""Events whose like was seen before become their documents without being taken apart.

This is the short way of ``parse``, ``route`` and ``normalise``: it gives the documents that they give, in
half the time, but for the text of ``detail``, which stays as it was written. Where it is not sure that it
would, it gives nothing, and they are asked. So it rejects nothing and decides nothing.

What it does not look for are faults of ``detail`` that OpenSearch finds: a key that stands twice in one
object, a number of a thousand digits. Whoever sees its document refused takes the long way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec
import orjson

from pipeline.core import draft, kind
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.document import Document
    from pipeline.core.form import Form
    from pipeline.core.kind import Envelope, Kind
    from pipeline.core.model import Route

    Filled: TypeAlias = tuple[Envelope, Route, Document]
    """A document that the short way made, and of what."""

T = TypeVar("T")

MOST_KINDS, MOST_FORMS = 1_000, 64
"""Kinds that are remembered, and forms of each; whoever sends more has made them up."""


@noun
class Kinds:
    """The kinds of events that one process has seen; grows, up to ``MOST_KINDS``."""

    known: dict[tuple[str, str], Kind | None] = field(default_factory=dict)

    def learn(self, source: str, detail_type: str, route: Route, *, single_tenant: bool) -> None:
        """Work out how such events are read, if that was not done yet."""
        key = source, detail_type
        if key not in self.known and len(self.known) < MOST_KINDS:
            self.known[key] = kind.kind(source, detail_type, route, single_tenant=single_tenant)


@dataclass(slots=True)
class _Group:
    """Events of one kind: which bodies they are, their envelopes, and what was read of them."""

    kind: Kind
    numbers: list[int] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    read: list[msgspec.Struct] = field(default_factory=list)


def documents(bodies: Sequence[str], kinds: Kinds, now: int) -> list[Filled | None]:
    """Make the documents of events by the forms of those like them.

    Args:
        bodies: The envelopes' JSON texts.
        kinds: What was learned of events by taking them apart.
        now: As for ``normalise``.

    Returns:
        For each body what became of it; None for an event that has to be taken apart.
    """
    filled: list[Filled | None] = [None] * len(bodies)
    for group in _grouped(bodies, kinds):
        columns = group.kind.columns(group.read)
        for types, members in _alike(columns):
            chosen = _form(group.kind, types)
            if chosen is None:
                continue
            envelopes, read = _chosen(members, group.envelopes), _chosen(members, group.read)
            values = [_chosen(members, column) for column in columns]
            try:
                made = chosen.documents(envelopes, read, values, now)
            except (ValueError, orjson.JSONEncodeError):
                continue
            each = zip(envelopes, repeat(group.kind.route), made, strict=False)
            for number, document in zip(_chosen(members, group.numbers), each, strict=True):
                filled[number] = document
    return filled


def _grouped(bodies: Sequence[str], kinds: Kinds) -> Iterable[_Group]:
    """The events of kinds that are known."""
    groups: dict[tuple[str, str], _Group] = {}
    for number, body in enumerate(bodies):
        # Without a backslash, what stands between quotes is a text and its JSON. A line end would end the
        # document's line.
        if "\\" in body or "\n" in body:
            continue
        try:
            envelope = _envelope(body)
            key = envelope.source, envelope.detail_type
            group = groups.get(key)
            if group is None:
                known = kinds.known.get(key)
                if known is None:
                    continue
                group = groups[key] = _Group(known)
            group.read.append(group.kind.read(envelope.detail))
            group.numbers.append(number)
            group.envelopes.append(envelope)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            continue
    return [group for group in groups.values() if group.read]


_envelope = msgspec.json.Decoder(kind.Envelope).decode


def _alike(columns: Sequence[Sequence[object]]) -> Iterable[tuple[tuple[type, ...], list[int] | None]]:
    """Which events have values of the same types; None for all, which is the usual case."""
    types = [set(map(type, column)) for column in columns]
    if all(len(each) == 1 for each in types):
        return [(tuple(each.pop() for each in types), None)]
    alike: defaultdict[tuple[type, ...], list[int]] = defaultdict(list)
    for member, each in enumerate(zip(*(map(type, column) for column in columns), strict=True)):
        alike[each].append(member)
    return alike.items()


def _chosen(members: list[int] | None, values: Sequence[T]) -> Sequence[T]:
    return values if members is None else [values[member] for member in members]


def _form(known: Kind, types: tuple[type, ...]) -> Form | None:
    if types not in known.forms:
        if len(known.forms) == MOST_FORMS:
            return None
        known.forms[types] = draft.form(known, types)
    chosen: Form | None = known.forms[types]
    return chosen
