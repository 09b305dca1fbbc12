"""What would change, what was changed and what does not fit, for people and as JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from pipeline.applying import Applied, Plan
from pipeline.core.findings import Finding
from pipeline.core.plan import Action, Change
from pipeline.retiring import Retired

COLOURS = {Action.CREATE: "green", Action.UPDATE: "yellow"}
AROUND = 2
"""Lines of a body that are shown around those that differ."""


def lines(plan: Plan, met: tuple[Finding, ...]) -> list[str]:
    """A plan as text, coloured; a terminal's colours are taken out where the output is none."""
    shown: list[str] = []
    for change in plan.changes:
        if change.action is not Action.KEEP:
            title = f"{change.action.value} {change.wanted.title}"
            shown += [typer.style(title, fg=COLOURS[change.action], bold=True), *_diff(change)]
    for each in plan.attachments:
        verb = "give" if each.is_new else "give the newest"
        shown.append(typer.style(f"{verb} policy {each.policy} to {each.index}", fg="yellow", bold=True))
    shown += [f"leave {index} its own policy {policy}, which is not ours" for index, policy in plan.foreign]
    if plan.skipped:
        shown.append(f"skip {', '.join(plan.skipped)}: this cluster has no Index State Management")
    kept = sum(change.action is Action.KEEP for change in plan.changes)
    if len(shown) == len(plan.foreign) + bool(plan.skipped):
        shown.append(f"Nothing to change; {kept} are as they should be.")
    return [*shown, *(finding_line(each) for each in met)]


def as_json(plan: Plan, met: tuple[Finding, ...]) -> dict[str, Any]:
    """A plan as JSON; bodies in the form in which they are compared."""
    return {
        "changes": [
            {
                "kind": change.wanted.kind.value,
                "name": change.wanted.name,
                "action": change.action.value,
                "before": change.before,
                "after": change.after,
            }
            for change in plan.changes
        ],
        "attachments": [asdict(each) for each in plan.attachments],
        "foreign": dict(plan.foreign),
        "skipped": list(plan.skipped),
        "findings": [finding(each) for each in met],
    }


def applied(done: Applied) -> dict[str, Any]:
    """What was changed, as JSON."""
    return {**asdict(done), "failed": dict(done.failed)}


def finding(each: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return asdict(each)


def finding_line(each: Finding) -> str:
    """A finding as text."""
    word = typer.style("wrong", fg="red", bold=True) if each.grave else typer.style("note", fg="yellow")
    return f"{word}: {each.place}: {each.text}"


def retired(done: Retired) -> dict[str, Any]:
    """What is past its time, as JSON."""
    return {
        "expired": [asdict(each) for each in done.expired],
        "deleted": list(done.deleted),
        "failed": dict(done.failed),
    }


def retired_lines(done: Retired, *, deleting: bool) -> list[str]:
    """What is past its time, as text."""
    if not done.expired:
        return ["No index is past its retention."]
    failed = dict(done.failed)
    found = []
    for each in done.expired:
        fate = "would go"
        if deleting:
            fate = failed.get(each.index, "deleted" if each.index in done.deleted else "gone already")
        found.append(f"{each.index}  {each.age} days old, kept {each.retention}: {fate}")
    return found if deleting else [*found, "Nothing is deleted: say --delete."]


def _diff(change: Change) -> list[str]:
    """The differing lines with some around them, and ``…`` where others are left out."""
    found = change.lines()
    near = {
        place + step
        for place, line in enumerate(found)
        if line[0] in "+-"
        for step in range(-AROUND, AROUND + 1)
    }
    shown: list[str] = []
    for place, line in enumerate(found):
        if place in near:
            shown.append(typer.style(f"  {line}", fg={"+": "green", "-": "red"}.get(line[0])))
        elif not shown or shown[-1] != "    …":
            shown.append("    …")
    return shown
