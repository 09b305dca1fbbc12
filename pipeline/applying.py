"""The story of applying: index templates and ISM policies -> the cluster.

Files say what is wanted, the cluster says what it has, the plan says what differs, and only that is
sent. So applying is safe at every deploy, and applying twice changes nothing the second time. Indices
that were there before get their policy, or its newest version, as well: ISM by itself looks only at
indices that are made after a policy was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import attachment, plan
from pipeline.core.bodies import Kind
from pipeline.core.errors import Refused
from pipeline.core.indices import is_ours
from pipeline.core.noun import noun
from pipeline.core.plan import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.attachment import Attachment
    from pipeline.core.bodies import Wanted
    from pipeline.core.plan import Change
    from pipeline.ports.index import Cluster


@noun
class Plan:
    """What applying would do.

    Attributes:
        changes: One for each body, those that are as wanted too.
        attachments: Existing indices that would get a policy, or its newest version.
        foreign: Indices of ours, each with the policy that somebody else gave it; they are left so.
        skipped: Titles of policies that no Index State Management is there to take.
    """

    changes: tuple[Change, ...]
    attachments: tuple[Attachment, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


@noun
class Applied:
    """What became of each body, by its title, and of indices that were there before.

    Attributes:
        skipped: Policies, where the cluster has no Index State Management to take them.
        attached: Indices that got a policy.
        changed: Indices whose policy was changed to its newest version; ISM does so in its next run.
        failed: Indices that did not get it, with ISM's reason. The next apply tries again.
    """

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """One line for people."""
        named = {
            "created": self.created,
            "updated": self.updated,
            "gave a policy to": self.attached,
            "gave the newest policy to": self.changed,
            "could not give a policy to": tuple(f"{index} ({reason})" for index, reason in self.failed),
        }
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
            "attached": len(self.attached),
            "changed": len(self.changed),
            "failed": len(self.failed),
        }


def apply(wanted: Sequence[Wanted], cluster: Cluster, *, require_ism: bool) -> Applied:
    """Give the cluster what it lacks, in the order of ``wanted``, then its indices their policies.

    Where the cluster has no Index State Management, policies are skipped, and the answer says so;
    with ``require_ism`` that is an error instead.

    Raises:
        Refused: ``no-ism``, before anything was changed; or OpenSearch refuses a body.
        Unavailable: The cluster did not answer, or somebody changed a policy between our reading and our
            writing; what was applied until then stays.
    """
    found = compare(wanted, cluster)
    if found.skipped and require_ism:
        raise Refused(
            "no-ism",
            f"The cluster has no Index State Management, which {', '.join(found.skipped)} need: "
            "use a cluster that has it, or do not require it and delete old indices yourself.",
        )
    for change in found.changes:
        if change.action is not Action.KEEP:
            _put(change, cluster)
    created, updated, unchanged = (
        tuple(change.wanted.title for change in found.changes if change.action is action) for action in Action
    )
    done = [(each, _attach(each, cluster)) for each in found.attachments]
    return Applied(
        created,
        updated,
        unchanged,
        found.skipped,
        tuple(each.index for each, failure in done if each.is_new and not failure),
        tuple(each.index for each, failure in done if not each.is_new and not failure),
        tuple((each.index, failure) for each, failure in done if failure),
    )


def compare(wanted: Sequence[Wanted], cluster: Cluster) -> Plan:
    """Hold what is wanted against the cluster, changing nothing.

    Raises:
        Unavailable: The cluster did not answer.
    """
    policies = [body for body in wanted if body.kind is Kind.POLICY]
    skipped = () if not policies or cluster.has_ism() else tuple(body.title for body in policies)
    changes = tuple(_compared(body, cluster) for body in wanted if body.title not in skipped)
    if skipped or not policies:
        return Plan(changes, skipped=skipped)
    found = cluster.fields(attachment.patterns(policies))
    ours = [index for index, fields in sorted(found.items()) if is_ours(index, fields)]
    managed = cluster.managed(ours)
    newest = {
        each.wanted.name: each.version if each.action is Action.KEEP else None
        for each in changes
        if each.wanted.kind is Kind.POLICY
    }
    return Plan(
        changes,
        tuple(attachment.attachments(ours, managed, policies, newest)),
        tuple(attachment.foreign(ours, managed, policies)),
    )


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


def _attach(each: Attachment, cluster: Cluster) -> str:
    give = cluster.attach if each.is_new else cluster.change_policy
    return give(each.index, each.policy)
