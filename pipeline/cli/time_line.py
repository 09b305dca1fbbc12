"""A policy as a time line: ``day 0 hot``, ``day 2 warm``, ``day 14 delete``. Pure."""

from __future__ import annotations

from typing import Any

from pipeline.core import attachment, lifecycle
from pipeline.core.bodies import Wanted
from pipeline.core.instant import DAY
from pipeline.core.lifecycle import Stay

CLOCK = (
    "Days count from an index's creation, not from the date in its name. ISM takes one step a run, and "
    "runs every 5 to 8 minutes, so each line is reached a few runs later."
)


def lines(policy: Wanted) -> list[str]:
    """The time line as text."""
    stays = lifecycle.stays(policy.body)
    wide = max((len(stay.state) for stay in stays), default=0)
    shown = [f"{policy.name}, for {', '.join(attachment.patterns([policy])) or 'no index by itself'}"]
    for stay in stays:
        shown.append(f"  day {stay.age / DAY:<6g}{stay.state:<{wide}}  {_what(stay)}".rstrip())
        shown += [f"{'':12}but {unless}, whenever that is" for unless in stay.unless]
    if lifecycle.deletion_age(policy.body) is None:
        shown.append("  never deleted by age")
    return [*shown, CLOCK]


def as_json(policy: Wanted) -> dict[str, Any]:
    """The time line as JSON; ages in days."""
    sealed, deleted = lifecycle.read_only_age(policy.body), lifecycle.deletion_age(policy.body)
    return {
        "patterns": attachment.patterns([policy]),
        "readOnly": None if sealed is None else sealed / DAY,
        "deleted": None if deleted is None else deleted / DAY,
        "states": [
            {"state": stay.state, "day": stay.age / DAY, "actions": stay.actions, "unless": stay.unless}
            for stay in lifecycle.stays(policy.body)
        ],
    }


def _what(stay: Stay) -> str:
    if not stay.actions:
        return "nothing is done"
    sealed = " (no more events from here on)" if lifecycle.SEALING.intersection(stay.actions) else ""
    return ", ".join(name.replace("_", " ") for name in stay.actions) + sealed
