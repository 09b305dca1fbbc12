"""OpenSearch's own set-up, without a cluster."""

from __future__ import annotations

from copy import deepcopy
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.errors import Refused, Unavailable
from pipeline.core.model import Managed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import JsonObject


class Cluster:
    """Templates and policies; see ``ports.index.Cluster``.

    Args:
        ism: Whether this cluster has Index State Management.
    """

    def __init__(self, *, ism: bool = True) -> None:
        self._ism = ism
        self._components: dict[str, JsonObject] = {}
        self._templates: dict[str, JsonObject] = {}
        self._policies: dict[str, tuple[JsonObject, int]] = {}
        self._indices: dict[str, JsonObject] = {}
        self._managed: dict[str, Managed] = {}

    def component_template(self, name: str) -> JsonObject | None:
        """Read a component template, as OpenSearch words it."""
        return _worded(self._components.get(name))

    def put_component_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        self._components[name] = deepcopy(body)

    def index_template(self, name: str) -> JsonObject | None:
        """Read an index template, as OpenSearch words it."""
        return _worded(self._templates.get(name))

    def put_index_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        missing = [part for part in body.get("composed_of", ()) if part not in self._components]
        if missing:
            raise Refused(
                "refused-by-opensearch", f"index template [{name}] names component templates {missing}"
            )
        self._templates[name] = deepcopy(body)

    def create_index(self, name: str, fields: JsonObject | None = None) -> None:
        """Make an index with these fields, else as the templates and the policies have it now."""
        mapping = self.mapping(name) or {"properties": {}}
        self._indices[name] = mapping["properties"] if fields is None else fields
        found = [
            (template.get("priority", 0), policy)
            for policy, (body, _) in self._policies.items()
            for template in body["policy"].get("ism_template", [])
            if any(fnmatchcase(name, pattern) for pattern in template["index_patterns"])
        ]
        if self._ism and found:
            self._managed[name] = self._newest(max(found)[1])

    def fields(self, patterns: Sequence[str]) -> Mapping[str, JsonObject]:
        """Those that were made and not deleted."""
        return {
            name: deepcopy(fields)
            for name, fields in self._indices.items()
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        }

    def delete_index(self, name: str) -> bool:
        """Delete by its very name."""
        self._managed.pop(name, None)
        return self._indices.pop(name, None) is not None

    def has_ism(self) -> bool:
        """As this cluster was made."""
        return self._ism

    def policy(self, name: str) -> tuple[JsonObject, int, int] | None:
        """Read a policy, with what ISM adds to it."""
        if name not in self._policies:
            return None
        body, version = self._policies[name]
        added = {
            "policy_id": name,
            "last_updated_time": version,
            "schema_version": 21,
            "error_notification": None,
        }
        return {"policy": added | deepcopy(body["policy"])}, version, 1

    def put_policy(self, name: str, body: JsonObject, version: tuple[int, int] | None) -> None:
        """Create it, or replace the version given."""
        found = self._policies.get(name)
        if (found[1], 1) != version if found else version is not None:
            raise Unavailable("opensearch", "status 409: version_conflict_engine_exception")
        self._policies[name] = deepcopy(body), found[1] + 1 if found else 0

    def managed(self, indices: Sequence[str]) -> Mapping[str, Managed]:
        """As attached."""
        return {name: self._managed[name] for name in indices if name in self._managed}

    def attach(self, index: str, policy: str) -> str:
        """Attach at once."""
        if index in self._managed:
            return "This index already has a policy, use the update policy API to update index policies"
        self._managed[index] = self._newest(policy)
        return ""

    def change_policy(self, index: str, policy: str) -> str:
        """Change at once, without waiting for a run."""
        if index not in self._managed:
            return "This index is not being managed"
        self._managed[index] = self._newest(policy)
        return ""

    def _newest(self, policy: str) -> Managed:
        if policy not in self._policies:
            raise Refused("refused-by-opensearch", f"Could not find policy={policy}")
        return Managed(policy, (self._policies[policy][1], 1))

    def mapping(self, index: str) -> JsonObject | None:
        """The ``mappings`` of a new index of this name; None where no template matches."""
        matching = [
            body
            for body in self._templates.values()
            if any(fnmatchcase(index, pattern) for pattern in body["index_patterns"])
        ]
        if not matching:
            return None
        template = max(matching, key=lambda body: int(body.get("priority", 0)))
        parts = [*(self._components[name] for name in template.get("composed_of", ())), template]
        properties: JsonObject = {}
        for part in parts:
            properties |= part.get("template", {}).get("mappings", {}).get("properties", {})
        return {"properties": properties}


def _worded(body: JsonObject | None) -> JsonObject | None:
    """A template as OpenSearch gives it back: settings under ``index``, their values as strings."""
    if body is None:
        return None
    body = deepcopy(body)
    template = body.get("template", {})
    if "settings" in template:
        template["settings"] = {"index": _nested(template["settings"])}
    return body


def _nested(settings: JsonObject) -> JsonObject:
    """Dotted names as objects, without their ``index``, and every value as a string."""
    nested: JsonObject = {}
    for name, value in settings.items():
        path = [step for step in name.split(".") if step != "index"]
        inner = _nested(value) if isinstance(value, dict) else _as_strings(value)
        for step in reversed(path):
            inner = {step: inner}
        nested = _merged(nested, inner)
    return nested


def _merged(one: JsonObject, other: JsonObject) -> JsonObject:
    both = {
        key: _merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], dict)
    }
    return one | other | both


def _as_strings(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_as_strings(item) for item in value]
    return value if isinstance(value, str) else orjson.dumps(value).decode()
