"""Sampled events become a proposal: routes, and the index template of their family.

A proposal is read by a person before it is used. So it names what spoke for each choice, what else could
have been chosen, and what the sample cannot tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from pipeline.core import candidates
from pipeline.core.columns import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipeline.core.model import Event, JsonObject

FEW = 30
"""Events; what is unique among fewer may be so by chance."""

FIELDS: Mapping[str, JsonObject] = {
    "text": {"type": "keyword", "ignore_above": 8191},
    "number": {"type": "double", "ignore_malformed": True},
    "boolean": {"type": "keyword", "ignore_above": 8191},
}
"""Kind of an attribute to its field: one that takes whatever else may come one day.

``ignore_above`` is in characters, of four bytes at most, and a term has 32,766 bytes:
https://docs.opensearch.org/latest/field-types/supported-field-types/keyword/
"""

_BUILT_IN = "events"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one family.

    Attributes:
        toml: Its ``[[route]]`` tables, with the reasons as comments.
        template: The body of its index template.
    """

    family: str
    toml: str
    template: JsonObject

    @property
    def file(self) -> str:
        """Where the template belongs."""
        return f"index_templates/livedex-{self.family}.json"


def propose(events: Iterable[Event], family: str | None = None) -> list[Proposal]:
    """Propose routes for sampled events.

    Args:
        events: Checked envelopes; an event that was sent twice counts once.
        family: One family for all; else each source's own name makes one.

    Returns:
        One proposal a family, in the order in which their sources are first met; none for a source with a
        star in it, which would be read as a prefix. Its routes and its template are such that
        ``route.routes`` and OpenSearch take them.
    """
    families: dict[str, list[Event]] = {}
    for event in _different(events):
        if "*" not in event.source:
            families.setdefault(family or _family(event.source), []).append(event)
    return [_proposal(name, sampled) for name, sampled in families.items()]


def _different(events: Iterable[Event]) -> Iterator[Event]:
    seen = set()
    for event in events:
        fact = (event.source, event.detail_type, orjson.dumps(event.detail, option=orjson.OPT_SORT_KEYS))
        if fact not in seen:
            seen.add(fact)
            yield event


def _family(source: str) -> str:
    words = re.findall(r"[a-z0-9_]+", source.lower())
    name = (words[-1] if words else "").lstrip("_0123456789")[:100]
    return name if name and name != _BUILT_IN else f"own_{_BUILT_IN}"


def _proposal(family: str, events: Sequence[Event]) -> Proposal:
    attributes = candidates.attributes(columns([event.detail for event in events]), len(events))
    tables = [_table(family, part, attributes, by_type=by_type) for part, by_type in _parts(events)]
    properties = {name: FIELDS[kind] for name, (_, kind) in attributes.items()}
    template = {
        "index_patterns": [f"{family}-*"],
        "priority": 200,
        "composed_of": ["livedex-common"],
        "template": {"mappings": {"properties": properties}},
    }
    return Proposal(family, "\n".join(tables), template)


def _parts(events: Sequence[Event]) -> Iterator[tuple[Sequence[Event], bool]]:
    """Divide events into tables: as few as let each have an identity, where it can have one.

    Yields:
        The events of a table, and whether it is one of several of its source, told apart by detail-type.
    """
    if candidates.identities(events):
        yield events, False
        return
    for own in _grouped(events, lambda event: event.source):
        types = _grouped(own, lambda event: event.detail_type)
        if len(types) == 1 or candidates.identities(own):
            yield own, False
        else:
            yield from ((part, True) for part in types)


def _grouped(events: Iterable[Event], key: Callable[[Event], str]) -> list[list[Event]]:
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(key(event), []).append(event)
    return list(groups.values())


# --- the text ---------------------------------------------------------------------------------


def _table(
    family: str, events: Sequence[Event], attributes: Mapping[str, tuple[str, str]], *, by_type: bool
) -> str:
    """Write one table, with its reasons."""
    found = columns([event.detail for event in events])
    own = {name: (path, kind) for name, (path, kind) in attributes.items() if path in found}
    identities = candidates.identities(events)
    whose, line = candidates.tenant(found.values()), candidates.message(found.values(), own)
    taken = [*(identities[0] if identities else ()), *(path for path, _ in own.values()), whose or ""]
    lines = [
        "[[route]]",
        f"source = {_texts(dict.fromkeys(event.source for event in events))}",
        *([f"detail-type = {_text(events[0].detail_type)}"] if by_type else []),
        f"family = {_text(family)}",
        *_identity(identities, len(events)),
        *_occurred(candidates.times(found.values(), len(events))),
        f"tenant = {_text(whose)}" if whose else _NO_TENANT,
        *([f"message = {_text(line)}"] if line else []),
        f"delta = {_texts(candidates.excerpts(found.values(), taken))}",
        "",
        "[route.attributes]",
        *(f"{name} = {_attribute(path, kind)}" for name, (path, kind) in own.items()),
    ]
    return "\n".join([*lines, ""])


_NO_TENANT = (
    '# tenant = "…": no key is called so. Where tenancy is required, clients see no event without one.'
)


def _identity(found: Sequence[tuple[str, ...]], count: int) -> Iterator[str]:
    if not found:
        yield "# identity = […]: no key is in every event and tells them apart. Until you name one, the"
        yield "# envelope's id stands for it, and an event that is sent again is stored again."
        return
    few = ", which is few: it may be so by chance" if count < FEW else ""
    yield f"# It tells the {count} different events of the sample apart{few}. An event that is sent again"
    yield "# must have the same value."
    if found[1:]:
        yield f"# So would {' or '.join(_texts(paths) for paths in found[1:4])}."
    yield f"identity = {_texts(found[0])}"


def _occurred(found: Sequence[str]) -> Iterator[str]:
    if not found:
        yield '# occurred = "…": no time is in every event. Until you name one, the envelope\'s stands for'
        yield "# it, and an event that is sent again on another day is stored again."
        return
    if found[1:]:
        yield f"# Other times that every event has: {_texts(found[1:4])}."
    yield f"occurred = {_text(found[0])}"


def _attribute(path: str, kind: str) -> str:
    return _text(path) if kind == "text" else f"{{ path = {_text(path)}, type = {_text(kind)} }}"


def _texts(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _text(text: str) -> str:
    """Write a TOML string, which is a JSON one but for DEL."""
    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")
