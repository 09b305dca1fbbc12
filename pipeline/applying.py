"""The story of applying: index templates and ISM policies -> the cluster.

Files say what is wanted, the cluster says what it has, the plan says what differs, and only that is
sent. So applying is safe at every deploy, and applying twice changes nothing the second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core import plan
from pipeline.core.errors import Refused
from pipeline.core.plan import Action, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.plan import Change, Wanted
    from pipeline.ports import Cluster


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of each body, by name.

    Attributes:
        skipped: Policies, where the cluster has no Index State Management to take them.
    """

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line for people."""
        named = {"created": self.created, "updated": self.updated}
        changes = [f"{verb} {', '.join(names)}" for verb, names in named.items() if names]
        line = "; ".join(changes) or "nothing to change"
        if self.skipped:
            line += f"; this cluster has no Index State Management, so not applied: {', '.join(self.skipped)}"
        return line

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "created": len(self.created),
            "updated": len(self.updated),
            "unchanged": len(self.unchanged),
            "skipped": len(self.skipped),
        }


def apply(wanted: Sequence[Wanted], cluster: Cluster, *, require_ism: bool) -> Applied:
    """Give the cluster what it lacks, in the order of ``wanted``.

    Where the cluster has no Index State Management, policies are skipped, and the answer says so;
    with ``require_ism`` that is an error instead.

    Raises:
        Refused: ``no-ism``, before anything was changed; or OpenSearch refuses a body.
        Unavailable: The cluster did not answer; what was applied until then stays.
    """
    changes, skipped = compare(wanted, cluster)
    if skipped and require_ism:
        raise Refused(
            "no-ism",
            f"The cluster has no Index State Management, which {', '.join(skipped)} need: "
            "use a cluster that has it, or do not require it and delete old indices yourself.",
        )
    for change in changes:
        if change.action is not Action.KEEP:
            _put(change, cluster)
    created, updated, unchanged = (
        tuple(change.wanted.title for change in changes if change.action is action) for action in Action
    )
    return Applied(created, updated, unchanged, skipped)


def compare(wanted: Sequence[Wanted], cluster: Cluster) -> tuple[list[Change], tuple[str, ...]]:
    """Hold what is wanted against the cluster, changing nothing.

    Returns:
        A change for each body, and the titles of the policies that no ISM is there to take.

    Raises:
        Unavailable: The cluster did not answer.
    """
    policies = tuple(body.title for body in wanted if body.kind is Kind.POLICY)
    skipped = () if not policies or cluster.has_ism() else policies
    return [_compared(body, cluster) for body in wanted if body.title not in skipped], skipped


def _compared(body: Wanted, cluster: Cluster) -> Change:
    if body.kind is Kind.COMPONENT_TEMPLATE:
        return plan.change(body, cluster.component_template(body.name))
    if body.kind is Kind.INDEX_TEMPLATE:
        return plan.change(body, cluster.index_template(body.name))
    found = cluster.policy(body.name)
    if found is None:
        return plan.change(body, None)
    policy, seq_no, primary_term = found
    return plan.change(body, policy, (seq_no, primary_term))


def _put(change: Change, cluster: Cluster) -> None:
    body = change.wanted
    if body.kind is Kind.COMPONENT_TEMPLATE:
        cluster.put_component_template(body.name, body.body)
    elif body.kind is Kind.INDEX_TEMPLATE:
        cluster.put_index_template(body.name, body.body)
    else:
        cluster.put_policy(body.name, body.body, change.version)
