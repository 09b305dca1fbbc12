"""``replay`` and ``backfill``: events of the past, sent again or stored in silence."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters import archive
from pipeline.cli import endpoints, output, past
from pipeline.cli.endpoints import Stack, StackOption, Target, TargetOption
from pipeline.cli.output import JsonOption
from pipeline.cli.past import Tally
from pipeline.core import instant
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.wiring import adapters, shipped, stories

commands = typer.Typer()

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Events as .json or .ndjson.")]


@commands.command()
def replay(
    *,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="The first moment, ISO 8601.")],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The last; now if left out.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Read the events from here, not from the archive.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the replay; made up if left out.")] = None,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Send again what was put on the bus between two times.

    What is stored already stays as it is. What is stored now is announced only where its route says
    announce-replays. On AWS the stack's archive has the events; the local stack keeps none.
    """
    now = int(time.time() * 1000)
    window = _moment("--from", start), now if end is None else _moment("--to", end)
    if window[0] > window[1]:
        raise StackError("--from is later than --to: swap them.")
    if file is None and target is Target.LOCAL:
        raise StackError(
            "The local stack keeps no archive: give a file of envelopes with --file. With --target aws, "
            "the archive of the deployed stack is replayed."
        )
    found = endpoints.find(target, stack)
    name = name or f"livedex-{now}"
    if file is None:
        _replay_archive(found, name, window, now, as_json=as_json)
        return
    tally = Tally()
    past.replay(past.read(file), window, found.queues["events"], name, tally)
    _tell(tally, as_json=as_json)


@commands.command()
def backfill(
    file: FileArgument,
    *,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Store events of the past, without announcing them. Doing it twice stores nothing twice.

    Events go by the routes of this folder's project, straight into the index. What has no id of its
    own gets one made of its content. A client that resumes is shown what was stored while it was away.
    """
    found = endpoints.find(target, stack)
    tally = Tally()
    try:
        index, clock = stories.indexing(found.settings), adapters.clock(found.settings)
        past.backfill(past.read(file), index, clock, shipped.routes(), tally)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; run it again to go on.\n")
    _tell(tally, as_json=as_json)


def _replay_archive(found: Stack, name: str, window: tuple[int, int], now: int, *, as_json: bool) -> None:
    events = archive.connect(found.settings, found.outputs["EventsBusName"])
    kept = events.replay(name, *window)
    if window[1] > now - archive.SETTLING:
        sys.stderr.write(
            "An event may take 10 minutes until it is in the archive: the newest may be missing.\n"
        )
    if as_json:
        typer.echo(json.dumps({"replay": name, "archive": kept, "state": events.state(name)}))
    else:
        typer.echo(f"Replay {name} of archive {kept} has begun.")
        typer.echo(f"How far it is: aws events describe-replay --replay-name {name}")


def _moment(option: str, text: str) -> int:
    try:
        return instant.read(text)
    except ValueError as error:
        raise StackError(f"{option}: {error}") from error


def _tell(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        failures = [{"place": place, "error": error} for place, error in tally.failures]
        typer.echo(json.dumps({**tally.counts, "failed": tally.failed, "failures": failures}))
    else:
        output.failures(tally.failures)
        counts = [f"{count} {name.replace('_', ' ')}" for name, count in tally.counts.items()]
        typer.echo(", ".join([*counts, f"{tally.failed} failed"]))
    if tally.failed:
        raise typer.Exit(1)
