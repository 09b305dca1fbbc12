"""The bodies that files want the cluster to have, and what they make of a family's indices.

Index templates, component templates and ISM policies are plain OpenSearch bodies, one a file; nothing
in them is ours.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import ism, lifecycle
from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pipeline.core.model import JsonObject

TEMPLATES, POLICIES = "index_templates", "ism_policies"
"""The folders that hold the bodies; a file's name is its body's name."""

NUMERIC_TYPES = frozenset({"byte", "short", "integer", "long", "float", "double"})
"""Field types whose ranges compare numbers (``half_float`` and ``scaled_float`` round too coarsely).

https://docs.opensearch.org/latest/field-types/supported-field-types/numeric/
"""


class Kind(Enum):
    """What a body is, in the order of applying: a template may only name components that exist."""

    COMPONENT_TEMPLATE = "component template"
    INDEX_TEMPLATE = "index template"
    POLICY = "policy"


@noun
class Wanted:
    """One file's body, exactly as OpenSearch shall get it."""

    kind: Kind
    name: str
    body: JsonObject

    @property
    def title(self) -> str:
        """What people call it, such as ``index template livedex-metrics``."""
        return f"{self.kind.value} {self.name}"

    @property
    def file(self) -> str:
        """Where it is written."""
        return f"{POLICIES if self.kind is Kind.POLICY else TEMPLATES}/{self.name}.json"


# --- reading ----------------------------------------------------------------------------------


def wanted(files: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    """Read the bodies, and refuse policies that ISM would refuse late or misread in silence.

    Args:
        files: Content by path, such as ``index_templates/livedex-metrics.json``.

    Returns:
        In the order in which they are to be applied.

    Raises:
        Refused: ``bad-template`` or ``bad-policy``; the text names the file and the key.
    """
    bodies = read(files)
    mistakes = [f"{body.file}: {fault.text}" for body in bodies for fault in faults(body)]
    if mistakes:
        raise Refused("bad-policy", "\n".join(mistakes))
    return bodies


def read(files: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    """Read the bodies as they are, policies with their faults, in the order in which they are applied.

    Raises:
        Refused: ``bad-template``: a file holds no body at all; the text names it.
    """
    found = [_read(path, content) for path, content in files.items()]
    order = list(Kind)
    return tuple(sorted(found, key=lambda body: (order.index(body.kind), body.name)))


def faults(body: Wanted) -> tuple[ism.Fault, ...]:
    """The mistakes in a policy; a template has none that OpenSearch would not name."""
    return tuple(ism.faults(body.body)) if body.kind is Kind.POLICY else ()


def _read(path: str, content: bytes) -> Wanted:
    folder, _, name = path.rpartition("/")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as problem:
        raise Refused("bad-template", f"{path} is no JSON: {problem}.") from None
    if not isinstance(body, dict):
        raise Refused(
            "bad-template", f"{path} holds no JSON object: write a body as OpenSearch documents it."
        )
    name = name.removesuffix(".json")
    if folder == POLICIES:
        return Wanted(Kind.POLICY, name, body)
    if folder == TEMPLATES and isinstance(body.get("template", {}), dict):
        if "index_patterns" in body:
            return Wanted(Kind.INDEX_TEMPLATE, name, body)
        if "template" in body:
            return Wanted(Kind.COMPONENT_TEMPLATE, name, body)
    raise Refused(
        "bad-template",
        f"{path} is neither an index template (no `index_patterns`) nor a component template (no object "
        f"`template`), or it lies in neither {TEMPLATES}/ nor {POLICIES}/.",
    )


# --- what a family's indices get --------------------------------------------------------------


@noun
class Layout:
    """What the templates give a family's new indices.

    Attributes:
        template: The one whose priority is highest.
        rivals: Others of the same priority, which OpenSearch refuses.
        missing: Component templates that it names and no file has.
        dynamic: What becomes of fields that are not mapped, as text.
        fields: The mapping of each field.
        ignores_malformed: Whether a value that does not fit its field is left out instead of refused.
    """

    template: Wanted
    rivals: tuple[Wanted, ...]
    missing: tuple[str, ...]
    dynamic: str
    fields: Mapping[str, JsonObject]
    ignores_malformed: bool


def layout(family: str, bodies: Iterable[Wanted]) -> Layout | None:
    """Lay a family's templates over each other as OpenSearch does; None where no template is for it."""
    bodies = tuple(bodies)
    templates = [
        body
        for body in bodies
        if body.kind is Kind.INDEX_TEMPLATE and lifecycle.covers(listed(body.body["index_patterns"]), family)
    ]
    if not templates:
        return None
    chosen = max(templates, key=_priority)
    rivals = [body for body in templates if body is not chosen and _priority(body) == _priority(chosen)]
    components = {body.name: body.body for body in bodies if body.kind is Kind.COMPONENT_TEMPLATE}
    composed = listed(chosen.body.get("composed_of"))
    parts = [*(components.get(name, {}) for name in composed), chosen.body]
    mappings = [(part.get("template") or {}).get("mappings") or {} for part in parts]
    settings = [dict(settings_of(part)) for part in parts]
    malformed = [each["index.mapping.ignore_malformed"] for each in settings if _MALFORMED in each]
    dynamic = [as_text(each["dynamic"]) for each in mappings if "dynamic" in each]
    return Layout(
        chosen,
        tuple(rivals),
        tuple(name for name in composed if name not in components),
        dynamic[-1] if dynamic else "true",
        {name: field for each in mappings for name, field in each.get("properties", {}).items()},
        malformed[-1:] == ["true"],
    )


_MALFORMED = "index.mapping.ignore_malformed"


def numeric(bodies: Iterable[Wanted], attributes: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Name the attributes that a range query finds in every index that can have them.

    Args:
        bodies: The wanted templates.
        attributes: For each family the attributes that its routes declare.

    Returns:
        Attributes that the template of each family declaring them maps as a number.
    """
    bodies = tuple(bodies)
    found, refused = set[str](), set[str]()
    for family, names in attributes.items():
        laid = layout(family, bodies)
        fields = laid.fields if laid else {}
        mapped = {name for name, field in fields.items() if field.get("type") in NUMERIC_TYPES}
        found |= mapped.intersection(names)
        refused |= set(names) - mapped
    return frozenset(found - refused)


def policies_of(family: str, bodies: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The policy that a family's new indices get; several if ISM could not choose; only sound ones."""
    sound = [body for body in bodies if body.kind is Kind.POLICY and not faults(body)]
    chosen = lifecycle.governing(family, [body.body for body in sound])
    return tuple(body for body in sound if any(body.body is each for each in chosen))


def _priority(template: Wanted) -> int:
    return int(template.body.get("priority") or 0)


# --- one form of what OpenSearch takes in several ---------------------------------------------


def settings_of(template: JsonObject) -> Sequence[tuple[str, Any]]:
    """A template's settings by their dotted names under ``index.``, as strings, as OpenSearch keeps them."""
    return list(_flat((template.get("template") or {}).get("settings") or {}, ""))


def _flat(settings: JsonObject, prefix: str) -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif value is not None:
            name = name if name.startswith("index.") else f"index.{name}"
            yield name, [as_text(item) for item in value] if isinstance(value, list) else as_text(value)


def as_text(value: object) -> str:
    """A setting's value as OpenSearch writes it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """One value as a list of one; nothing as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
