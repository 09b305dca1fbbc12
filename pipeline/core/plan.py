"""Stage: bodies as files want them, and as the cluster has them -> changes.

OpenSearch gives a body back in its own words: settings nested and as strings, lists where one value
was sent, defaults filled in. Both sides are put into one form before they are compared, so that what
was applied once is found unchanged ever after.
"""

from __future__ import annotations

from difflib import ndiff
from enum import Enum
from typing import TYPE_CHECKING

import orjson

from pipeline.core import ism
from pipeline.core.bodies import Kind, Wanted, listed, settings_of
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

DEFAULT_RETRY: JsonObject = {"count": 3, "backoff": "exponential", "delay": "1m"}
"""What ISM fills in for an action without ``retry``.

https://docs.opensearch.org/latest/im-plugin/ism/policies/#actions
"""


class Action(Enum):
    """What has to be done so that the cluster has what is wanted."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"


@noun
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

    def lines(self) -> list[str]:
        """What goes, each line with ``-`` before it, and what comes, with ``+``, and the rest of its JSON."""
        before, after = _lines(self.before), _lines(self.after)
        return [line for line in ndiff(before, after) if not line.startswith("?")]


def change(body: Wanted, found: JsonObject | None, version: tuple[int, int] | None = None) -> Change:
    """Compare a wanted body with the one that the cluster gave back under its name, or None."""
    form = _policy if body.kind is Kind.POLICY else _template
    after = form(body.body)
    if found is None:
        return Change(body, Action.CREATE, None, after)
    before = form(found)
    return Change(body, Action.KEEP if before == after else Action.UPDATE, before, after, version)


def _lines(form: JsonObject | None) -> list[str]:
    if form is None:
        return []
    return orjson.dumps(form, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().splitlines()


# --- one form for both sides ------------------------------------------------------------------


def _template(body: JsonObject) -> JsonObject:
    template = body.get("template") or {}
    form: JsonObject = {
        **{key: value for key, value in body.items() if key != "template" and value is not None},
        "settings": dict(sorted(settings_of(body))),
        "mappings": template.get("mappings") or {},
        "aliases": template.get("aliases") or {},
        "composed_of": listed(body.get("composed_of")),
    }
    if "index_patterns" in body:
        form["index_patterns"] = listed(body["index_patterns"])
    if "data_stream" in form:
        form["data_stream"] = {"timestamp_field": {"name": "@timestamp"}} | form["data_stream"]
    return form


def _policy(body: JsonObject) -> JsonObject:
    policy = {
        key: value
        for key, value in body["policy"].items()
        if key not in ism.ADDED_BY_ISM and value is not None
    }
    policy["states"] = [_state(state) for state in policy["states"]]
    policy["ism_template"] = [
        {"priority": 0} | {key: value for key, value in template.items() if key != "last_updated_time"}
        for template in listed(policy.get("ism_template"))
    ]
    return policy


def _state(state: JsonObject) -> JsonObject:
    return {
        **state,
        "actions": [_action(action) for action in listed(state.get("actions"))],
        "transitions": [_transition(transition) for transition in listed(state.get("transitions"))],
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
