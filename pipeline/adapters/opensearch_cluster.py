"""OpenSearch's own set-up: templates, policies, and the indices that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters.opensearch_wire import OK, Wire, answered, path_of, unavailable, wire
from pipeline.core.errors import Refused
from pipeline.core.model import Managed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import JsonObject
    from pipeline.settings import Settings

BAD_REQUEST, NOT_FOUND = 400, 404

EXPLAINED = 50
"""Indices in one question to ISM: their names stand in its address, of which OpenSearch takes 4,096 bytes.

https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/network-settings/
"""

POLICY_SETTING = "index.plugins.index_state_management.policy_id"
"""https://docs.opensearch.org/latest/im-plugin/ism/api/#explain-index"""


EVEN_NONE = {"ignore_unavailable": "true", "allow_no_indices": "true", "expand_wildcards": "open,closed"}
"""A pattern that no index matches yet is an empty answer."""


def connect(settings: Settings) -> Cluster:
    """Make ready to read and change templates and policies. Nothing is sent yet.

    Raises:
        SettingsError: The settings lack an address, or what the cluster's signature needs.
    """
    return Cluster(wire(settings))


class Cluster:
    """See ``ports.index.Cluster`` for the promises.

    A policy goes in and comes out as ``{"policy": {...}}``, the form in which its file has it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def component_template(self, name: str) -> JsonObject | None:
        """Read a component template."""
        return self._template("component_template", name)

    def put_component_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        self._put(path_of("_component_template", name), body)

    def index_template(self, name: str) -> JsonObject | None:
        """Read an index template."""
        return self._template("index_template", name)

    def put_index_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        self._put(path_of("_index_template", name), body)

    def fields(self, patterns: Sequence[str]) -> Mapping[str, JsonObject]:
        """Read the mappings."""
        if not patterns:
            return {}
        reply = self._wire.ask("GET", path_of(",".join(patterns), "_mapping"), None, EVEN_NONE)
        if reply.status != OK:
            unavailable(reply)
        return {name: found["mappings"].get("properties", {}) for name, found in reply.body.items()}

    def delete_index(self, name: str) -> bool:
        """Delete by its very name.

        Raises:
            ValueError: The name could stand for several indices.
        """
        if not name or set(name) & set("*,?<") or name.startswith(("_", "-")):
            raise ValueError(f"{name!r} is no name of one index")
        reply = self._wire.ask("DELETE", path_of(name))
        if reply.status not in {OK, NOT_FOUND}:
            unavailable(reply)
        return reply.status == OK

    def has_ism(self) -> bool:
        """Ask for policies: without the plugin no one answers there."""
        reply = self._wire.ask("GET", "/_plugins/_ism/policies", None, {"size": 1})
        if reply.status == NOT_FOUND or (reply.status == BAD_REQUEST and "no handler found" in reply.error):
            return False
        answered(reply, "policies")
        return True

    def policy(self, name: str) -> tuple[JsonObject, int, int] | None:
        """Read a policy."""
        reply = self._wire.ask("GET", path_of("_plugins/_ism/policies", name))
        if reply.status == NOT_FOUND:
            return None
        policy = answered(reply, "policy")
        return {"policy": policy}, reply.body["_seq_no"], reply.body["_primary_term"]

    def put_policy(self, name: str, body: JsonObject, version: tuple[int, int] | None) -> None:
        """Create it, or replace the version given."""
        params = {"if_seq_no": version[0], "if_primary_term": version[1]} if version else {}
        self._put(path_of("_plugins/_ism/policies", name), body, params)

    def managed(self, indices: Sequence[str]) -> Mapping[str, Managed]:
        """Ask for so many at once that the address stays short enough."""
        found: dict[str, Managed] = {}
        for some in range(0, len(indices), EXPLAINED):
            named = ",".join(indices[some : some + EXPLAINED])
            reply = self._wire.ask("GET", path_of("_plugins/_ism/explain", named), None, {"size": EXPLAINED})
            if reply.status != OK:
                unavailable(reply)
            found |= {
                name: _managed(each)
                for name, each in reply.body.items()
                if isinstance(each, dict) and each.get(POLICY_SETTING)
            }
        return found

    def attach(self, index: str, policy: str) -> str:
        """Attach; ISM begins with it in a run of its own."""
        return self._ism_failure(f"add/{index}", policy)

    def change_policy(self, index: str, policy: str) -> str:
        """Change; ISM goes on with it in a run of its own."""
        return self._ism_failure(f"change_policy/{index}", policy)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _ism_failure(self, call: str, policy: str) -> str:
        """Why ISM did not do it, which it says with status 200."""
        reply = self._wire.ask("POST", path_of("_plugins/_ism", call), {"policy_id": policy})
        if reply.status in {BAD_REQUEST, NOT_FOUND}:
            raise Refused("refused-by-opensearch", f"ISM refuses {call} with policy {policy}: {reply.error}")
        if answered(reply, "failures"):
            failed = [each.get("reason", "no reason") for each in reply.body.get("failed_indices", [])]
            return "; ".join(failed) or "no reason"
        return ""

    def _template(self, kind: str, name: str) -> JsonObject | None:
        reply = self._wire.ask("GET", path_of(f"_{kind}", name))
        if reply.status == NOT_FOUND:
            return None
        body: JsonObject = answered(reply, f"{kind}s")[0][kind]
        return body

    def _put(self, path: str, body: JsonObject, params: Mapping[str, int] | None = None) -> None:
        reply = self._wire.ask("PUT", path, body, params)
        if reply.status == BAD_REQUEST:
            raise Refused("refused-by-opensearch", f"OpenSearch refuses {path}: {reply.error}")
        if reply.status != OK:
            unavailable(reply)


def _managed(explained: JsonObject) -> Managed:
    seq_no, primary_term = explained.get("policy_seq_no"), explained.get("policy_primary_term")
    if isinstance(seq_no, int) and isinstance(primary_term, int) and seq_no >= 0:
        return Managed(explained[POLICY_SETTING], (seq_no, primary_term))
    return Managed(explained[POLICY_SETTING])
