"""Takes a deployed stack away, and looks that nothing of it remains.

What lies in the cluster stays, unless it is purged: templates, policies and every index of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local import clouds, deploy, formation, parameters, places, purge
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.local.progress import Tell
    from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion came to.

    Attributes:
        existed: Whether there was a stack.
        purged: What was deleted in the cluster.
        remains: What is still there and should not be, as ``service: id``.
    """

    existed: bool
    purged: tuple[str, ...]
    remains: tuple[str, ...]


def delete(
    target: str,
    folder: Path,
    *,
    name: str = deploy.STACK,
    region: str | None = None,
    cluster: Settings | None = None,
    tell: Tell = lambda _: None,
) -> Deleted:
    """Delete the stack, its bucket and its log groups.

    Args:
        target: ``local`` or ``aws``.
        folder: Where the command line was called.
        name: The CloudFormation stack's.
        region: Of AWS.
        cluster: How to reach the cluster whose content is to be deleted as well; None leaves it alone.
        tell: Called with words on how far it is.

    Raises:
        StackError: Something could not be deleted, or the stack made its own cluster, and that has not
            been given up.
    """
    cloud = clouds.local(folder) if target == "local" else clouds.account(region)
    found = formation.find(cloud, name)
    own_domain = parameters.of_stack(found).get("CreateDomain") == "true"
    if own_domain and not cluster:
        raise StackError(
            f"The stack {name} made its own domain, which would go with all its documents: "
            "say --purge if they may go."
        )
    belonged = formation.resources(cloud, name) if found else frozenset({formation.bucket(cloud, name)})
    if found:
        tell("deleting the stack")
        formation.remove(cloud, name)
    tell("deleting bucket and logs")
    formation.delete_bucket(cloud, name)
    formation.delete_logs(cloud, belonged)
    deploy.forget(places.Places(folder), cloud.target, name)
    purged: list[str] = []
    if cluster and not own_domain:
        tell("purging the cluster")
        purged = purge.purge(cluster)
    tell("looking what remains")
    return Deleted(found is not None, tuple(purged), tuple(formation.remaining(cloud, belonged)))
