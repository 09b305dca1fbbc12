"""What an ISM policy does to an index, by the index's age.

A policy is the body of its file, ``{"policy": {...}}``, as OpenSearch documents it.

Source:
    https://docs.opensearch.org/latest/im-plugin/ism/policies/
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pipeline.core.instant import DAY, HOUR, MINUTE, SECOND
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import JsonObject

SEALING = frozenset({"close", "force_merge", "read_only", "shrink"})
"""Actions after which an index takes no more documents: ISM blocks writes before it merges or shrinks.

https://docs.opensearch.org/latest/im-plugin/ism/policies/#force_merge
"""

BESIDES_AN_ACTION = frozenset({"retry", "timeout"})
"""Keys of an action's object that name no action."""

_UNITS = {"nanos": 0, "micros": 0, "ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"\s*(\d+)\s*((?i:nanos|micros|ms|s|h|d)|m)\s*")
"""Units may be upper-case but for ``M``, which OpenSearch refuses lest it be taken for a month."""

_AT_ONCE = frozenset({"0", "-1"})
"""Durations that OpenSearch takes without a unit."""


@noun
class Stay:
    """An index's time in one state of its policy.

    Attributes:
        age: Milliseconds from the index's creation until it comes into the state, by conditions on age.
        actions: What is done to it there, in order.
        unless: Transitions out of it whose moment no age tells, such as ``to small when min_size 1gb``.
            Where one of them is taken first, what follows here is not so.
    """

    state: str
    age: int
    actions: tuple[str, ...]
    unless: tuple[str, ...] = ()


def milliseconds(duration: object) -> int | None:
    """Read a duration such as ``2d``; None for what is none, such as ``1.5d`` or ``2w``.

    Source:
        https://docs.opensearch.org/latest/api-reference/units/
    """
    if duration in _AT_ONCE:
        return 0
    match = _DURATION.fullmatch(str(duration))
    return int(match[1]) * _UNITS[match[2].lower()] if match else None


def stays(policy: JsonObject) -> tuple[Stay, ...]:
    """Follow an index through its policy as far as age alone leads it, and up to a state seen before."""
    states = {state.get("name", ""): state for state in policy["policy"]["states"]}
    name: str | None = policy["policy"].get("default_state", "")
    age, found = 0, dict[str, Stay]()
    while name is not None and name in states and name not in found:
        transitions = _list(states[name].get("transitions"))
        ages = [(_age_after(each, age), each.get("state_name")) for each in transitions]
        unless = tuple(_words(each) for each, (due, _) in zip(transitions, ages, strict=True) if due is None)
        found[name] = Stay(name, age, _actions(states[name]), unless)
        # Of those that fall due together, the one written first is taken.
        age, name = min(((due, to) for due, to in ages if due is not None), key=_due, default=(age, None))
    return tuple(found.values())


def read_only_age(policy: JsonObject) -> int | None:
    """Say from what age on a policy keeps indices from taking documents.

    Returns:
        Milliseconds from the index's creation to the first state that makes it read-only or closes it,
        if conditions on age alone lead there; None where none does.
    """
    return next((stay.age for stay in stays(policy) if SEALING.intersection(stay.actions)), None)


def deletion_age(policy: JsonObject) -> int | None:
    """Milliseconds from an index's creation to its deletion, if age alone leads there; else None."""
    return next((stay.age for stay in stays(policy) if "delete" in stay.actions), None)


def read_only_ages(policies: Iterable[JsonObject], families: Iterable[str]) -> dict[str, int]:
    """Give the age at which each family's indices become read-only; a family that never does has none."""
    kept = list(policies)
    ages = {family: read_only_age(policy) for family in families for policy in governing(family, kept)[:1]}
    return {family: age for family, age in ages.items() if age is not None}


def is_read_only(occurred: int, age: int | None, now: int) -> bool:
    """Whether the index of a fact's day is read-only by policy, counted from that day's beginning.

    ISM counts from the index's creation, which is up to a day earlier where events come early: until the
    day's own age is reached we rather try again.
    """
    return age is not None and occurred - occurred % DAY + age <= now


def governing(family: str, policies: Iterable[JsonObject]) -> list[JsonObject]:
    """The policy that ISM attaches to the family's new indices: the one of the highest priority, if any.

    Several when they share that priority, which ISM refuses.
    """
    found = [
        (template.get("priority", 0), policy)
        for policy in policies
        for template in _list(policy["policy"].get("ism_template"))
        if covers(_list(template.get("index_patterns")), family)
    ]
    highest = max((priority for priority, _ in found), default=0)
    return [policy for priority, policy in found if priority == highest]


def covers(patterns: Iterable[str], family: str) -> bool:
    """Whether an index of the family has a name that one of the patterns matches."""
    return any(fnmatchcase(f"{family}-2026.01.01", pattern) for pattern in patterns)


def _due(transition: tuple[int, Any]) -> int:
    return transition[0]


def _age_after(transition: JsonObject, age: int) -> int | None:
    """When a transition is taken that is waited for from this age on; None where age does not tell."""
    conditions = transition.get("conditions")
    if not conditions:
        return age
    if set(conditions) == {"min_index_age"}:
        index_age = milliseconds(conditions["min_index_age"])
        return None if index_age is None else max(age, index_age)
    if set(conditions) == {"min_state_age"}:
        state_age = milliseconds(conditions["min_state_age"])
        return None if state_age is None else age + state_age
    return None


def _words(transition: JsonObject) -> str:
    when = " and ".join(f"{name} {value}" for name, value in transition["conditions"].items())
    return f"to {transition.get('state_name')} when {when}"


def _actions(state: JsonObject) -> tuple[str, ...]:
    return tuple(
        name for each in _list(state.get("actions")) for name in each if name not in BESIDES_AN_ACTION
    )


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
