"""The language of ISM policies, and what is wrong in a policy that is written in it.

Index State Management refuses some mistakes with status 400, when a deploy is already half done. Others
it takes with status 200, and then does something else than was written: those are the worse ones. All
of them are found here, before anything is sent.

Source:
    https://docs.opensearch.org/latest/im-plugin/ism/policies/, and what version 3.4 was seen to answer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.core import lifecycle
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pipeline.core.model import JsonObject

ACTIONS = frozenset(
    {
        "alias",
        "allocation",
        "close",
        "convert_index_to_remote",
        "delete",
        "force_merge",
        "index_priority",
        "notification",
        "open",
        "read_only",
        "read_write",
        "replica_count",
        "rollover",
        "rollup",
        "shrink",
        "snapshot",
        "stop_replication",
        "transform",
    }
)
"""https://docs.opensearch.org/latest/im-plugin/ism/policies/#ism-supported-operations"""

CONDITIONS = frozenset(
    {
        "cron",
        "min_doc_count",
        "min_index_age",
        "min_rollover_age",
        "min_size",
        "min_state_age",
        "no_alias",
    }
)
"""https://docs.opensearch.org/latest/im-plugin/ism/policies/#transitions"""

DURATIONS = frozenset({"min_index_age", "min_rollover_age", "min_state_age"})
"""Conditions whose value is a duration."""

ADDED_BY_ISM = frozenset({"policy_id", "last_updated_time", "schema_version", "user"})
"""Keys of a policy that ISM writes itself."""

_POLICY = ADDED_BY_ISM | {"description", "error_notification", "default_state", "states", "ism_template"}
_STATE = frozenset({"name", "actions", "transitions"})
_TRANSITION = frozenset({"state_name", "conditions"})
_TEMPLATE = frozenset({"index_patterns", "priority", "last_updated_time"})


@noun
class Fault:
    """One mistake in a policy.

    Attributes:
        text: Where it is, what it leads to, and the way out.
        silent: Whether ISM takes it, and does something else than was written.
    """

    text: str
    silent: bool = False


def faults(body: JsonObject) -> Iterator[Fault]:
    """Find every mistake in a policy's body, in the order in which they stand there."""
    policy = body.get("policy")
    if not isinstance(policy, dict) or len(body) > 1:
        found = ", ".join(f'"{key}"' for key in sorted(body)) or "none"
        yield Fault(f'the file must have one key, "policy", with an object; it has {found}.', silent=True)
        return
    yield from _unknown(policy, _POLICY, "the policy")
    if not isinstance(policy.get("description"), str):
        yield Fault("`description` is missing: say in a sentence what the policy does.")
    states = policy.get("states")
    if not _objects(states) or not states:
        yield Fault("`states` must be a list of one or more objects.")
        return
    yield from _of_states(policy, states)
    yield from _of_templates(policy.get("ism_template"))


def _of_states(policy: JsonObject, states: list[JsonObject]) -> Iterator[Fault]:
    names = [str(state.get("name") or "") for state in states]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f"two states have the name {name!r}: give each its own.")
    default = policy.get("default_state")
    if default not in names:
        yield Fault(f"`default_state` is {default!r}, which is no state; it may be {_or(names)}.")
    for state in states:
        where = f"state {state.get('name')!r}"
        if not state.get("name") or not isinstance(state.get("name"), str):
            yield Fault("a state has no `name`.")
        yield from _unknown(state, _STATE, where)
        yield from _of_actions(state, where)
        yield from _of_transitions(state, where, names)
    if default in names:
        for name in sorted(set(names) - _reached(str(default), states)):
            yield Fault(f"state {name!r} is never reached: no transition leads there.", silent=True)


def _of_actions(state: JsonObject, where: str) -> Iterator[Fault]:
    actions = state.get("actions", [])
    if not _objects(actions):
        yield Fault(f"{where}: `actions` must be a list of objects.")
        return
    done = ""
    for action in actions:
        names = sorted(set(action) - lifecycle.BESIDES_AN_ACTION)
        if done:
            yield Fault(f"{where}: `actions` has {_and(names)} behind `delete`; put `delete` last.")
        if not names:
            yield Fault(f'{where}: `actions` has an object without an action; write {{"read_only": {{}}}}.')
        if len(names) > 1:
            yield Fault(
                f"{where}: `actions` has one object with {_and(names)}; ISM does only the last of them: "
                "write one object for each.",
                silent=True,
            )
        for name in sorted(set(names) - ACTIONS):
            yield Fault(f"{where}: {name!r} is no action of ISM; there are {_and(sorted(ACTIONS))}.")
        done = "delete" if "delete" in names else done
    if done and state.get("transitions"):
        yield Fault(f"{where}: it deletes the index and has `transitions` as well; leave those out.")


def _of_transitions(state: JsonObject, where: str, names: Collection[str]) -> Iterator[Fault]:
    transitions = state.get("transitions", [])
    if not _objects(transitions):
        yield Fault(f"{where}: `transitions` must be a list of objects.")
        return
    for transition in transitions:
        target = transition.get("state_name")
        yield from _unknown(transition, _TRANSITION, f"{where}: a transition")
        if target not in names:
            yield Fault(f"{where}: a transition goes to {target!r}, which is no state.")
        if "conditions" in transition:
            yield from _of_conditions(transition["conditions"], f"{where}: the transition to {target!r}")
    for transition, following in pairwise(transitions):
        if "conditions" not in transition:
            yield Fault(
                f"{where}: `transitions` goes to {transition.get('state_name')!r} on no condition, so the "
                f"one to {following.get('state_name')!r} is never reached; put it last.",
                silent=True,
            )


def _of_conditions(conditions: object, where: str) -> Iterator[Fault]:
    if not isinstance(conditions, dict) or not conditions:
        yield Fault(f"{where} has `conditions` without one; leave the key out to go at once.")
        return
    if len(conditions) > 1:
        yield Fault(
            f"{where} has {_and(sorted(conditions))}; ISM takes one condition a transition: "
            "write another state between them."
        )
    for name, value in conditions.items():
        if name not in CONDITIONS:
            yield Fault(f"{where}: {name!r} is no condition of ISM; there are {_and(sorted(CONDITIONS))}.")
        elif name in DURATIONS:
            yield from _of_duration(name, value, where)


def _of_duration(name: str, value: object, where: str) -> Iterator[Fault]:
    if value == "-1":
        yield Fault(f"{where}: {name} is '-1', which ISM takes for 'at once'; write '0d'.", silent=True)
    elif not isinstance(value, str) or lifecycle.milliseconds(value) is None:
        yield Fault(
            f"{where}: {name} is {value!r}; write a whole number with d, h, m, s or ms, such as '365d': "
            "there are no weeks, months or years."
        )


def _of_templates(templates: Any) -> Iterator[Fault]:  # noqa: ANN401 - any JSON
    listed: list[Any] = templates if isinstance(templates, list) else [] if templates is None else [templates]
    if not _objects(listed):
        yield Fault('`ism_template` must be a list of objects, such as {"index_patterns": ["metrics-*"]}.')
        return
    for template in listed:
        patterns = template.get("index_patterns")
        if not isinstance(patterns, list) or not patterns:
            yield Fault('`ism_template` needs `index_patterns`, a list such as ["metrics-*"].')
        yield from _unknown(template, _TEMPLATE, "`ism_template`")


def _reached(first: str, states: list[JsonObject]) -> set[str]:
    following = {
        str(state.get("name")): [str(each.get("state_name")) for each in state.get("transitions") or ()]
        for state in states
        if _objects(state.get("transitions") or [])
    }
    reached, waiting = set[str](), [first]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += following.get(name, [])
    return reached


def _unknown(body: JsonObject, known: Collection[str], where: str) -> Iterator[Fault]:
    for key in sorted(set(body) - set(known)):
        yield Fault(
            f"{where} has the key {key!r}, which ISM does not know; it may have {_and(sorted(known))}."
        )


def _objects(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _and(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"


def _or(names: Collection[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
