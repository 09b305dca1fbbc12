"""A document's fields -> the terms that queries see, as OpenSearch's mappings make them.

Far enough for our own templates. A value that the mapping drops is found no more here than there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.core import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.model import JsonObject

Term: TypeAlias = "str | int | float | bool"

MAX_TERM = 32_766
"""Bytes of UTF-8; Lucene refuses a document with a longer term.

https://lucene.apache.org/core/10_3_1/core/org/apache/lucene/index/IndexWriter.html#MAX_TERM_LENGTH
"""

MAX_WORD = 255
"""Characters at which the standard analyzer cuts a word.

https://docs.opensearch.org/latest/analyzers/supported-analyzers/standard/
"""

_NUMBERS = {"byte": int, "short": int, "integer": int, "long": int, "float": float, "double": float}


class MappingError(Exception):
    """A document that OpenSearch refuses with 400.

    Attributes:
        type: OpenSearch's ``error.type``.
    """

    def __init__(self, type_: str, reason: str) -> None:
        super().__init__(reason)
        self.type = type_


@dataclass(frozen=True, slots=True)
class Terms:
    """A document as its mapping indexed it.

    Attributes:
        ignored: Fields of which a value was dropped (``_ignored``).
    """

    fields: Mapping[str, Sequence[Term]]
    ignored: Sequence[str] = ()


def indexed(source: JsonObject, mapping: JsonObject | None, document_id: str) -> Terms:
    """Make the terms of a document.

    Args:
        source: The document.
        mapping: The index's ``mappings``; None maps every field by the values that come.
        document_id: For the error's words.

    Raises:
        MappingError: The document is refused.
    """
    properties = _guessed(source) if mapping is None else mapping.get("properties", {})
    fields: dict[str, list[Term]] = {}
    ignored = []
    for name, given in properties.items():
        values = [value for value in _flat(source.get(name)) if value is not None]
        try:
            terms = [term for value in values for term in _terms(name, value, given)]
        except (ValueError, TypeError, OverflowError):
            if given.get("ignore_malformed") is False:
                raise _malformed(name, given["type"], document_id, source[name]) from None
            ignored.append(name)
            terms = [term for value in values for term in _readable(name, value, given)]
        if given["type"] == "keyword" and any(
            len(str(t)) > given.get("ignore_above", math.inf) for t in terms
        ):
            ignored.append(name)
            terms = [term for term in terms if len(str(term)) <= given["ignore_above"]]
        _refuse_immense(name, terms)
        fields[name] = terms
    return Terms(fields, ignored)


def _terms(name: str, value: Any, given: JsonObject) -> Iterator[Term]:  # noqa: ANN401 - any JSON
    """Make a value's terms; raises ValueError or TypeError where the type cannot take it."""
    match given["type"]:
        case "keyword" if not isinstance(value, dict):
            yield _word(value)
        case "date":
            yield _moment(value, given.get("format", ""))
        case "text" if not isinstance(value, dict):
            for word in _word(value).lower().split():
                yield from (word[start : start + MAX_WORD] for start in range(0, len(word), MAX_WORD))
        case number if number in _NUMBERS:
            number_ = float(value)
            if not math.isfinite(number_):
                raise ValueError(value)
            yield _NUMBERS[number](number_)
        case "flat_object":
            yield from _paths(name, value)
        case _:
            return


def _readable(name: str, value: object, given: JsonObject) -> list[Term]:
    try:
        return list(_terms(name, value, given))
    except (ValueError, TypeError, OverflowError):
        return []


def _guessed(source: JsonObject) -> JsonObject:
    """A mapping by the values, for an index that no template matches."""
    kinds = {str: "keyword", bool: "keyword", int: "double", float: "double", dict: "flat_object"}
    firsts = {name: next((v for v in _flat(value) if v is not None), None) for name, value in source.items()}
    return {
        name: {"type": "date" if name == "@timestamp" else kinds[type(first)]}
        for name, first in firsts.items()
        if first is not None
    }


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _word(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _moment(value: Any, form: str) -> int:  # noqa: ANN401 - any JSON
    return int(value) if form == "epoch_millis" or isinstance(value, int) else instant.read(value)


def _paths(name: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(name, inner)
    else:
        yield f"{name}={_word(value)}"


def _refuse_immense(name: str, terms: Iterable[Term]) -> None:
    for term in terms:
        if isinstance(term, str) and len(term.encode()) > MAX_TERM:
            raise MappingError(
                "illegal_argument_exception",
                f'Document contains at least one immense term in field="{name}" '
                f"(whose UTF8 encoding is longer than the max length {MAX_TERM})",
            )


def _malformed(name: str, type_: str, document_id: str, value: object) -> MappingError:
    return MappingError(
        "mapper_parsing_exception",
        f"failed to parse field [{name}] of type [{type_}] in document with id '{document_id}'. "
        f"Preview of field's value: '{value}'",
    )
