"""Forms: the text of a document with gaps for values, for events whose values have the same types.

A form is filled in for many events at once, a column at a time, since in Python a loop that a built-in
function runs costs a fraction of one that is written out. It knows scalars only, and of them only those whose
text is surely what ``normalise`` would write. Where that is not sure there is no form, or an ``UnsureError``,
and the events take the long way.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from pipeline.core import instant, terms
from pipeline.core.document import Carried, Document
from pipeline.core.model import MAX_DEPTH
from pipeline.core.noun import noun
from pipeline.core.oversize import LONGEST_TERM
from pipeline.core.tenant import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import msgspec

    from pipeline.core.kind import Column, Envelope, Kind

    Write: TypeAlias = Callable[[Column], list[str]]

MOMENT, DAY, ID, MESSAGE, FIRST = range(5)
"""Places of the texts that are found out for each event; those of its values stand from FIRST on."""

LARGEST_PLAIN = 10.0**16
"""From here on ``repr`` writes an exponent, and not as orjson does."""


class UnsureError(ValueError):
    """One of these events may be unlike the others of its form: they have to take the long way."""


@noun
class Form:
    """What becomes of the events of one kind whose values have certain types.

    Attributes:
        kind: Theirs.
        text: The document's lines up to ``detail``: text, the place of what stands behind it, text, …, text.
        written: Values that are no text, or that have to be looked at: their place, and what writes them.
        floats: Places of numbers whose literals, for tokens and lines, stand behind all values.
        identity: Which values the fact is known by.
        tenant: Which value is the tenant, or None where all have the same.
        occurred: Which value says when it happened, or None where the envelope does.
        attributes: Which values are attributes.
        carried: Gets the attributes and the excerpt from what was read of an event.
        message: What the line is made of: text, place, text, …, text; the place alone where it is a value;
            None for none.
        longest: Bytes that the whole has at most if no attribute can be too long for its token.
    """

    kind: Kind
    text: tuple[str | int, ...]
    written: tuple[tuple[int, Write], ...]
    floats: tuple[int, ...]
    identity: tuple[int, ...]
    tenant: int | None
    occurred: int | None
    attributes: tuple[int, ...]
    carried: Carried
    message: tuple[str | int, ...] | int | None
    longest: int

    def documents(
        self, envelopes: Sequence[Envelope], read: Sequence[object], columns: Sequence[Column], now: int
    ) -> list[Document]:
        """Fill the form in for some events.

        Args:
            envelopes: Theirs; at least one.
            read: What was read of each.
            columns: Its values, a column for each of the kind's.
            now: In ms.

        Raises:
            UnsureError: ``normalise`` has to look at them, and may reject some; so too for a ValueError of
                ``instant.dated``, or orjson's JSONEncodeError.
        """
        kind = self.kind
        for time in {each.time for each in envelopes}:
            instant.read(time)
        when = columns[self.occurred] if self.occurred is not None else [each.time for each in envelopes]
        moments, timestamps, days = zip(*map(instant.dated, when), strict=True)
        _check_ages(moments, kind.lateness, now)
        tenants = repeat(kind.owner) if self.tenant is None else _checked(columns[self.tenant])
        identity = [columns[each] for each in self.identity] or [[each.id for each in envelopes]]
        ids = _ids(zip(repeat(kind.source), repeat(kind.detail_type), tenants, *identity, strict=False))
        texts: list[Column] = [timestamps, days, ids, (), *columns]
        for place, write in self.written:
            texts[place] = write(texts[place])
        texts += [[text.removesuffix(".0") for text in texts[place]] for place in self.floats]
        messages = self._messages(texts, len(envelopes))
        heads = list(map(str.encode, _woven(self.text, texts, len(envelopes))))
        details = [each.detail for each in envelopes]
        _check_depths(details)
        self._check_lengths(columns, max(map(add, map(len, heads), map(len, details))))
        return list(
            map(
                Document,
                map({day: f"{kind.route.family}-{day}" for day in set(days)}.__getitem__, days),
                ids,
                repeat(kind.route.family),
                tenants,
                repeat(kind.source),
                repeat(kind.detail_type),
                moments,
                messages,
                heads,
                details,
                read,
                repeat(self.carried),
            )
        )

    def _messages(self, texts: list[Column], count: int) -> Column:
        """The lines that people read; those that are made are put in their place as JSON."""
        if self.message is None or isinstance(self.message, int):
            return [None] * count if self.message is None else texts[self.message]
        made = list(_woven(self.message, texts, count))
        texts[MESSAGE] = [orjson.dumps(line).decode() for line in made]
        return made

    def _check_lengths(self, columns: Sequence[Column], longest: int) -> None:
        if longest <= self.longest:
            return
        strings = (value for place in self.attributes for value in columns[place])
        if longest > LONGEST_TERM or any(
            isinstance(each, str) and len(each) > self.longest for each in strings
        ):
            raise UnsureError


# --- filling in -------------------------------------------------------------------------------


def _check_ages(moments: Sequence[int], lateness: int, now: int) -> None:
    oldest = min(moments)
    if oldest - oldest % instant.DAY + lateness <= now or max(moments) > now + instant.DAY:
        raise UnsureError


def _check_depths(details: Sequence[msgspec.Raw]) -> None:
    """Nothing is nested deeper than it has opening brackets, and a level of objects has five characters."""
    if b"[" in b"".join(details) or max(map(len, details)) >= len('{"":}') * MAX_DEPTH:
        for detail in map(bytes, details):
            if detail.count(b"{") + detail.count(b"[") >= MAX_DEPTH:
                raise UnsureError


def _checked(tenants: Column) -> Column:
    if not all(tenant and fits(tenant) for tenant in set(tenants)):
        raise UnsureError
    return tenants


_NOTHING_HASHED = sha256()
"""Copied for each id: making one anew takes OpenSSL longer than the hashing."""


def _ids(identities: Iterable[tuple[Any, ...]]) -> list[str]:
    ids: list[str] = []
    for identity in map(orjson.dumps, identities):
        hashed = _NOTHING_HASHED.copy()
        hashed.update(identity)
        ids.append(hashed.hexdigest())
    return ids


def _woven(text: Iterable[str | int], texts: Sequence[Column], count: int) -> Iterator[str]:
    """One text for each event: what stands in all of them, and between it what stands at its places."""
    threads = [texts[part] if isinstance(part, int) else repeat(part, count) for part in text]
    return map("".join, zip(*threads, strict=True))


def _integers(column: Column) -> list[str]:
    """Write integers that orjson, too, reads as such; those beyond 64 bits become floats there."""
    if min(column) < terms.MIN_INTEGER or max(column) > terms.MAX_INTEGER:
        raise UnsureError
    return list(map(str, column))


def _floats(column: Column) -> list[str]:
    texts = list(map(repr, column))
    if min(column) <= -LARGEST_PLAIN or max(column) >= LARGEST_PLAIN or "-0.0" in texts:
        raise UnsureError
    return texts


def _names(column: Column) -> list[str]:
    return [_NAMES[value] for value in column]


_NAMES = {True: "true", False: "false", None: "null"}
WRITERS: Mapping[type, Write] = {int: _integers, float: _floats, bool: _names, type(None): _names}
"""What writes the values of these types; a text is its own."""
