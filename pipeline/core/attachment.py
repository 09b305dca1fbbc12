"""Stage: existing indices, and the policies that they have -> those that they are to get.

ISM gives a policy only to indices that are made after the policy's ``ism_template``, and an index goes on
by the version of the policy with which it began. So whoever changes a policy must say so for each index.

Source:
    https://docs.opensearch.org/latest/im-plugin/ism/api/#update-managed-index-policy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.bodies import listed, policies_of
from pipeline.core.indices import parse
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.core.bodies import Wanted
    from pipeline.core.model import Managed


@noun
class Attachment:
    """A policy that an existing index is to get.

    Attributes:
        is_new: Whether the index has none so far; else it has an older version, or another of ours.
    """

    index: str
    policy: str
    is_new: bool


def patterns(policies: Sequence[Wanted]) -> list[str]:
    """The patterns of the indices that the policies are for."""
    templates = [each for policy in policies for each in listed(policy.body["policy"].get("ism_template"))]
    return sorted({pattern for template in templates for pattern in template["index_patterns"]})


def attachments(
    indices: Sequence[str],
    managed: Mapping[str, Managed],
    policies: Sequence[Wanted],
    newest: Mapping[str, tuple[int, int] | None],
) -> Iterator[Attachment]:
    """Say which index is to get which policy.

    Args:
        indices: Existing ones of ours.
        managed: The policy that each of them has, if any.
        policies: The wanted ones.
        newest: For each wanted policy its version in the cluster; None where a newer one is on its way.
    """
    for index, policy in _chosen(indices, policies):
        has = managed.get(index)
        if has is None:
            yield Attachment(index, policy, is_new=True)
        elif has.policy in newest and (has.policy != policy or _is_behind(has, newest[policy])):
            yield Attachment(index, policy, is_new=False)


def foreign(
    indices: Sequence[str], managed: Mapping[str, Managed], policies: Sequence[Wanted]
) -> Iterator[tuple[str, str]]:
    """Name indices that would get a policy of ours, had somebody not given them another, and that one."""
    ours = {policy.name for policy in policies}
    for index, _ in _chosen(indices, policies):
        if index in managed and managed[index].policy not in ours:
            yield index, managed[index].policy


def _chosen(indices: Sequence[str], policies: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    """Each index with the policy that is for its family."""
    of_family: dict[str, tuple[Wanted, ...]] = {}
    for index in indices:
        family, _ = parse(index) or ("", 0)
        if family not in of_family:
            of_family[family] = policies_of(family, policies)
        for policy in of_family[family][:1]:
            yield index, policy.name


def _is_behind(has: Managed, newest: tuple[int, int] | None) -> bool:
    """Before its first run ISM has taken no version yet, and will take the newest."""
    return has.version is not None and has.version != newest
