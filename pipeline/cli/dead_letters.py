"""``dlq``: the dead letters of every hop, by reason; look at them, redrive them, drop them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline import redriving
from pipeline.cli import endpoints, letter_lines
from pipeline.cli.endpoints import Stack, StackOption, Target, TargetOption
from pipeline.cli.letter_lines import Hop
from pipeline.cli.output import JsonOption
from pipeline.core.letters import Wanted
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.redriving import Prospect
from pipeline.wiring import adapters, shipped

commands = typer.Typer()
dlq = typer.Typer(help="Look at dead letters, redrive them, or drop them.", no_args_is_help=True)
commands.add_typer(dlq, name="dlq")

SHOWN = 10
"""Letters that ``show`` prints where nothing else is said."""

HopOption = Annotated[Hop | None, typer.Option("--hop", help="Only this hop's letters; else every hop's.")]
IdArgument = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Letters by their ids.")]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Letters of one reason, as `dlq list` shows them.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All letters.")]
MostOption = Annotated[int, typer.Option("--most", min=1, help="Letters that are read at once, a hop.")]


@dlq.command("list")
def list_(
    *,
    hop: HopOption = None,
    most: MostOption = redriving.MOST,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show the dead letters of each reason: how many, since when, and what the newest says."""
    found = endpoints.find(target, stack)
    rows = [
        (each, group) for each in _hops(hop) for group in redriving.survey(found.queues[each.value], most)
    ]
    if as_json:
        typer.echo(json.dumps([letter_lines.group_fields(each, group) for each, group in rows], indent=2))
    elif rows:
        typer.echo("\n".join(letter_lines.table(rows)))
    else:
        typer.echo("There are no dead letters.")


@dlq.command()
def show(
    ids: IdArgument = None,
    *,
    reason: ReasonOption = None,
    hop: HopOption = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="So many at most, a hop.")] = SHOWN,
    body: Annotated[bool, typer.Option("--body", help="Only the bodies, one a line, as they came.")] = False,
    most: MostOption = redriving.MOST,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Print dead letters whole: why they lie there, and the body as it came."""
    found = endpoints.find(target, stack)
    wanted = Wanted(reason, frozenset(ids or ()))
    letters = [
        (each, letter)
        for each in _hops(hop)
        for letter in redriving.look(found.queues[each.value], wanted, most)[:count]
    ]
    if body:
        for _, letter in letters:
            typer.echo(letter.body)
    elif as_json:
        typer.echo(
            json.dumps([letter_lines.letter_fields(each, letter) for each, letter in letters], indent=2)
        )
    else:
        typer.echo(
            "\n\n".join(letter_lines.page(each, letter) for each, letter in letters)
            or letter_lines.nothing(wanted)
        )
    if not letters:
        raise typer.Exit(1)


@dlq.command()
def redrive(
    ids: IdArgument = None,
    *,
    reason: ReasonOption = None,
    everything: AllOption = False,
    hop: HopOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would now become of each.")
    ] = False,
    most: MostOption = redriving.MOST,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Put dead letters into their queue again, bodies untouched; what is rejected again comes back."""
    wanted = _wanted(ids, reason, everything=everything)
    found = endpoints.find(target, stack)
    if dry_run:
        prospects = [p for each in _hops(hop) for p in _prospects(found, each, wanted, most)]
        letter_lines.tell_prospects(prospects, as_json=as_json)
        return
    done = {each: redriving.redrive(found.queues[each.value], wanted, most) for each in _hops(hop)}
    letter_lines.tell_redriven(done, wanted, as_json=as_json)
    if any(each.kept for each in done.values()):
        raise StackError("Not all were taken by their queue; the rest lies where it lay. Try again.")


@dlq.command()
def drop(
    ids: IdArgument = None,
    *,
    reason: ReasonOption = None,
    everything: AllOption = False,
    hop: HopOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    most: MostOption = redriving.MOST,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Delete dead letters for good. Asks before it does."""
    wanted = _wanted(ids, reason, everything=everything)
    found = endpoints.find(target, stack)
    seen = {each: redriving.look(found.queues[each.value], wanted, most) for each in _hops(hop)}
    letters = [letter for of_hop in seen.values() for letter in of_hop]
    if letters and not yes:
        # stderr, so that --json leaves only JSON on stdout
        typer.confirm(
            f"Delete {letter_lines.counted(letters)}? Nobody can get them back.", abort=True, err=True
        )
    gone = {
        # By id: what has come since was not asked about.
        each: redriving.drop(found.queues[each.value], Wanted(ids=frozenset(x.id for x in of_hop)), most)
        for each, of_hop in seen.items()
        if of_hop
    }
    total = sum(gone.values())
    if as_json:
        typer.echo(json.dumps({"dropped": total, "kept": len(letters) - total}))
    else:
        typer.echo(f"{total} dropped." if letters else letter_lines.nothing(wanted))
    if total < len(letters):
        raise StackError(
            f"{len(letters) - total} could not be deleted, or somebody else reads them. Try again."
        )


def _hops(hop: Hop | None) -> Sequence[Hop]:
    return [hop] if hop else list(Hop)


def _wanted(ids: Sequence[str] | None, reason: str | None, *, everything: bool) -> Wanted:
    if everything is bool(ids or reason):
        raise StackError("Say which letters: ID…, --reason REASON (see `livedex dlq list`), or --all.")
    return Wanted(reason, frozenset(ids or ()))


def _prospects(found: Stack, hop: Hop, wanted: Wanted, most: int) -> list[Prospect]:
    letters = redriving.look(found.queues[hop.value], wanted, most)
    if hop is Hop.DELTAS:
        return redriving.foretell_deltas(letters)
    if hop is Hop.FANOUT:
        now = adapters.clock(found.settings).now()
        return redriving.foretell_jobs(letters, table=adapters.table(found.settings), now=now)
    return redriving.foretell_events(
        letters,
        routes=shipped.routes(),
        store=found.store,
        now=adapters.clock(found.settings).now(),
        single_tenant=found.settings.tenancy == "single",
    )
