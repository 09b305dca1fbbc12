"""Index State Management over HTTP, as far as livedex asks it, without a cluster.

Answers as OpenSearch 3.4's own plugin was seen to: what it refuses with which status, what it takes in
silence, and the words of both. Indices are made here by a plain ``PUT /name``; a test turns the time by
calling ``run``, where the real one waits five minutes.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from copy import deepcopy
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = "dict[str, Any]"
Answer: TypeAlias = "tuple[int, Json]"

ACTIONS = {
    *("alias", "allocation", "close", "convert_index_to_remote", "delete", "force_merge", "index_priority"),
    *("notification", "open", "read_only", "read_write", "replica_count", "rollover", "rollup", "shrink"),
    *("snapshot", "stop_replication", "transform"),
}
AGES = {"min_index_age", "min_rollover_age", "min_state_age"}
CONDITIONS = AGES | {"min_doc_count", "min_size", "cron", "no_alias"}
RETRY = {"retry": {"count": 3, "backoff": "exponential", "delay": "1m"}}
POLICY_ID = "index.plugins.index_state_management.policy_id"


class Refusal(Exception):  # noqa: N818 - what the plugin does
    """A status other than 200, and the plugin's words."""

    def __init__(self, status: int, reason: str, kind: str = "illegal_argument_exception") -> None:
        super().__init__(reason)
        self.answer: Answer = status, {"error": {"type": kind, "reason": reason}, "status": status}


class Ism(ThreadingHTTPServer):
    """The plugin's state.

    Attributes:
        policies: Body and ``_seq_no``, by name.
        indices: Mapped fields, by name.
        managed: By index: its policy, and the ``_seq_no`` that it goes by; None before its first run.
        changing: Indices whose policy is changed in their next run.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.policies: dict[str, tuple[Json, int]] = {}
        self.indices: dict[str, Json] = {}
        self.managed: dict[str, tuple[str, int | None]] = {}
        self.changing: dict[str, str] = {}
        self.writes = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def run(self) -> None:
        """One run of every managed index's job."""
        for index, (policy, version) in self.managed.items():
            if index in self.changing or version is None:
                now = self.changing.pop(index, policy)
                self.managed[index] = now, self.policies[now][1]

    def put_index(self, name: str, fields: Json) -> None:
        self.indices[name] = fields
        matching = [
            (template.get("priority", 0), policy)
            for policy, (body, _) in self.policies.items()
            for template in body["policy"]["ism_template"] or []
            if any(fnmatchcase(name, pattern) for pattern in template["index_patterns"])
        ]
        if matching:
            self.managed[name] = max(matching)[1], None

    # --- policies -----------------------------------------------------------------------------

    def get_policy(self, name: str = "") -> Answer:
        if not name:
            found = [{"_id": name, **policy} for name, (policy, _) in self.policies.items()]
            return 200, {"policies": found, "total_policies": len(found)}
        if name not in self.policies:
            raise Refusal(404, "Policy not found", "status_exception")
        policy, seq_no = self.policies[name]
        return 200, {"_id": name, "_seq_no": seq_no, "_primary_term": 1, **policy}

    def put_policy(self, name: str, body: Json, asked: dict[str, list[str]]) -> Answer:
        stored = _stored(name, body)
        found = self.policies.get(name)
        given = [int(asked[key][0]) for key in ("if_seq_no", "if_primary_term") if key in asked]
        if (found and given != [found[1], 1]) or (not found and given):
            raise Refusal(409, f"[{name}]: version conflict", "version_conflict_engine_exception")
        self._check_overlap(name, stored)
        self.policies[name] = stored, self.writes
        self.writes += 1
        return 200 if found else 201, {"_id": name, **stored}

    def _check_overlap(self, name: str, stored: Json) -> None:
        for template in stored["policy"]["ism_template"] or []:
            for other, (body, _) in self.policies.items():
                for theirs in body["policy"]["ism_template"] or []:
                    if other != name and theirs["priority"] == template["priority"]:
                        for pattern in template["index_patterns"]:
                            if any(_meet(pattern, their) for their in theirs["index_patterns"]):
                                raise Refusal(
                                    400, f"New policy {name} has an ISM template with index pattern"
                                )

    # --- indices ------------------------------------------------------------------------------

    def explain(self, names: list[str]) -> Answer:
        found = self._existing(names)
        answer: Json = {}
        for index in found:
            policy, version = self.managed.get(index, (None, None))
            answer[index] = {POLICY_ID: policy, "enabled": None if policy is None else True}
            if policy is not None and version is not None:
                answer[index] |= {"policy_id": policy, "policy_seq_no": version, "policy_primary_term": 1}
        return 200, {**answer, "total_managed_indices": len(set(found) & set(self.managed))}

    def add(self, names: list[str], policy: str) -> Answer:
        if policy not in self.policies:
            raise Refusal(404, f"Could not find policy={policy}", "status_exception")
        failed = []
        for index in self._expand(names):
            if index in self.managed:
                failed.append((index, "This index already has a policy, use the update policy API"))
            else:
                self.managed[index] = policy, None
        return 200, _outcome(len(names) - len(failed), failed)

    def change(self, names: list[str], policy: str) -> Answer:
        if policy not in self.policies:
            raise Refusal(404, f"Could not find policy={policy}", "status_exception")
        failed = []
        for index in self._existing(names):
            if index not in self.managed:
                failed.append((index, "This index is not being managed"))
            else:
                self.changing[index] = policy
        return 200, _outcome(len(names) - len(failed), failed)

    def retry(self, names: list[str], _policy: str = "") -> Answer:
        failed = [(index, "This index is not in failed state.") for index in self._existing(names)]
        return 200, _outcome(0, failed)

    def _existing(self, names: list[str]) -> list[str]:
        found = self._expand(names)
        if not found:
            raise Refusal(400, "no documents to get", "action_request_validation_exception")
        return found

    def _expand(self, names: list[str]) -> list[str]:
        return [index for index in self.indices if any(fnmatchcase(index, name) for name in names)]


# --- what becomes of a policy's body ----------------------------------------------------------


def _stored(name: str, body: Json) -> Json:
    """Parse as the plugin does: refuse, drop in silence, fill in."""
    policy = deepcopy(body.get("policy", next(iter(body.values()), None)))  # any envelope key is taken
    if not isinstance(policy, dict) or not isinstance(policy.get("states"), list) or not policy["states"]:
        raise Refusal(400, "Policy must contain at least one State")
    if policy.get("description") is None:
        raise Refusal(400, "description is null")
    policy["states"] = [_state(state) for state in policy["states"]]
    names = [state["name"] for state in policy["states"]]
    if len(set(names)) < len(names):
        raise Refusal(400, "Policy cannot have duplicate state names")
    if policy.get("default_state") not in names:
        raise Refusal(400, "Policy must have a valid default state")
    for state in policy["states"]:
        for transition in state["transitions"]:
            if transition["state_name"] not in names:
                raise Refusal(
                    400, f"Policy contains a transition in state={state['name']} to a nonexistent state"
                )
    templates = policy.get("ism_template")
    templates = templates if isinstance(templates, list) or templates is None else [templates]
    policy["ism_template"] = templates and [
        {"priority": 0, "last_updated_time": 1} | template for template in templates
    ]
    added = {"policy_id": name, "schema_version": 21, "last_updated_time": 1, "error_notification": None}
    return {"policy": added | policy}


def _state(state: Json) -> Json:
    for key in set(state) - {"name", "actions", "transitions"}:
        raise Refusal(400, f"Invalid field: [{key}] found in State.")
    actions = [_action(action) for action in state.get("actions", [])]
    transitions = [_transition(transition) for transition in state.get("transitions", [])]
    types = [name for action in actions for name in action if name != "retry"]
    if "delete" in types[:-1]:
        raise Refusal(400, f"State={state['name']} must not contain an action after a delete action")
    if "delete" in types and transitions:
        raise Refusal(400, f"State={state['name']} cannot contain transitions if using delete action")
    return {"name": state["name"], "actions": actions, "transitions": transitions}


def _action(action: Json) -> Json:
    names = [key for key in action if key not in {"retry", "timeout"}]
    for name in names:
        if name not in ACTIONS:
            raise Refusal(400, f"Invalid field: [{name}] found in Actions.")
    if not names:
        raise Refusal(400, "Action is null")
    last = names[-1]  # all others are dropped without a word
    return RETRY | {key: value for key, value in action.items() if key in {"retry", "timeout", last}}


def _transition(transition: Json) -> Json:
    for key in set(transition) - {"state_name", "conditions"}:
        raise Refusal(400, f"Invalid field: [{key}] found in Transition.")
    if "conditions" not in transition:
        return {"state_name": transition["state_name"]}
    conditions = transition["conditions"]
    if not isinstance(conditions, dict) or len(conditions) != 1:
        raise Refusal(400, "Cannot provide more than one Transition condition")
    for name, value in conditions.items():
        if name not in CONDITIONS:
            raise Refusal(400, f"Invalid field: [{name}] found in conditions")
        if name in AGES and not _is_duration(value):
            raise Refusal(400, f"failed to parse setting [{name}] with value [{value}] as a time value")
    return transition


def _is_duration(value: object) -> bool:
    return isinstance(value, str) and (
        value in {"0", "-1"} or bool(re.fullmatch(r"\d+ *((?i:nanos|micros|ms|s|h|d)|m)", value))
    )


def _meet(one: str, other: str) -> bool:
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _outcome(updated: int, failed: list[tuple[str, str]]) -> Json:
    listed = [{"index_name": index, "index_uuid": "u", "reason": reason} for index, reason in failed]
    return {"updated_indices": updated, "failures": bool(failed), "failed_indices": listed}


# --- HTTP -------------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Ism

    def do_GET(self) -> None:
        self._send(self._answered("GET"))

    def do_PUT(self) -> None:
        self._send(self._answered("PUT"))

    def do_POST(self) -> None:
        self._send(self._answered("POST"))

    def do_DELETE(self) -> None:
        self._send(self._answered("DELETE"))

    def _answered(self, method: str) -> Answer:
        length = int(self.headers.get("content-length") or 0)
        body = orjson.loads(self.rfile.read(length) or b"{}")
        parts = urlsplit(self.path)
        path = [unquote(each) for each in parts.path.strip("/").split("/")]
        try:
            if path[:2] == ["_plugins", "_ism"]:
                return self._ism(method, path[2:], body, parse_qs(parts.query))
            return self._index(method, path, body)
        except Refusal as refusal:
            return refusal.answer

    def _ism(self, method: str, path: list[str], body: Json, asked: dict[str, list[str]]) -> Answer:
        ism = self.server
        match method, path:
            case "GET", ["policies", *name]:
                return ism.get_policy(*name)
            case "PUT", ["policies", name]:
                return ism.put_policy(name, body, asked)
            case "GET", ["explain", names]:
                return ism.explain(names.split(","))
            case "POST", [("add" | "change_policy" | "retry") as call, names]:
                do = {"add": ism.add, "change_policy": ism.change, "retry": ism.retry}[call]
                return do(names.split(","), body.get("policy_id", ""))
        raise Refusal(400, f"no handler found for uri [{self.path}] and method [{method}]")

    def _index(self, method: str, path: list[str], body: Json) -> Answer:
        indices = self.server.indices
        match method, path:
            case "PUT", [name]:
                self.server.put_index(name, body.get("mappings", {}).get("properties", {}))
                return 200, {"acknowledged": True, "index": name}
            case "DELETE", [name] if name in indices:
                del indices[name]
                self.server.managed.pop(name, None)
                return 200, {"acknowledged": True}
            case "GET", [names, "_mapping"]:
                return 200, {
                    index: {"mappings": {"properties": fields}}
                    for index, fields in indices.items()
                    if any(fnmatchcase(index, name) for name in names.split(","))
                }
        raise Refusal(404, f"no such index [{'/'.join(path)}]", "index_not_found_exception")

    def _send(self, answer: Answer) -> None:
        status, body = answer
        sent = orjson.dumps(body)
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Ism]:
    """A server on a port of its own, ended with the block."""
    server = Ism()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
