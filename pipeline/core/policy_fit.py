"""Whether a family's policy leaves its indices alone as long as its routes need them."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from pipeline.core import lifecycle
from pipeline.core.bodies import Kind, faults, layout, listed, policies_of, settings_of
from pipeline.core.findings import Finding, note
from pipeline.core.instant import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.core.bodies import Wanted
    from pipeline.core.model import Route

EARLY = 1
"""Days before its date that an index may be created, since events may come so early."""


def findings(family: str, routes: Sequence[Route], bodies: Sequence[Wanted]) -> Iterator[Finding]:
    """Hold a family's routes against the policy that its indices get."""
    policies = policies_of(family, bodies)
    retention, lateness = routes[0].retention_days, max(route.lateness for route in routes)
    if not policies:
        text = f"no policy is for {family}-*: only `livedex retire` deletes its indices, at {retention} days."
        yield note(f"family {family}", text)
    if len(policies) != 1:
        return  # which of several ISM would take cannot be said; that they clash, `rivals` says
    (policy,) = policies
    stays = lifecycle.stays(policy.body)
    for stay in stays:
        for unless in stay.unless:
            text = f"from {stay.state} {unless}: no age tells when, so the time line may be another."
            yield note(policy.file, text)
    if any("rollover" in stay.actions for stay in stays):
        yield Finding(policy.file, _about_rollover(family, bodies))
    yield from _about_sealing(policy, lateness)
    deleted = lifecycle.deletion_age(policy.body)
    if deleted is None:
        text = f"it never deletes by age: only `livedex retire` does, at {retention} days."
        yield note(policy.file, text)
    elif deleted != retention * DAY:
        text = (
            f"it deletes at {days(deleted)}, and `retention-days` of family {family} is {retention}, which "
            "tells clients how far back they can resume: write the same in both."
        )
        yield Finding(policy.file, text)


def rivals(bodies: Iterable[Wanted]) -> Iterator[Finding]:
    """Policies that ISM refuses because it could not choose between them."""
    templates = [
        (body, str(pattern), template.get("priority", 0))
        for body in bodies
        if body.kind is Kind.POLICY and not faults(body)
        for template in listed(body.body["policy"].get("ism_template"))
        for pattern in template["index_patterns"]
    ]
    for (one, pattern, priority), (other, another, same) in combinations(templates, 2):
        if one is not other and priority == same and overlap(pattern, another):
            text = (
                f"its pattern {another} meets {pattern} of {one.file} at the same priority, {priority}: "
                "ISM refuses that; give one of them a higher `priority`."
            )
            yield Finding(other.file, text)


@lru_cache(maxsize=1_024)
def overlap(one: str, other: str) -> bool:
    """Whether some name matches both patterns, in which ``*`` stands for any text."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


def days(age: int) -> str:
    """An age for people: ``1 day``, or ``2.5 days``."""
    return f"{age / DAY:g} day{'' if age == DAY else 's'}"


def _about_rollover(family: str, bodies: Sequence[Wanted]) -> str:
    laid = layout(family, bodies)
    names = [name for name, _ in settings_of(laid.template.body)] if laid else []
    lacks = "" if any(name.endswith("rollover_alias") for name in names) else ", and has no `rollover_alias`"
    return (
        f"it rolls over, but an index of family {family} is named by its date{lacks}: ISM would stop there "
        "after three tries; leave `rollover` out."
    )


def _about_sealing(policy: Wanted, lateness: int) -> Iterator[Finding]:
    sealed = lifecycle.read_only_age(policy.body)
    if sealed is not None and sealed < (lateness + EARLY) * DAY:
        text = (
            f"it makes indices read-only at {days(sealed)}, but events come until their day is {lateness} "
            f"days old, and the index may be {EARLY} day older: they would be rejected. Let it wait for "
            f"{lateness + EARLY}d, or write a shorter `lateness-days` in the family's routes."
        )
        yield Finding(policy.file, text)
