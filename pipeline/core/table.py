"""One ``[[route]]`` table as it is written: its keys, and what is wrong with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from pipeline.core import template
from pipeline.core.model import COMMON_FIELDS, FIELD_TYPES, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

EXAMPLES = {
    "source": 'source = "payments"',
    "family": 'family = "metrics"',
    "detail-type": 'detail-type = ["PaymentFailed", "PaymentSettled"]',
    "identity": 'identity = ["paymentId", "attempt"]',
    "occurred": 'occurred = "occurredAt"',
    "tenant": 'tenant = "merchantId"',
    "attributes": 'attributes = { service = "service", latencyMs = "timings.totalMs" }',
    "message": 'message = "{operation} took {timings.totalMs} ms"',
    "delta": 'delta = ["amount", "currency"]',
    "index": "index = false",
    "announce-replays": "announce-replays = true",
    "retention-days": "retention-days = 14",
    "lateness-days": "lateness-days = 7",
}
"""The keys that a table may have, each as it is written."""

_SHOWN = 80
"""Characters of what was written that its mistake repeats."""


class TableError(ValueError):
    """What is wrong in one table.

    Attributes:
        lines: One for each mistake: the key in quotes, what is wrong there, and the way out.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read(written: dict[str, Any]) -> tuple[Route, ...]:
    """Read a table into its routes, one for each source it names.

    Raises:
        TableError: All that is wrong in it.
    """
    try:
        return tuple(_Table.model_validate(written).routes())
    except ValidationError as error:
        raise TableError([_mistake(details) for details in error.errors()]) from None


# --- values -----------------------------------------------------------------------------------


def _family(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", text):
        raise ValueError(
            "a family begins index names: a lower-case letter, then up to 99 of these, digits or _; "
            "no hyphen, or the pattern 'a-*' would also take the indices of 'a-b'"
        )
    return text


def attribute_name(name: str) -> str:
    """Check the name of an attribute, which becomes a field at the top of every document.

    OpenSearch itself refuses an empty name, a dot at either end and two in a row. A dot between would
    make an object of the field, with which a field of the first part's name cannot live.

    Raises:
        ValueError: The name cannot be; says what may.
    """
    if name in COMMON_FIELDS or name == "family":
        raise ValueError(f"'{name}' is a field of every document: choose another name for the attribute")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name):
        close = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_0123456789")[:100]
        hint = f", such as '{close}'" if close else ""
        raise ValueError(
            f"'{name}' cannot name an attribute: use a letter, then up to 99 letters, digits or _{hint}"
        )
    return name


def _path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a path is one or more keys with dots between them, such as 'timings.totalMs'")
    return text


def _message(text: str) -> str:
    if not template.is_template(text):
        return _path(text)
    template.parts(text)
    return text


def _source(text: str) -> str:
    if not text or "*" in text[:-1]:
        raise ValueError("a source is exact ('payments') or a prefix that ends in its only * ('shop.*')")
    return text


def _kind(name: str) -> str:
    if name not in FIELD_TYPES:
        raise ValueError(f"an attribute is one of {_quoted(FIELD_TYPES)}")
    return name


def _lateness(days: int, info: ValidationInfo) -> int:
    retention = info.data.get("retention_days", days + 1)
    if days >= retention:
        raise ValueError(
            f"it must be less than 'retention-days', {retention}: an index that was deleted would come again"
        )
    return days


def _list(value: Any) -> Any:  # noqa: ANN401 - before any check
    return [value] if isinstance(value, str) else value


def _attribute(value: Any) -> Any:  # noqa: ANN401 - before any check
    if isinstance(value, str):
        return {"path": value}
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic collects these
            "an attribute is a path, such as 'timings.totalMs', or "
            "{ path = 'timings.totalMs', type = 'number' }"
        )
    return value


_Path = Annotated[str, AfterValidator(_path)]
_Sources = Annotated[
    list[Annotated[str, AfterValidator(_source)]], BeforeValidator(_list), Field(min_length=1)
]
_Paths = Annotated[list[_Path], BeforeValidator(_list)]
_Names = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_list)]

# --- the table --------------------------------------------------------------------------------


class _Attribute(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    path: _Path
    type: Annotated[str, AfterValidator(_kind)] | None = None


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    source: _Sources
    detail_type: _Names = []
    family: Annotated[str, AfterValidator(_family)]
    identity: _Paths = []
    occurred: _Path | None = None
    tenant: _Path | None = None
    attributes: dict[
        Annotated[str, AfterValidator(attribute_name)], Annotated[_Attribute, BeforeValidator(_attribute)]
    ] = {}
    message: Annotated[str, AfterValidator(_message)] | None = None
    delta: _Paths = []
    index: bool = True
    announce_replays: bool = False
    retention_days: Annotated[int, Field(ge=2, le=36_500)] = 14
    lateness_days: Annotated[int, Field(ge=1), AfterValidator(_lateness)] | None = None

    def routes(self) -> Iterable[Route]:
        for source in self.source:
            yield Route(
                source=source,
                family=self.family,
                detail_types=tuple(self.detail_type),
                identity=tuple(self.identity),
                occurred=self.occurred,
                tenant=self.tenant,
                attributes=tuple((name, attribute.path) for name, attribute in self.attributes.items()),
                message=self.message,
                delta=tuple(self.delta),
                index=self.index,
                announce_replays=self.announce_replays,
                retention_days=self.retention_days,
                lateness_days=self.lateness_days,
                kinds=tuple((name, each.type) for name, each in self.attributes.items() if each.type),
            )


# --- mistakes ---------------------------------------------------------------------------------


def _mistake(details: ErrorDetails) -> str:
    """Say which key is wrong, and what it may be."""
    steps = [str(step) for step in details["loc"] if isinstance(step, str) and step != "[key]"]
    if details["type"] != "missing" and steps[2:] == ["path"]:
        del steps[2:]  # most attributes are a path alone
    key, top = ".".join(steps), steps[0]
    match details["type"]:
        case "missing" if len(steps) > 1:
            text = "missing; an attribute has a path, and may have a type"
        case "missing":
            text = f"missing; every route has a source and a family, such as {EXAMPLES[top]}"
        case "extra_forbidden" if len(steps) > 1:
            text = "no key of an attribute; it has a 'path', and may have a 'type'"
        case "extra_forbidden":
            import difflib  # noqa: PLC0415 - wanted for a mistake alone

            close = difflib.get_close_matches(key, EXAMPLES, n=1)
            text = f"no key of a route; perhaps you mean {_quoted(close or EXAMPLES)}"
        case "value_error":
            text = f"{details['msg'].removeprefix('Value error, ')}; it is {_shown(details['input'])}"
        case _:
            text = f"{details['msg']}; it is {_shown(details['input'])}; write it as in {EXAMPLES[top]}"
    return f"'{key}': {text}."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
