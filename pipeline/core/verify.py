"""Stage: routes, index templates and policies, held against each other -> findings.

Each may be right alone and wrong beside the others: an attribute without a field, or a policy that makes
an index read-only while its events still come. No deploy shows that; it shows weeks later, as rejected
events or as filters that find nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import policy_fit, template_fit
from pipeline.core.bodies import faults
from pipeline.core.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.bodies import Wanted
    from pipeline.core.model import Route


def verify(routes: Iterable[Route], bodies: Sequence[Wanted]) -> tuple[Finding, ...]:
    """Find what does not fit.

    Args:
        routes: All of them, the built-in catch-all too; those that store nothing need nothing.
        bodies: As ``bodies.read`` gives them, with their faults.

    Returns:
        In the order of the files, then of the families, each once; empty where all is well.
    """
    families: dict[str, list[Route]] = {}
    for route in routes:
        if route.index:
            families.setdefault(route.family, []).append(route)
    found = [Finding(body.file, fault.text) for body in bodies for fault in faults(body)]
    found += policy_fit.rivals(bodies)
    for family, own in families.items():
        found += template_fit.findings(family, own, bodies)
        found += policy_fit.findings(family, own, bodies)
    return tuple(dict.fromkeys(found))
