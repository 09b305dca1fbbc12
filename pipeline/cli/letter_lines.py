"""Dead letters as ``dlq`` prints them, for people and as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import typer

from pipeline.cli import output
from pipeline.core import instant
from pipeline.core.letters import Group, Letter, Wanted
from pipeline.redriving import Prospect, Redriven

NAMED = 10
"""Prospects whose error is told; the rest is counted."""

WIDTH = 100
"""Characters of an error in a table; ``show`` has all of it."""


class Hop(StrEnum):
    """Whose dead letters: those of the events queue, of the deltas queue, or of the fan-out queue."""

    EVENTS = "events"
    DELTAS = "deltas"
    FANOUT = "fanout"


def table(rows: Iterable[tuple[Hop, Group]]) -> Iterator[str]:
    """Lines of a table, a group each."""
    return output.table(
        {
            "hop": hop.value,
            "count": str(group.count),
            "reason": group.reason,
            "newest": instant.iso(group.newest),
            "id of the newest": group.example,
            "what it says": _line(group.error),
        }
        for hop, group in rows
    )


def _line(text: str) -> str:
    """One line of a text: a traceback's last, since it says what happened."""
    lines = text.strip().splitlines() or [""]
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def page(hop: Hop, letter: Letter) -> str:
    """A letter whole: what is written on it, then its body as it came."""
    told = {
        "letter": letter.id,
        "hop": hop.value,
        "reason": letter.reason,
        "sent": instant.iso(letter.sent),
        "index": letter.attributes.get("index", ""),
        "document": letter.attributes.get("id", ""),
        "error": letter.error.replace("\n", "\n" + " " * 10),
    }
    lines = [f"{name:<10}{text}" for name, text in told.items() if text]
    return "\n".join([*lines, letter.body])


def group_fields(hop: Hop, group: Group) -> dict[str, Any]:
    """A group as JSON."""
    return {
        "hop": hop.value,
        "reason": group.reason,
        "count": group.count,
        "oldest": instant.iso(group.oldest),
        "newest": instant.iso(group.newest),
        "example": group.example,
        "error": group.error,
    }


def letter_fields(hop: Hop, letter: Letter) -> dict[str, Any]:
    """A letter as JSON; its body as text, untouched."""
    return {
        "hop": hop.value,
        "id": letter.id,
        "reason": letter.reason,
        "error": letter.error,
        "sent": instant.iso(letter.sent),
        "attributes": dict(letter.attributes),
        "body": letter.body,
    }


def tell_prospects(prospects: Sequence[Prospect], *, as_json: bool) -> None:
    """Print what would become of the letters."""
    if as_json:
        told = [
            {"id": each.letter.id, "fate": each.fate.value, "reason": each.reason, "error": each.error}
            for each in prospects
        ]
        typer.echo(json.dumps(told, indent=2))
        return
    fates = Counter((each.fate.value, each.reason) for each in prospects)
    for (fate, reason), count in fates.most_common():
        typer.echo(f"{count:>6}  {fate}{f': {reason}' if reason else ''}")
    for each in [each for each in prospects if each.error][:NAMED]:
        sys.stderr.write(f"{each.letter.id}: {_line(each.error)}\n")
    typer.echo(f"Nothing was sent: this only says what would become of {len(prospects)}.")


def tell_redriven(done: Mapping[Hop, Redriven], wanted: Wanted, *, as_json: bool) -> None:
    """Print what became of the letters."""
    if as_json:
        told = {
            hop.value: {"sent": each.sent, "kept": each.kept, "doubled": each.doubled}
            for hop, each in done.items()
        }
        typer.echo(json.dumps(told))
        return
    for hop, each in done.items():
        if each.sent:
            typer.echo(f"{each.sent} sent to the {hop.value} queue again.")
        if each.doubled:
            sys.stderr.write(f"{each.doubled} of them lie among the dead letters too; that costs nothing.\n")
    if not any(each.sent or each.kept for each in done.values()):
        typer.echo(nothing(wanted))


def nothing(wanted: Wanted) -> str:
    """A sentence that no letter is meant."""
    which = f" of reason {wanted.reason}" if wanted.reason else " of these ids" if wanted.ids else ""
    return f"There are no dead letters{which}."


def counted(letters: Sequence[Letter]) -> str:
    """How many letters, of which reasons."""
    reasons = Counter(letter.reason for letter in letters)
    noun = "dead letter" if len(letters) == 1 else "dead letters"
    return f"{len(letters)} {noun} ({', '.join(f'{r} {n}' for r, n in reasons.most_common())})"
