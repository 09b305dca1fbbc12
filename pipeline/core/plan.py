"""Stage: index templates and policies as files want them, and as the cluster has them -> changes.

OpenSearch gives a body back in its own words: settings nested and as strings, lists where one value
was sent, defaults filled in. Both sides are put into one form before they are compared, so that what
was applied once is found unchanged ever after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pipeline.core.model import JsonObject

TEMPLATES, POLICIES = "index_templates", "ism_policies"
"""The folders that hold the bodies, one a file; the file's name is the body's name."""

NUMERIC_TYPES = frozenset({"byte", "short", "integer", "long", "float", "double"})
"""Field types whose ranges compare numbers (``half_float`` and ``scaled_float`` round too coarsely).

https://docs.opensearch.org/latest/field-types/supported-field-types/numeric/
"""

DEFAULT_RETRY: JsonObject = {"count": 3, "backoff": "exponential", "delay": "1m"}
"""What ISM fills in for an action without ``retry``.

https://docs.opensearch.org/latest/im-plugin/ism/policies/#actions
"""

_NOT_ACTIONS = frozenset({"retry", "timeout"})
_ADDED_BY_ISM = frozenset({"policy_id", "last_updated_time", "schema_version", "user"})


class Kind(Enum):
    """What a body is, in the order of applying: a template may only name components that exist."""

    COMPONENT_TEMPLATE = "component template"
    INDEX_TEMPLATE = "index template"
    POLICY = "policy"


class Action(Enum):
    """What has to be done so that the cluster has what is wanted."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file's body, exactly as OpenSearch shall get it."""

    kind: Kind
    name: str
    body: JsonObject

    @property
    def title(self) -> str:
        """What people call it, such as ``index template livedex-metrics``."""
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done for one body.

    Attributes:
        before: What the cluster has, in the form that is compared; None for nothing.
        after: What is wanted, in the same form.
        version: ``_seq_no`` and ``_primary_term`` of the policy that the cluster has.
    """

    wanted: Wanted
    action: Action
    before: JsonObject | None
    after: JsonObject
    version: tuple[int, int] | None = None


def wanted(files: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    """Read the bodies and refuse what OpenSearch would refuse late or misread in silence.

    Args:
        files: Content by path, such as ``index_templates/livedex-metrics.json``.

    Returns:
        In the order in which they are to be applied.

    Raises:
        Refused: ``bad-template`` or ``bad-policy``; the text names the file and the key.
    """
    bodies = [_read(path, content) for path, content in files.items()]
    order = list(Kind)
    return tuple(sorted(bodies, key=lambda body: (order.index(body.kind), body.name)))


def change(body: Wanted, found: JsonObject | None, version: tuple[int, int] | None = None) -> Change:
    """Compare a wanted body with the one that the cluster gave back under its name, or None."""
    form = _policy if body.kind is Kind.POLICY else _template
    after = form(body.body)
    if found is None:
        return Change(body, Action.CREATE, None, after)
    before = form(found)
    return Change(body, Action.KEEP if before == after else Action.UPDATE, before, after, version)


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
        mapped = _numeric_fields(bodies, f"{family}-")
        found |= mapped.intersection(names)
        refused |= set(names) - mapped
    return frozenset(found - refused)


def _numeric_fields(bodies: Sequence[Wanted], index: str) -> frozenset[str]:
    """The fields mapped as numbers in an index, by the matching template of the highest priority."""
    templates = [
        body.body
        for body in bodies
        if body.kind is Kind.INDEX_TEMPLATE
        and any(fnmatchcase(index, p) for p in _list(body.body["index_patterns"]))
    ]
    if not templates:
        return frozenset()
    template = max(templates, key=lambda body: body.get("priority", 0))
    components = {body.name: body.body for body in bodies if body.kind is Kind.COMPONENT_TEMPLATE}
    parts = [*(components.get(name, {}) for name in _list(template.get("composed_of"))), template]
    types = {
        name: field.get("type")
        for part in parts
        for name, field in part.get("template", {}).get("mappings", {}).get("properties", {}).items()
    }
    return frozenset(name for name, type_ in types.items() if type_ in NUMERIC_TYPES)


# --- reading ----------------------------------------------------------------------------------


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
        return Wanted(Kind.POLICY, name, _checked_policy(path, body))
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


def _checked_policy(path: str, body: JsonObject) -> JsonObject:
    policy = body.get("policy")
    if not isinstance(policy, dict) or len(body) > 1:
        raise Refused(
            "bad-policy", f'{path} must have one key, "policy", with an object; it has {sorted(body)}.'
        )
    states = policy.get("states")
    if not isinstance(states, list) or not all(isinstance(state, dict) for state in states):
        raise Refused("bad-policy", f"{path}: `policy.states` must be a list of objects.")
    for state in states:
        for fault in _silent_faults(state):
            raise Refused("bad-policy", f"{path}: state {state.get('name')!r}: {fault}")
    return body


def _silent_faults(state: JsonObject) -> Iterator[str]:
    """What ISM accepts with status 200 and then does not do."""
    for action in _list(state.get("actions")):
        names = sorted(set(action) - _NOT_ACTIONS)
        if len(names) > 1:
            yield f"`actions` has one object with {names}; ISM keeps only the last: one object for each."
    for transition, following in pairwise(_list(state.get("transitions"))):
        if "conditions" not in transition:
            yield (
                f"`transitions` goes to {transition.get('state_name')!r} on no condition, so the one to "
                f"{following.get('state_name')!r} is never reached; put it last."
            )


# --- one form for both sides ------------------------------------------------------------------


def _template(body: JsonObject) -> JsonObject:
    template = body.get("template") or {}
    form: JsonObject = {
        **{key: value for key, value in body.items() if key != "template" and value is not None},
        "settings": dict(sorted(_settings(template.get("settings") or {}))),
        "mappings": template.get("mappings") or {},
        "aliases": template.get("aliases") or {},
        "composed_of": _list(body.get("composed_of")),
    }
    if "index_patterns" in body:
        form["index_patterns"] = _list(body["index_patterns"])
    if "data_stream" in form:
        form["data_stream"] = {"timestamp_field": {"name": "@timestamp"}} | form["data_stream"]
    return form


def _settings(settings: JsonObject, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten to dotted names under ``index.`` with strings, as OpenSearch keeps them."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _settings(value, f"{name}.")
        elif value is not None:
            name = name if name.startswith("index.") else f"index.{name}"
            yield name, [_text(item) for item in value] if isinstance(value, list) else _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _policy(body: JsonObject) -> JsonObject:
    policy = {
        key: value for key, value in body["policy"].items() if key not in _ADDED_BY_ISM and value is not None
    }
    policy["states"] = [_state(state) for state in policy["states"]]
    policy["ism_template"] = [
        {"priority": 0} | {key: value for key, value in template.items() if key != "last_updated_time"}
        for template in _list(policy.get("ism_template"))
    ]
    return policy


def _state(state: JsonObject) -> JsonObject:
    return {
        **state,
        "actions": [_action(action) for action in _list(state.get("actions"))],
        "transitions": [_transition(transition) for transition in _list(state.get("transitions"))],
    }


def _action(action: JsonObject) -> JsonObject:
    return {
        **{key: _given(value) for key, value in action.items()},
        "retry": DEFAULT_RETRY | action.get("retry", {}),
    }


def _given(action: object) -> object:
    """An action's settings but for those that are off or empty, which ISM adds of its own."""
    if not isinstance(action, dict):
        return action
    return {
        key: value
        for key, value in action.items()
        if not (value is None or value is False or value in ({}, []))
    }


def _transition(transition: JsonObject) -> JsonObject:
    conditions = transition.get("conditions")
    if not conditions:
        return {"state_name": transition.get("state_name")}
    return {**transition, "conditions": {key: _duration(value) for key, value in conditions.items()}}


def _duration(value: object) -> object:
    """``30D`` and ``30 d`` are ``30d`` to OpenSearch."""
    return value.replace(" ", "").lower() if isinstance(value, str) else value


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
